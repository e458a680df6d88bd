"""What turns texts into vectors, and how near two vectors are."""

from __future__ import annotations

import asyncio
import inspect
import math
from array import array
from collections.abc import Awaitable, Callable, Iterable, Sequence
from operator import mul
from typing import Any, TypeVar

from langchain_core.embeddings import Embeddings

from .checks import unknown_names
from .items import AEmbeddingsFunc, EmbeddingsFunc, IndexConfig
from .paths import WHOLE, tokenize_path

Key = TypeVar("Key")


class EmbeddingsLambda(Embeddings):
    """A function from texts to vectors as an `Embeddings` of langchain-core."""

    def __init__(self, func: EmbeddingsFunc | AEmbeddingsFunc) -> None:
        self.func: Callable[..., Any] = func
        self.is_async = any(map(inspect.iscoroutinefunction, (func, getattr(type(func), "__call__", None))))  # noqa: B004

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of the texts. Raises `ValueError` if the function is async."""
        if self.is_async:
            raise ValueError(
                "the store's embed function is async, so it cannot serve a sync call: call the method with an 'a' in "
                "front (aput, asearch), or give a sync function"
            )
        return self.func(texts)

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of the texts; a sync function runs off the event loop."""
        if self.is_async:
            answer: Awaitable[list[list[float]]] = self.func(texts)
            return await answer
        return await asyncio.to_thread(self.func, texts)

    async def aembed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        return (await self.aembed_documents([text]))[0]


def ensure_embeddings(embed: Embeddings | EmbeddingsFunc | AEmbeddingsFunc | str | None) -> Embeddings:
    """What was given as `embed`, as an `Embeddings` of langchain-core.

    Raises:
        ValueError: nothing, a model's name, or something that is neither an `Embeddings` nor a function.
    """
    if embed is None:
        raise ValueError("embed must be provided: a function from texts to vectors, or an Embeddings of langchain-core")
    if isinstance(embed, Embeddings):
        return embed
    if isinstance(embed, str):
        raise ValueError(
            f"embed={embed!r}: clew knows no embedding models by name; make the model's Embeddings object "
            "(OpenAIEmbeddings(...), init_embeddings(...)) and give that"
        )
    if not callable(embed):
        raise ValueError(f"embed={embed!r}: a function from texts to vectors, or an Embeddings of langchain-core")
    return EmbeddingsLambda(embed)


class Index:
    """A store's settings for vectors, looked at once."""

    def __init__(self, config: IndexConfig, extras: Iterable[str] = ()) -> None:
        unknown_names(config, {*IndexConfig.__annotations__, *extras}, "index")
        self.embeddings = ensure_embeddings(config.get("embed"))
        self.dims = config.get("dims")
        fields = config.get("fields")
        self.fields = self.paths([WHOLE] if fields is None else fields)

    def paths(self, fields: Sequence[str]) -> list[tuple[str, list[str]]]:
        """Each field's path as written and in steps.

        Raises:
            ValueError: not a list of texts.
        """
        if (
            isinstance(fields, str)
            or not isinstance(fields, Sequence)
            or not all(isinstance(one, str) for one in fields)
        ):
            raise ValueError(f"index={fields!r}: a list of field paths, False for none, or None for the store's own")
        return [(path, [] if path == WHOLE else tokenize_path(path)) for path in fields]

    def checked(self, vectors: Sequence[Sequence[float]], texts: Sequence[str]) -> list[array[float]]:
        """The vectors of the texts. Raises `ValueError` if there are not as many, or not as long, as was said."""
        if len(vectors) != len(texts):
            raise ValueError(
                f"embed gave {len(vectors)} vectors for {len(texts)} texts: it must give one for each, in order"
            )
        for vector in vectors:
            if self.dims is not None and len(vector) != self.dims:
                raise ValueError(f"embed gave a vector of {len(vector)} numbers, but index['dims'] is {self.dims}")
        return [array("d", vector) for vector in vectors]


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of the angle between two vectors; 0.0 if one of them has no direction.

    Raises:
        ValueError: they differ in length: the index was changed under kept vectors.
    """
    if len(one) != len(other):
        raise ValueError(
            f"a kept vector has {len(other)} numbers and the query's has {len(one)}: the store's embed was changed; "
            "put the items again"
        )
    lengths = math.sqrt(sum(map(mul, one, one))) * math.sqrt(sum(map(mul, other, other)))
    return sum(map(mul, one, other)) / lengths if lengths else 0.0


def best_scores(query: Sequence[float], vectors: Iterable[tuple[Key, Sequence[float]]]) -> dict[Key, float]:
    """For each item the score of the nearest of its vectors. Exact."""
    best: dict[Key, float] = {}
    for item, vector in vectors:
        score = cosine(query, vector)
        if item not in best or score > best[item]:
            best[item] = score
    return best

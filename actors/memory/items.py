"""What a long-term store keeps and is asked: items, operations, and the settings for vectors and time to live."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias, TypedDict

from langchain_core.embeddings import Embeddings

NamespacePath: TypeAlias = tuple[str | Literal["*"], ...]
"""Labels of a namespace, of which "*" stands for any one."""
NamespaceMatchType: TypeAlias = Literal["prefix", "suffix"]
EmbeddingsFunc: TypeAlias = Callable[[Sequence[str]], list[list[float]]]
"""Texts to vectors, one for each, in order."""
AEmbeddingsFunc: TypeAlias = Callable[[Sequence[str]], Awaitable[list[list[float]]]]


class NotProvided:
    """The kind of `NOT_PROVIDED`: an argument that was not given, where None would say something."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_PROVIDED = NotProvided()
"""Stands for an argument that was not given."""


class Item:
    """One value with its address and times. Equal to another with the same five parts."""

    __slots__ = ("created_at", "key", "namespace", "updated_at", "value")

    def __init__(
        self,
        *,
        value: dict[str, Any],
        key: str,
        namespace: tuple[str, ...],
        created_at: datetime,
        updated_at: datetime,
    ) -> None:
        self.value = value
        """What was put."""
        self.key = key
        self.namespace = tuple(namespace)
        self.created_at = _time(created_at)
        """When something was first put under this address; later puts do not change it. UTC."""
        self.updated_at = _time(updated_at)
        """When this value was put. UTC."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Item):
            return NotImplemented
        return self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((self.namespace, self.key))

    def __repr__(self) -> str:
        return f"Item({', '.join(f'{name}={value!r}' for name, value in self.dict().items())})"

    def dict(self) -> dict[str, Any]:
        """The parts as JSON has them: the namespace a list, the times ISO 8601."""
        return {
            "namespace": list(self.namespace),
            "key": self.key,
            "value": self.value,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }

    def _parts(self) -> tuple[Any, ...]:
        return self.value, self.key, self.namespace, self.created_at, self.updated_at


class SearchItem(Item):
    """An item that a search found."""

    __slots__ = ("score",)

    def __init__(
        self,
        namespace: tuple[str, ...],
        key: str,
        value: dict[str, Any],
        created_at: datetime,
        updated_at: datetime,
        score: float | None = None,
    ) -> None:
        super().__init__(value=value, key=key, namespace=namespace, created_at=created_at, updated_at=updated_at)
        self.score = score
        """Cosine similarity to the query, 1.0 for the same direction; None without a query or a vector."""

    def dict(self) -> dict[str, Any]:
        """As `Item.dict`, with the score."""
        return {**super().dict(), "score": self.score}


class GetOp(NamedTuple):
    """Read one item."""

    namespace: tuple[str, ...]
    key: str
    refresh_ttl: bool = True
    """Whether the item's time to live begins anew."""


class SearchOp(NamedTuple):
    """Find items below a namespace."""

    namespace_prefix: tuple[str, ...]
    """The first labels of the namespaces that are meant; () means all."""
    filter: dict[str, Any] | None = None
    """Field to the value it must have, or to `{operator: value}` with $eq $ne $gt $gte $lt $lte."""
    limit: int = 10
    offset: int = 0
    query: str | None = None
    """A text: the nearest items come first. Without an index it does nothing."""
    refresh_ttl: bool = True


class MatchCondition(NamedTuple):
    """How a namespace must begin or end."""

    match_type: NamespaceMatchType
    path: NamespacePath


class ListNamespacesOp(NamedTuple):
    """List namespaces that hold something."""

    match_conditions: tuple[MatchCondition, ...] | None = None
    """All of them must hold."""
    max_depth: int | None = None
    """Longer namespaces are cut to so many labels; each is listed once."""
    limit: int = 100
    offset: int = 0


class PutOp(NamedTuple):
    """Keep a value, or delete what is kept."""

    namespace: tuple[str, ...]
    key: str
    value: Mapping[str, Any] | None
    """None deletes."""
    index: Literal[False] | list[str] | None = None  # type: ignore[assignment]  # as people write it; hides tuple.index
    """Paths of the fields to embed; False for none; None for those of the store's index."""
    ttl: float | None = None
    """Minutes until it expires; None for never."""


Op: TypeAlias = GetOp | SearchOp | PutOp | ListNamespacesOp
Result: TypeAlias = Item | list[Item] | list[SearchItem] | list[tuple[str, ...]] | None
"""What an operation gives: an item or None, found items, namespaces; None for a put."""


class TTLConfig(TypedDict, total=False):
    """Time to live, in minutes."""

    refresh_on_read: bool
    """Whether reading an item begins its time anew, where a call does not say; True by default."""
    omit_expired: bool
    """Whether reads leave out what has expired and is not swept yet; False by default."""
    default_ttl: float | None
    """Minutes for puts that do not say; None for ever."""
    sweep_interval_minutes: int | None
    """How often the sweeper looks; 5 by default."""


class IndexConfig(TypedDict, total=False):
    """What makes a store's values searchable by meaning."""

    dims: int
    """Length of the vectors; an embedding of another length is refused."""
    embed: Embeddings | EmbeddingsFunc | AEmbeddingsFunc | str
    """An `Embeddings` of langchain-core, or a function, sync or async, from texts to vectors."""
    fields: list[str] | None
    """Paths of what is embedded; `["$"]`, the whole value, by default."""


def _time(given: datetime | str) -> datetime:
    return datetime.fromisoformat(given) if isinstance(given, str) else given

"""Graphs and readers of v3 event streams."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from operator import add
from typing import Annotated, Any

from clew.graph import START, StateGraph
from clew.types import interrupt
from langchain_core.language_models import BaseChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from typing_extensions import TypedDict

THREAD = {"configurable": {"thread_id": "1"}}
GIVEN = {"x": 1, "log": []}


class State(TypedDict, total=False):
    x: int
    log: Annotated[list, add]


def says(name: str) -> Callable[[State], dict]:
    return lambda state: {"log": [name]}


def chain(*names: str, **options: Any) -> Any:
    """START -> each name in turn; every node adds its name to the log."""
    builder = StateGraph(State)
    for before, name in zip((START, *names), names, strict=False):
        builder.add_node(name, says(name)).add_edge(before, name)
    return builder.compile(**options)


def failing(**options: Any) -> Any:
    """START -> pre -> bad, which raises `ValueError("boom")`."""

    def bad(state: State) -> dict:
        raise ValueError("boom")

    builder = StateGraph(State).add_node("pre", says("pre")).add_node("bad", bad)
    return builder.add_edge(START, "pre").add_edge("pre", "bad").compile(**options)


def asking(saver: Any, *questions: str) -> Any:
    """START -> one node for each question, side by side."""
    builder = StateGraph(State)
    for question in questions:
        builder.add_node(question, lambda state, asked=question: {"log": [interrupt(asked)]})
        builder.add_edge(START, question)
    return builder.compile(checkpointer=saver)


def around(inner: Any, **options: Any) -> Any:
    """START -> pre -> sub (the graph given) -> post."""
    builder = StateGraph(State).add_node("pre", says("pre")).add_node("sub", inner).add_node("post", says("post"))
    return builder.add_edge(START, "pre").add_edge("pre", "sub").add_edge("sub", "post").compile(**options)


class Talker(GenericFakeChatModel):
    """Streams its answers word by word."""


def talker(*texts: str) -> Talker:
    return Talker(messages=iter([AIMessage(text) for text in texts]))


class Thinker(BaseChatModel):
    """Streams a thought, a word, a tool call and what it cost."""

    pieces: list[AIMessageChunk]

    @property
    def _llm_type(self) -> str:
        return "thinker"

    def _generate(self, *args: Any, **options: Any) -> ChatResult:
        raise NotImplementedError

    def _stream(self, messages: list[BaseMessage], *args: Any, **options: Any) -> Iterator[ChatGenerationChunk]:
        for piece in self.pieces:
            yield ChatGenerationChunk(message=piece)


class Reader:
    """Reads a run stream: the same words for sync and async ones."""

    is_async = False

    def open(self, graph: Any, given: Any = GIVEN, config: Any = None, **options: Any) -> Any:
        return graph.stream_events(given, config, version="v3", **options)

    def all(self, source: Any) -> list[Any]:
        return list(source)

    def output(self, run: Any) -> Any:
        return run.output

    def interrupted(self, run: Any) -> bool:
        return run.interrupted

    def interrupts(self, run: Any) -> list[Any]:
        return run.interrupts

    def abort(self, run: Any) -> None:
        run.abort()

    def first(self, source: Any) -> Any:
        return next(iter(source))


class AsyncReader(Reader):
    """As `Reader`, on one event loop for all of a test."""

    is_async = True

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def __enter__(self) -> AsyncReader:
        self._runner.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._runner.__exit__(*raised)  # type: ignore[arg-type]

    def wait(self, work: Any) -> Any:
        return self._runner.run(work)

    def open(self, graph: Any, given: Any = GIVEN, config: Any = None, **options: Any) -> Any:
        return self.wait(graph.astream_events(given, config, version="v3", **options))

    def all(self, source: Any) -> list[Any]:
        async def drained() -> list[Any]:
            return [item async for item in source]

        return self.wait(drained())

    def output(self, run: Any) -> Any:
        return self.wait(run.output())

    def interrupted(self, run: Any) -> bool:
        return self.wait(run.interrupted())

    def interrupts(self, run: Any) -> list[Any]:
        return self.wait(run.interrupts())

    def abort(self, run: Any) -> None:
        self.wait(run.abort())

    def first(self, source: Any) -> Any:
        async def one() -> Any:
            return await anext(aiter(source))

        return self.wait(one())


def methods(events: list[Any]) -> list[str]:
    return [event["method"] for event in events]


def data(events: list[Any], method: str) -> list[Any]:
    return [event["params"]["data"] for event in events if event["method"] == method]


def plain(ns: Any) -> list[str]:
    """A namespace with its task ids taken out."""
    return [re.sub(r":[0-9a-f-]{36}$", ":", segment) for segment in ns]

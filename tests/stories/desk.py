"""A desk with a letter that waits for a signature: the thread that trouble is made for, and must leave whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypedDict

from clew import Command, Runtime, interrupt
from clew.events.stores.saver import BaseCheckpointSaver

from tests.support.stories import by_invoke, chain, on, rows

QUESTION = "Sign the letter?"
LETTER = on("letter")


Door = Callable[[Any, Any, Any], Any]


class Letter(TypedDict, total=False):
    text: str
    signed: str
    stamp: Any


class Desk:
    """A graph on a saver, with the thread "letter" paused at its question."""

    def __init__(self, saver: BaseCheckpointSaver, door: Door = by_invoke) -> None:
        self.saver = saver
        self.door = door
        """How the letter's answers come in."""
        self.sealed: list[str] = []
        """What `seal` did, each time it ran."""
        self.graph = self.with_seal(self.seal)
        self.question = self.put_down("letter")

    def put_down(self, thread: str) -> str:
        """Lay a letter on the desk, as a thread of this name; the id of the question it waits at."""
        paused = self.graph.invoke({"text": "Dear Ann"}, on(thread))
        return paused["__interrupt__"][0].id

    def seen_by(self, saver: BaseCheckpointSaver) -> Desk:
        """The same desk in another process: a saver, and a graph, that know nothing but what is stored."""
        desk = Desk.__new__(Desk)
        desk.saver, desk.door, desk.sealed, desk.question = saver, self.door, self.sealed, self.question
        desk.graph = desk.with_seal(desk.seal)
        return desk

    def with_seal(self, seal: Callable[[Letter], Letter], runtime: Runtime | None = None) -> Any:
        """The desk's graph with other code in its last node."""
        return chain(Letter, sign, named("seal", seal)).compile(checkpointer=self.saver, runtime=runtime)

    def seal(self, letter: Letter) -> Letter:
        self.sealed.append(letter["signed"])
        return {"stamp": "red wax"}

    def answer(self, value: Any = "Bob", **configurable: Any) -> Any:
        """Answer the letter's question."""
        return self.door(self.graph, Command(resume=value), on("letter", **configurable))

    def can_be_answered(self) -> bool:
        """True when the letter's question is open, and its answer leads to the end, once."""
        done = {"text": "Dear Ann", "signed": "Bob", "stamp": "red wax"}
        return self.waits() and self.answer() == done and self.sealed == ["Bob"]

    def waits(self) -> bool:
        """True when the state shows the letter's question, open."""
        state = self.graph.get_state(LETTER)
        return state.next == ("sign",) and [question.id for question in state.interrupts] == [self.question]

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """Whatever happens in the block writes nothing to the letter: its question is open, and its answer works."""
        before = rows(self.saver, "letter")
        yield
        assert rows(self.saver, "letter") == before
        assert self.can_be_answered()
        assert rows(self.saver, "letter")[: len(before)] == before


def sign(_: Letter) -> Letter:
    return {"signed": interrupt(QUESTION)}


def named(name: str, node: Callable[[Letter], Letter]) -> Callable[[Letter], Letter]:
    """The node as a function of this name."""

    def call(letter: Letter) -> Letter:
        return node(letter)

    call.__name__ = name
    return call

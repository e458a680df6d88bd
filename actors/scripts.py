"""Code that is written once for sync and async callers: a script, driven on a thread or on an event loop.

A script is a generator that yields steps and is sent what they came to; what a step raises is raised in it. Whoever has
something to do that the two kinds of callers do differently makes a step of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Step(Protocol):
    """Something to be done on the way, that sync and async callers do differently."""

    def make(self) -> Any:
        """Do it on this thread."""
        ...

    def amake(self) -> Awaitable[Any]:
        """Do it for the running loop."""
        ...


Script = Generator[Step, Any, T]


def make(step: Step) -> Any:
    """Do a step on this thread."""
    return step.make()


def drive(script: Script[T], do: Callable[[Step], Any] = make) -> T:
    """Run a script to its end on this thread, each step by `do`."""
    given: Any = None
    error: BaseException | None = None
    try:
        while True:
            step = script.send(given) if error is None else script.throw(error)
            given = error = None
            try:
                given = do(step)
            except BaseException as raised:
                error = raised
    except StopIteration as done:
        return done.value


async def adrive(script: Script[T]) -> T:
    """As `drive`, on the running loop."""
    given: Any = None
    error: BaseException | None = None
    try:
        while True:
            step = script.send(given) if error is None else script.throw(error)
            given = error = None
            try:
                given = await step.amake()
            except BaseException as raised:
                error = raised
    except StopIteration as done:
        return done.value


async def on_a_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function beside the running loop, whose futures cannot carry a `StopIteration`."""

    def call() -> T:
        try:
            return function(*arguments)
        except StopIteration as error:
            raise RuntimeError("code that was called on a thread raised StopIteration") from error

    return await asyncio.to_thread(call)

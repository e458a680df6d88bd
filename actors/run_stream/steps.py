"""Calls of user code as values: a generator says what is to be called, its driver calls it, plainly or with `await`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any

from msgspec import Struct


class Step(Struct, frozen=True):
    """One call: `plain()` for a sync driver, `awaited()` for one on an event loop."""

    plain: Callable[[], Any]
    awaited: Callable[[], Awaitable[Any]]


Steps = Generator[Step, Any, Any]


def run(steps: Steps) -> Any:
    """Take each step on the calling thread; what a step raises is raised in the generator. Returns its result."""
    try:
        step = next(steps)
        while True:
            try:
                result = step.plain()
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as done:
        return done.value


async def arun(steps: Steps) -> Any:
    """As `run`, on the running loop."""
    try:
        step = next(steps)
        while True:
            try:
                result = await step.awaited()
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as done:
        return done.value

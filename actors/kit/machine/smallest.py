"""Making a failure smaller: fewer steps, then simpler values, as long as the same thing goes wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, final

from langchain_core.messages import BaseMessage

from .play import MachineFailed, Play, Rules, Step


@final
class Smallest:
    """Finds the smallest failure, once; what fails afterwards is taken for the same."""

    def __init__(self, rules: Rules, seconds: float) -> None:
        self._rules = rules
        self._seconds = seconds
        self._found: dict[str, MachineFailed] = {}
        """By the kind of problem."""

    def of(self, failure: MachineFailed) -> MachineFailed:
        """The smallest failure of this kind that was found in the time; saved, where there is a place for it."""
        kind = _kind(failure)
        if kind not in self._found:
            self._found[kind] = self._saved(self._made_smaller(failure))
        return self._found[kind]

    def _saved(self, failure: MachineFailed) -> MachineFailed:
        rules = self._rules
        if rules.save_to is None:
            return failure
        return MachineFailed(failure.problem, failure.log, failure.log.save(rules.save_to / f"{rules.name}.jsonl"))

    def _made_smaller(self, failure: MachineFailed) -> MachineFailed:
        until = time.monotonic() + self._seconds
        best, smaller = failure, True
        while smaller:
            smaller = False
            for steps in self._candidates(best.log.steps):
                if time.monotonic() > until:
                    return best
                again = self._fails(steps)
                if again is not None and _kind(again) == _kind(failure) and _size(again) < _size(best):
                    best, smaller = again, True
                    break
        return best

    def _candidates(self, steps: Sequence[Step]) -> Iterator[list[Step]]:
        """Lists of steps that are smaller: long parts left out first, then single ones, then simpler values."""
        length = len(steps) // 2
        while length:
            for start in range(0, len(steps), length):
                yield [*steps[:start], *steps[start + length :]]
            length //= 2
        play = Play(self._rules)
        for number, step in enumerate(steps):
            for value in simpler(play.value_of(step)) if "value" in step else ():
                yield [*steps[:number], {**step, "value": play.value(value)}, *steps[number + 1 :]]

    def _fails(self, steps: Sequence[Step]) -> MachineFailed | None:
        play = Play(self._rules)
        try:
            for step in steps:
                play.take(step, passing_over=True)
        except MachineFailed as failure:
            return failure
        return None


def _kind(failure: MachineFailed) -> str:
    """What goes wrong, without ids and values."""
    return failure.problem.partition(":")[0][:40]


def _size(failure: MachineFailed) -> tuple[int, int, int]:
    """Fewer steps first, then shorter values, then a shorter log."""
    steps = failure.log.steps
    values = sum(len(step["value"]["shown"]) for step in steps if "value" in step)
    return len(steps), values, len(failure.log.rows)


def simpler(value: Any) -> Iterator[Any]:
    """Values that say less, the simplest first."""
    match value:
        case bool() | None:
            return
        case int() | float():
            if value:
                yield from (0, value // 2)
        case str():
            if value:
                yield from ("", value[: len(value) // 2])
        case BaseMessage():
            for content in simpler(value.content):
                yield value.model_copy(update={"content": content})
        case list():
            for number in range(len(value)):
                yield [*value[:number], *value[number + 1 :]]
                for item in simpler(value[number]):
                    yield [*value[:number], item, *value[number + 1 :]]
        case Mapping():
            for key in value:
                for item in simpler(value[key]):
                    yield {**value, key: item}

"""Ages and moments as people type and read them."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any, Final

import click

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_STEPS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


class Age(click.ParamType[float]):
    """An age such as 30s, 15m, 2h, 3d or 1w: seconds."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The age in seconds."""
        if isinstance(value, float):
            return value
        found = _AGE.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no age: write 30s, 15m, 2h, 3d or 1w", param, ctx)
        return float(found[1]) * _SECONDS[found[2]]


class Point(click.ParamType[Any]):
    """A version of a thread, or a time in ISO 8601, UTC unless it says otherwise: an int or a datetime."""

    name = "version"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | datetime:
        """The version or the time."""
        if isinstance(value, int | datetime):
            return value
        text = str(value).strip()
        if text.isdecimal():
            return int(text)
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{value!r} is no version and no time: write 12, or 2026-11-25T16:50:08", param, ctx)
        return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def age(microseconds: int) -> str:
    """How long ago a moment was, in its largest unit."""
    seconds = max(0, (now() - microseconds) // 1_000_000)
    unit, size = next(((unit, size) for unit, size in _STEPS if seconds >= size), ("s", 1))
    return f"{seconds // size} {unit}"


def day_and_time(microseconds: int) -> str:
    """A moment in UTC to the second, as tables show it."""
    try:
        return datetime.fromtimestamp(microseconds / 1_000_000, UTC).isoformat(" ", "seconds").removesuffix("+00:00")
    except (OverflowError, OSError, ValueError):
        return str(microseconds)


def time_of_day(microseconds: int) -> str:
    """A time of day in UTC to the millisecond."""
    return day_and_time(microseconds)[-8:] + f".{microseconds // 1000 % 1000:03}"

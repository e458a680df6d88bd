"""Which texts of a value are embedded: small paths such as `title`, `a.b`, `tags[0]`, `tags[*].name`, `{a,b}`, `$`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

WHOLE: Final = "$"


def tokenize_path(path: str) -> list[str]:
    """The steps of a path: names, `*` for every field, `[n]` and `[*]` into a list, `{a,b}` for several fields."""
    steps: list[str] = []
    name = ""
    place = 0
    while place < len(path):
        sign = path[place]
        if sign in "[{":
            end = _closing(path, place)
            if name:
                steps.append(name)
                name = ""
            steps.append(path[place:end])
            place = end
            continue
        if sign != ".":
            name += sign
        elif name:
            steps.append(name)
            name = ""
        place += 1
    return [*steps, name] if name else steps


def _closing(path: str, start: int) -> int:
    """Where the bracket that opens at `start` has closed; the path's end if it never does."""
    opened, closed = path[start], {"[": "]", "{": "}"}[path[start]]
    depth = 0
    for place in range(start, len(path)):
        depth += (path[place] == opened) - (path[place] == closed)
        if depth == 0:
            return place + 1
    return len(path)


def get_text_at_path(obj: Any, path: str | list[str]) -> list[str]:
    """The texts that a path leads to; empty where it leads nowhere. What is no text is written as JSON."""
    if not path or path == WHOLE:
        return [json.dumps(obj, sort_keys=True, ensure_ascii=False, default=str)]
    steps = tokenize_path(path) if isinstance(path, str) else path
    return [text for found in _walk(obj, steps) for text in _text(found)]


def _walk(value: Any, steps: Sequence[str]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    for found in _step(value, step):
        yield from _walk(found, rest)


def _step(value: Any, step: str) -> Iterator[Any]:
    if step.startswith("["):
        if isinstance(value, list | tuple):
            yield from _at(value, step[1:-1])
    elif step.startswith("{"):
        if isinstance(value, dict):
            for path in step[1:-1].split(","):
                yield from _walk(value, tokenize_path(path.strip()))
    elif step == "*":
        if isinstance(value, dict):
            yield from value.values()
        elif isinstance(value, list | tuple):
            yield from value
    elif isinstance(value, dict) and step in value:
        yield value[step]


def _at(values: Sequence[Any], place: str) -> Iterator[Any]:
    if place == "*":
        yield from values
        return
    try:
        yield values[int(place)]
    except (ValueError, IndexError):
        return


def _text(value: Any) -> Iterator[str]:
    match value:
        case None:
            return
        case str():
            yield value
        case bool() | int() | float():
            yield str(value)
        case list() | tuple() | dict():
            yield json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)

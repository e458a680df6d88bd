"""Ids and times under names of their own, so that what a program shows can be compared with what it should show."""

from __future__ import annotations

import re
from typing import Any

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b")
_TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")


class Labels:
    """Puts "<1>", "<2>" … in place of ids, in the order in which they are met, and "<time>" in place of times."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def __call__(self, value: Any) -> Any:
        """A copy of the value with labels: of strings in dicts, lists and tuples, and of questions."""
        if isinstance(value, str):
            return _TIME.sub("<time>", _ID.sub(lambda found: self._label(found.group()), value))
        if isinstance(value, dict):
            return {self(key): self(item) for key, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self(item) for item in value)
        if type(value).__name__ == "Interrupt":
            return type(value)(value.value, self(value.id), response_schema=value.response_schema)
        return value

    def _label(self, found: str) -> str:
        return self.names.setdefault(found, f"<{len(self.names) + 1}>")


def steady(value: object) -> str:
    """The value's `repr` without addresses, and with the elements of a set of texts in order: alike in all processes,
    which the workers of a run in parallel must be."""
    text = re.sub(r" at 0x[0-9a-f]+", "", repr(value))
    return re.sub(r"\{('\w*'(?:, '\w*')*)\}", lambda found: f"{{{', '.join(sorted(found[1].split(', ')))}}}", text)

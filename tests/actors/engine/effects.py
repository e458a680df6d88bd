"""Recorded effects in test graphs: a ledger of what was really done, as a payment provider would keep it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from clew.actors.engine.call import scope_here


class Ledger:
    """What was done outside, in order. It outlives every process."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self._visits: Counter[str] = Counter()

    def charge(self, what: str) -> Any:
        """A recorded effect of the running node: done once, played back ever after."""
        scope = scope_here()
        if scope is None:
            raise RuntimeError("charge() is for nodes")
        effect = scope.effect("charge", what)
        if effect.recorded is not None and effect.recorded.value is not None:
            return effect.recorded.value.value
        self.done.append(what)
        receipt = f"receipt for {what}"
        effect.keep(receipt)
        return receipt

    def note(self, what: str) -> None:
        """Something that somebody else records: a tool's doing."""
        self.done.append(what)

    def visits(self, name: str) -> int:
        """How often this was asked for this name, with this time."""
        self._visits[name] += 1
        return self._visits[name]

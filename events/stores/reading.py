"""Who folds threads for what savers show: given by the room that can, and made at the first look."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .checkpoints import ThreadReader

_makers: list[Callable[[], ThreadReader]] = []


def provide(make: Callable[[], ThreadReader]) -> None:
    """Have `make` give the reader; the last one given counts."""
    _makers[:] = [make]


def reader() -> ThreadReader | None:
    """The reader; None where nobody gave one."""
    return _makers[0]() if _makers else None

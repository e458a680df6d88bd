"""A checkpoint's cells by channel name."""

from __future__ import annotations

from typing import final

from .channel import Cell
from .shared_map import SharedMap


@final
class Cells(SharedMap[Cell]):
    """A persistent mapping from channel name to cell: checkpoints share what did not change between them."""

    __slots__ = ()

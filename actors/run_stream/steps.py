"""Calls of transformers and of a run's parts as steps of a script, so that both doors share what is done with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from ..scripts import Script


class TwoWays(Struct, frozen=True):
    """A step that has a form for each kind of caller."""

    make: Callable[[], Any]
    amake: Callable[[], Awaitable[Any]]


Steps = Script[Any]

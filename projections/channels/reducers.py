"""Which channel a reducer gets. Called by the builder when it turns a schema's annotations into channels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .aggregate import BinaryOperatorAggregate
from .channel import Channel
from .messages import add_messages
from .messages_channel import MessagesChannel


def channel_for_reducer(typ: Any, reducer: Callable[[Any, Any], Any]) -> Channel[Any]:
    """The channel of `Annotated[typ, reducer]`: `MessagesChannel` for `add_messages` in any form, else the general one.

    Raises `ValueError` for `add_messages(format=…)` with an unknown format.
    """
    if reducer is add_messages:
        return MessagesChannel(typ)
    if isinstance(reducer, partial) and reducer.func is add_messages and not reducer.args:
        return MessagesChannel(typ, **reducer.keywords)
    return BinaryOperatorAggregate(typ, reducer)

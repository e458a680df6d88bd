"""Which channel a reducer gets. Called by the builder when it turns a schema's annotations into channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ...events.vocabulary import Write
from .aggregate import BUILT_IN_OPERATORS, BinaryOperatorAggregate
from .any_value import AnyValue
from .channel import Cell, Channel, Value
from .ephemeral_value import EphemeralValue
from .kinds.after_finish import LastValueAfterFinish
from .last_value import LastValue
from .messages import add_messages
from .messages_channel import MessagesChannel
from .overwrite import winning_overwrite
from .topic import Topic
from .untracked_value import UntrackedValue


def channel_for_reducer(typ: Any, reducer: Callable[[Any, Any], Any]) -> Channel[Any]:
    """The channel of `Annotated[typ, reducer]`: `MessagesChannel` for `add_messages` in any form, else the general one.

    Raises `ValueError` for `add_messages(format=…)` with an unknown format.
    """
    if reducer is add_messages:
        return MessagesChannel(typ)
    if isinstance(reducer, partial) and reducer.func is add_messages and not reducer.args:
        return MessagesChannel(typ, **reducer.keywords)
    return BinaryOperatorAggregate(typ, reducer)


_PLAIN: dict[str, Callable[[], Channel[Any]]] = {
    "last_value": lambda: LastValue(Any),
    "any_value": lambda: AnyValue(Any),
    "ephemeral_value": lambda: EphemeralValue(Any),
    "untracked_value": lambda: UntrackedValue(Any),
    "topic": lambda: Topic(Any),
    "topic:accumulate": lambda: Topic(Any, accumulate=True),
    "messages": lambda: MessagesChannel(list),
    "messages:langchain-openai": lambda: MessagesChannel(list, "langchain-openai"),
    "last_value_after_finish": lambda: LastValueAfterFinish(Any),
}
_TYPES = {typ.__name__: typ for typ in (list, dict, set, frozenset, tuple, str, bytes, int, float, complex, bool)}
_OPERATORS = {name: operator for operator, name in BUILT_IN_OPERATORS.items()}


class _LastKept(LastValue[Value]):
    """Stands for a rule that only its user's code knows: keeps what was written last."""

    def merge(self, cell: Cell, writes: Sequence[Write]) -> Cell:
        return (winning_overwrite(writes) or writes[-1]).payload if writes else cell


def is_stand_in(rule: Channel[Any]) -> bool:
    """True for what stands in the place of a rule that only its user's code knows."""
    return isinstance(rule, _LastKept)


def channel_of_name(rule: str) -> Channel[Any]:
    """The channel with a rule that `GraphSeen` names, for reading a thread whose graph is not at hand.

    A user's own reducer cannot be had by its name: of such a channel the last write is shown.
    """
    known = built_in_channel(rule)
    if known is None:
        known = _LastKept[Any](Any)
        known.name = rule
    return known


def built_in_channel(rule: str) -> Channel[Any] | None:
    """The channel with a rule that `GraphSeen` names; None for one that only its user's code knows."""
    if rule in _PLAIN:
        return _PLAIN[rule]()
    name, _, typ = rule.partition(":")
    if name in _OPERATORS and typ in _TYPES:
        return BinaryOperatorAggregate(_TYPES[typ], _OPERATORS[name])
    return None

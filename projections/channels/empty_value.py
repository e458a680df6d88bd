"""What a key with a reducer holds before anybody wrote to it: its type's empty value, if the type has one."""

from __future__ import annotations

import collections.abc
from collections.abc import Callable
from typing import Annotated, Any, NotRequired, Required, get_origin

_EXTRAS = (Annotated, Required, NotRequired)
_CONCRETE: dict[Any, type] = {
    collections.abc.Sequence: list,
    collections.abc.MutableSequence: list,
    collections.abc.Mapping: dict,
    collections.abc.MutableMapping: dict,
    collections.abc.Set: set,
    collections.abc.MutableSet: set,
}


def concrete_type(typ: Any) -> Any:
    """The class behind an annotation: no `Annotated`, no type arguments, abstract containers as list, dict and set."""
    origin = get_origin(typ)
    while origin in _EXTRAS:
        typ = typ.__args__[0] if origin is not Annotated else typ.__origin__
        origin = get_origin(typ)
    found = origin or typ
    try:
        return _CONCRETE.get(found, found)
    except TypeError:  # unhashable: no class
        return found


def empty_value_maker(typ: Any) -> Callable[[], Any] | None:
    """What makes a new empty value of this type; None for types that need arguments (unions, Any, datetime).

    Calls the type once to see whether it can.
    """
    made = concrete_type(typ)
    if not callable(made):
        return None
    try:
        made()
    except Exception:  # a class may raise whatever it likes when its arguments are missing
        return None
    return made

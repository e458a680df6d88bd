"""Why a value cannot be stored, where it is, and what to do about it. Called by the writer when it refuses."""

from __future__ import annotations

from typing import Any

from ..errors import EncodeError

DEPTH_MAX = 200
"""Containers inside containers that a value may have."""

_STEPS_SHOWN_MAX = 12
_CONVERSIONS = (dict, list, tuple, set, frozenset, str, bytes, int, float)


class Refused(Exception):
    """A value cannot be stored. On its way out each container adds its step and itself."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.trail: list[tuple[str, int]] = []
        """Steps from the value outwards, each with the id of the container it starts from.

        All of them were alive together when this was raised, so an id stands for one object.
        """

    def passes(self, step: str, container: Any) -> None:
        """Add one step of the path, from `container` inwards."""
        self.trail.append((step, id(container)))


class TooDeep(Refused):
    """More containers inside containers than `DEPTH_MAX`: perhaps a value that contains itself."""

    def __init__(self) -> None:
        super().__init__(f"it is nested more than {DEPTH_MAX} levels deep; store it flat, or as JSON text")


def unknown_type(cls: type) -> Refused:
    """The refusal of a value of a class that nobody said how to store."""
    name = cls.__qualname__
    for base in _CONVERSIONS:
        if issubclass(cls, base):
            return Refused(
                f"type {_full_name(cls)!r}, a sub-class of {base.__name__}, would come back as something else; "
                f"convert it with {base.__name__}(value), or register it: clew.register_type({name}, dump=…, load=…)"
            )
    return Refused(
        f"values of type {_full_name(cls)!r} cannot be stored; keep what can be written down (an id, a path, text) and "
        f"make the object in the node, or register its class: clew.register_type({name}, dump=…, load=…)"
    )


def encode_error(path: str, refusal: Exception) -> EncodeError:
    """The error that the caller gets, with the whole path from `path` on."""
    if not isinstance(refusal, Refused):
        return EncodeError(path, _plain_reason(refusal))
    steps = [step for step, _ in reversed(refusal.trail)]
    if isinstance(refusal, TooDeep):
        return _depth_error(path, refusal, steps)
    return EncodeError(path + "".join(steps), refusal.reason)


def _plain_reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "Python's recursion limit was reached on the way into it; store it flatter"
    return f"{type(error).__name__}: {error}"


def _depth_error(path: str, refusal: Refused, steps: list[str]) -> EncodeError:
    first_seen: dict[int, int] = {}
    for index, (_, container) in enumerate(reversed(refusal.trail)):
        first = first_seen.setdefault(container, index)
        if first != index:
            outer, inner = path + "".join(steps[:first]), path + "".join(steps[:index])
            return EncodeError(
                inner, f"it is the value at {outer} again: a value that contains itself cannot be stored"
            )
    shown = "".join(steps[:_STEPS_SHOWN_MAX]) + ("…" if len(steps) > _STEPS_SHOWN_MAX else "")
    return EncodeError(path + shown, refusal.reason)


def _full_name(cls: type) -> str:
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"

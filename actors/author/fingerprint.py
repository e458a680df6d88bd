"""Digests of code: equal code gives equal bytes in every process, whatever the file, the line or PYTHONHASHSEED.

The engine compares them to tell "the question changed because the code did" from "the node is not deterministic". A new
Python minor version compiles to other byte code and so changes them all.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from types import CodeType, FunctionType, MethodType
from typing import Any

from .hints import call_method

CODE_BYTES = 8
PLAN_BYTES = 16
_DEPTH_MAX = 8
"""Functions within functions (decorators, partials, closures) that are followed."""


def code_digest(call: Any) -> bytes:
    """8 bytes over the code of a callable: byte code, constants, names, nested code, stable defaults.

    Follows partials, methods, `__call__`, `__wrapped__` and functions held in closures. Values in closures are left
    out, since they may differ from process to process.
    """
    return digest(_parts_of(call, set(), 0), CODE_BYTES)


def digest(parts: Iterable[object], size_bytes: int = PLAN_BYTES) -> bytes:
    """A digest over values as `stable_text` shows them; the bounds between parts count."""
    hasher = hashlib.blake2b(digest_size=size_bytes)
    for part in parts:
        encoded = part if isinstance(part, bytes) else stable_text(part).encode("utf-8", "backslashreplace")
        hasher.update(len(encoded).to_bytes(8, "big"))
        hasher.update(encoded)
    return hasher.digest()


def stable_text(value: Any) -> str:
    """A text that is the same for equal constants in every process; for other objects the name of their class."""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)) or value is ...:
        return f"{type(value).__name__}:{value!r}"
    if isinstance(value, CodeType):
        return f"code:{digest(_code_parts(value)).hex()}"
    if isinstance(value, (tuple, list)):
        return f"{type(value).__name__}({','.join(map(stable_text, value))})"
    if isinstance(value, (set, frozenset)):  # their order follows the hash seed
        return f"{type(value).__name__}({','.join(sorted(map(stable_text, value)))})"
    if isinstance(value, dict):
        return f"dict({','.join(f'{stable_text(key)}={stable_text(held)}' for key, held in value.items())})"
    kind = value if isinstance(value, type) else type(value)
    return f"object:{kind.__qualname__}"


def _code_parts(code: CodeType) -> Iterable[object]:
    # co_consts holds nested code objects; file name, first line and line table are left out on purpose
    yield from (code.co_code, code.co_consts, code.co_names, code.co_varnames, code.co_freevars)
    yield from (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)


def _parts_of(call: Any, seen: set[int], depth: int) -> Iterable[object]:
    if id(call) in seen or depth > _DEPTH_MAX:
        return
    seen.add(id(call))
    follow = functools.partial(_parts_of, seen=seen, depth=depth + 1)
    if isinstance(call, functools.partial):
        yield from ("partial", call.args, call.keywords)
        yield from follow(call.func)
    elif isinstance(call, MethodType):
        yield from ("method", type(call.__self__).__qualname__)
        yield from follow(call.__func__)
    elif isinstance(call, FunctionType):
        yield from ("function", call.__code__, call.__defaults__, call.__kwdefaults__)
        for cell in (*(call.__closure__ or ()), call.__dict__.get("__wrapped__")):
            yield from follow(_function_in(cell))
    elif isinstance(call_method(call), FunctionType):
        yield from ("object", type(call).__qualname__)
        yield from follow(call_method(call))
    elif call is not None:
        yield from ("builtin", getattr(call, "__qualname__", type(call).__qualname__))


def _function_in(cell: Any) -> Any:
    try:
        held = getattr(cell, "cell_contents", cell)
    except ValueError:  # an empty cell
        return None
    return held if isinstance(held, (FunctionType, MethodType, functools.partial)) else None

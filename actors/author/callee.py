"""A user's callable, looked at once: its kind, what it wants injected, whether it is async, and a digest of its code.

Nothing of the user's runs here. The node runner calls what these `Callee`s hold.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import types
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType, MethodType
from typing import Annotated, Any, Union, get_args, get_origin

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda, RunnableParallel

from .hints import EMPTY, Shape, call_method, shape_of, underlying_function
from .plan import Callee, Plan

CODE_BYTES = 8
PLAN_BYTES = 16
_DEPTH_MAX = 8
"""Functions within functions (decorators, partials, closures) that are followed."""

StreamWriter = Callable[[Any], None]
"""What a parameter `writer` receives: emits one value into the `custom` stream."""


@dataclass(frozen=True, slots=True)
class NodeError:
    """What an error handler's parameter `error` receives."""

    node: str
    """The node that failed, its retries used up."""
    error: BaseException
    """What it raised; when the handler runs again later, one that reads the same (`str`, `repr`, its class's name)."""


def callee_of(action: Any, *, role: str) -> tuple[Callee, Shape]:
    """The callee of a function, method, partial, callable object, Runnable, compiled graph or dict of Runnables.

    Args:
        action: what the user gave.
        role: what it is for, in the error's words: "node 'a'".

    Returns:
        The callee, and the shape of its parameters (an empty one for Runnables, whose input is the state).

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(action, Mapping):
        action = RunnableParallel(dict(action))
    if isinstance(action, Runnable):
        return _runnable(action), Shape()
    if not callable(action):
        raise TypeError(
            f"{role} is {action!r}: expected a function, a callable object, a Runnable, a compiled graph "
            "or a dict of Runnables"
        )
    shape = shape_of(action)
    return _function(action, shape, role), shape


def name_of(action: Any) -> str:
    """The name that an action gives its node: a Runnable's, a function's, else that of its class."""
    if isinstance(action, Runnable):
        return action.get_name()
    return plain_name_of(action)


def plain_name_of(action: Any) -> str:
    """A function's name, else that of the class, also of a Runnable with a name: what `add_sequence` goes by."""
    return getattr(action, "__name__", None) or type(action).__name__


def subgraph_of(action: Any) -> Any:
    """The action if it is a compiled graph, else None. Told by its plan: the class itself imports from here."""
    return action if isinstance(getattr(action, "plan", None), Plan) else None


def has_own_async(callee: Callee) -> bool:
    """True when an attempt can be cancelled while it waits: the code itself is async, not a thread behind a wrapper."""
    if callee.is_async:
        return True
    runnable = getattr(callee.call, "__self__", None)
    if isinstance(runnable, RunnableLambda):
        return hasattr(runnable, "afunc")
    return isinstance(runnable, Runnable) and type(runnable).ainvoke is not Runnable.ainvoke


def _runnable(runnable: Runnable[Any, Any]) -> Callee:
    only_async = isinstance(runnable, RunnableLambda) and not hasattr(runnable, "func")
    return Callee(
        call=runnable.ainvoke if only_async else runnable.invoke,
        acall=runnable.ainvoke,
        is_async=only_async,
        wants_config=True,
        fingerprint=_runnable_digest(runnable),
        name=runnable.get_name(),
    )


def _runnable_digest(runnable: Runnable[Any, Any]) -> bytes:
    plan = getattr(runnable, "plan", None)
    if isinstance(plan, Plan):
        return plan.fingerprint[:CODE_BYTES]
    own = getattr(runnable, "code_fingerprint", None)  # a ToolNode's, over its tools
    inner: list[bytes] = [own] if isinstance(own, bytes) else []
    if isinstance(runnable, RunnableLambda):
        inner = [code_digest(getattr(runnable, form)) for form in ("func", "afunc") if hasattr(runnable, form)]
    return digest(["runnable", type(runnable).__qualname__, runnable.get_name(), *inner], CODE_BYTES)


def _function(action: Callable[..., Any], shape: Shape, role: str) -> Callee:
    call, is_async = action, _is_coroutine_function(action)
    function = underlying_function(action)
    if function is not None and not isinstance(action, type):
        if inspect.isgeneratorfunction(function):
            call = functools.partial(_consume, action)
        elif inspect.isasyncgenfunction(function):
            call, is_async = functools.partial(_consume_async, action), True
    return Callee(
        call=call,
        is_async=is_async,
        injects=_injections(shape, role),
        fingerprint=code_digest(action),
        name=name_of(action),
    )


def _is_coroutine_function(action: Any) -> bool:
    while isinstance(action, functools.partial):
        action = action.func
    if inspect.iscoroutinefunction(action):
        return True
    return not isinstance(action, type) and inspect.iscoroutinefunction(call_method(action))


def _consume(action: Callable[..., Iterator[Any]], given: Any, **injected: Any) -> Any:
    """What a generator function gives back: its yields, merged. None when it yields nothing."""
    merged: Any = None
    for chunk in action(given, **injected):
        merged = chunk if merged is None else _merged(merged, chunk)
    return merged


async def _consume_async(action: Callable[..., AsyncIterator[Any]], given: Any, **injected: Any) -> Any:
    """As `_consume`, for an async generator function."""
    merged: Any = None
    async for chunk in action(given, **injected):
        merged = chunk if merged is None else _merged(merged, chunk)
    return merged


def _merged(merged: Any, chunk: Any) -> Any:
    """Two yields as one: added where they can be, else the later one, as of two plain dicts."""
    try:
        return merged + chunk
    except TypeError:
        return chunk


def _injections(shape: Shape, role: str) -> tuple[str, ...]:
    return tuple(name for name, annotation in shape.named if _is_injected(name, annotation, role))


def _is_injected(name: str, annotation: Any, role: str) -> bool:
    """True for a parameter of a known name with an annotation that fits; the name alone could be the user's own."""
    if name not in _ACCEPTS:
        return False
    says_nothing = annotation is EMPTY or annotation is Any
    if (says_nothing and name != "error") or _ACCEPTS[name](annotation):
        return True
    if name == "config":
        warnings.warn(
            f"the parameter 'config' of {role} is annotated {annotation!r} and receives nothing: "
            "annotate it as RunnableConfig or RunnableConfig | None",
            UserWarning,
            stacklevel=2,
        )
    return False


def _accepts_config(annotation: Any) -> bool:
    return _without_none(annotation) is RunnableConfig or _text(annotation) == "RunnableConfig"


def _accepts_writer(annotation: Any) -> bool:
    return _without_none(annotation) == StreamWriter or _text(annotation) == "StreamWriter"


def _accepts_store(annotation: Any) -> bool:
    # by class name: the store's own module stands above this one
    plain = _without_none(annotation)
    names = [base.__name__ for base in plain.__mro__] if isinstance(plain, type) else []
    return "BaseStore" in names or _text(annotation) == "BaseStore"


def _accepts_error(annotation: Any) -> bool:
    return _without_none(annotation) is NodeError or _text(annotation) == "NodeError"


def _accepts_any(annotation: Any) -> bool:
    return True


_ACCEPTS: dict[str, Callable[[Any], bool]] = {
    "config": _accepts_config,
    "writer": _accepts_writer,
    "store": _accepts_store,
    "previous": _accepts_any,
    "runtime": _accepts_any,
    "error": _accepts_error,
}


def _without_none(annotation: Any) -> Any:
    """`X` of `X | None` or `Annotated[X, …]`; any other annotation as it is."""
    if get_origin(annotation) is Annotated:
        return _without_none(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        return _without_none(members[0]) if len(members) == 1 else annotation
    return annotation


def _text(annotation: Any) -> str:
    """The name in an annotation that stayed a string, its module and `| None` left out; "" for an evaluated one."""
    if not isinstance(annotation, str):
        return ""
    plain = annotation.replace("None", "").replace("Optional", "").strip(" |[]'\"")
    return plain.rpartition(".")[2]


# -- fingerprints
#
# Equal code gives equal bytes in every process, whatever the file, the line or PYTHONHASHSEED. The engine compares them
# to tell "the question changed because the code did" from "the node is not deterministic". A new Python minor version
# compiles to other byte code and so changes them all.


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

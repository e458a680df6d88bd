"""What users' annotations mean, evaluated: also as strings (PEP 563), also naming a local of the calling function.

Reads signatures and classes, calls nothing of the user's. Used while a graph is built.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from types import FrameType, FunctionType, MethodType, SimpleNamespace
from typing import Any, Literal, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

import typing_extensions
from msgspec import Struct

EMPTY = inspect.Parameter.empty
"""Stands where there is no annotation."""
_WRAPPERS = ("Required", "NotRequired", "ReadOnly")
_NAMES_MAX = 64
"""Names looked up in calling functions for one annotation; more means a loop."""


class Shape(Struct, frozen=True):
    """The parameters of a callable, as far as a graph cares."""

    state: Any = EMPTY
    """Annotation of the first positional parameter: the one that takes the state."""
    returns: Any = EMPTY
    named: tuple[tuple[str, Any], ...] = ()
    """(name, annotation) of every further parameter that can be passed by keyword and that no partial filled."""


def shape_of(call: Callable[..., Any]) -> Shape:
    """The shape of a function, method, partial or callable object; an empty one where Python knows no signature.

    An annotation that cannot be evaluated stays the string it is: it may name something imported for type checkers.
    """
    try:
        signature = inspect.signature(call)
    except (ValueError, TypeError):
        return Shape()
    function = underlying_function(call)
    filled = _filled_by_partials(call)
    parameters = list(signature.parameters.values())
    state = EMPTY
    if parameters and parameters[0].kind in (parameters[0].POSITIONAL_ONLY, parameters[0].POSITIONAL_OR_KEYWORD):
        state = _evaluated(parameters.pop(0).annotation, function)
    named = tuple(
        (parameter.name, _evaluated(parameter.annotation, function))
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY) and parameter.name not in filled
    )
    return Shape(state=state, returns=_evaluated(signature.return_annotation, function), named=named)


def underlying_function(call: Any) -> FunctionType | None:
    """The Python function that runs in the end: under partials, bound methods, `__call__` and decorators that wrap."""
    while isinstance(call, functools.partial):
        call = call.func
    if not isinstance(call, (FunctionType, MethodType, type)):
        call = call_method(call)
    if isinstance(call, type):
        call = call.__init__
    if isinstance(call, MethodType):
        call = call.__func__
    call = inspect.unwrap(call)
    return call if isinstance(call, FunctionType) else None


def call_method(instance: Any) -> Any:
    """The `__call__` that the class of a callable object defines; None for an object that has none."""
    return next((vars(base)["__call__"] for base in type(instance).__mro__ if "__call__" in vars(base)), None)


def class_hints(schema: Any) -> dict[str, Any]:
    """Annotations of a class and its bases, `Annotated` kept.

    Raises `NameError` naming schema and name for one that is nowhere to be found.
    """
    return _with_callers_names(lambda local: get_type_hints(schema, localns=local, include_extras=True), schema)


def for_pydantic(schema: Any) -> Any:
    """The schema in a form that pydantic takes: before Python 3.12 it knows no TypedDict but typing_extensions'."""
    if sys.version_info >= (3, 12) or type(schema).__module__ != "typing" or not is_typeddict(schema):
        return schema
    hints = {name: stripped(hint) for name, hint in class_hints(schema).items()}
    fields = {name: hint if name in schema.__required_keys__ else NotRequired[hint] for name, hint in hints.items()}
    return typing_extensions.TypedDict(schema.__name__, fields)  # type: ignore[operator]  # made at run time


def literal_names(annotation: Any) -> tuple[str, ...]:
    """The strings of `Literal["a", "b"]`; () for any other annotation."""
    if get_origin(annotation) is not Literal:
        return ()
    return tuple(value for value in get_args(annotation) if isinstance(value, str))


def stripped(annotation: Any) -> Any:
    """The annotation without Required, NotRequired and ReadOnly around it."""
    # by name: typing has ReadOnly only from 3.13, older code takes it from typing_extensions
    while getattr(get_origin(annotation), "_name", None) in _WRAPPERS:
        annotation = get_args(annotation)[0]
    return annotation


def is_class_with_hints(annotation: Any) -> bool:
    """True for a class that declares fields: a TypedDict, dataclass, model or plain annotated class."""
    if not isinstance(annotation, type) or annotation.__module__ == "builtins":
        return False
    return any(vars(base).get("__annotations__") for base in annotation.__mro__ if base is not object)


def _filled_by_partials(call: Any) -> set[str]:
    filled: set[str] = set()
    while isinstance(call, functools.partial):
        filled.update(call.keywords)
        call = call.func
    return filled


def _evaluated(annotation: Any, function: FunctionType | None) -> Any:
    if annotation is EMPTY or not _holds_text(annotation) or function is None:
        return annotation
    holder = SimpleNamespace(__annotations__={"annotation": annotation})
    enclosing = _closure(function)

    def evaluate(local: Mapping[str, Any] | None) -> Any:
        names = {**(local or {}), **enclosing}
        return get_type_hints(holder, function.__globals__, names, include_extras=True)["annotation"]

    try:
        return _with_callers_names(evaluate, function)
    except Exception:  # any error at all: the text is the user's, and nothing here depends on it
        return annotation


def _holds_text(annotation: Any) -> bool:
    # a nested forward reference (`Command["X"]`) is evaluated too; classes and special forms need nothing
    return not isinstance(annotation, type)


def _closure(function: FunctionType) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            values[name] = cell.cell_contents
        except ValueError:  # not assigned yet: a name defined further down in the enclosing function
            continue
    return values


def _with_callers_names(evaluate: Callable[[dict[str, Any] | None], Any], owner: Any) -> Any:
    """`evaluate(names)`, each name that is missing looked up among the locals of the calling functions.

    A schema defined inside a function names its neighbours as strings, and Python keeps no link to that function: it is
    still running while the graph is built, so its frame has them.
    """
    found: dict[str, Any] = {}
    for _ in range(_NAMES_MAX):
        try:
            return evaluate(found or None)
        except NameError as error:
            name = error.name or ""
            if name in found or not _look_up(name, found):
                raise NameError(
                    f"{getattr(owner, '__qualname__', owner)!r} has an annotation that names {name!r}, which is not "
                    "defined where it can be seen: define it at module level or import it outside `if TYPE_CHECKING`",
                    name=name,
                ) from error
    raise NameError(f"{owner!r} has an annotation with more than {_NAMES_MAX} unknown names")


def _look_up(name: str, found: dict[str, Any]) -> bool:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        ours = frame.f_globals.get("__package__") == __package__ or frame.f_globals.get("__name__") == "typing"
        # functions only: a caller's module has nothing to do with the module where the annotation stands
        if not ours and frame.f_code.co_name != "<module>" and name in frame.f_locals:
            found[name] = frame.f_locals[name]
            return True
        frame = frame.f_back
    return False

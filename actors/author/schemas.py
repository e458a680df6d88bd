"""From annotated classes to channels: what a state schema declares, and how several of them pool in one graph.

Reads annotations, builds channels and views, runs no reducer. Used by the builder.
"""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import BuiltinFunctionType, ModuleType
from typing import Annotated, Any, ClassVar, get_args, get_origin

from msgspec import Struct, field

from ...projections.channels.channel import Channel
from ...projections.channels.kinds.delta import DeltaChannel
from ...projections.channels.kinds.own import as_rule
from ...projections.channels.last_value import LastValue
from ...projections.channels.reducers import channel_for_reducer
from .hints import class_hints, is_class_with_hints, stripped
from .managed import ManagedValue
from .plan import StateView

ROOT = "__root__"
"""Name of the one channel of a root state."""
BUILTINS_MAX = 64
"""Built-in functions whose parameters are remembered."""


class Declared(Struct, frozen=True):
    """What one schema says: its keys in order, each a channel or a managed value."""

    schema: Any
    channels: Mapping[str, Channel[Any]] = field(default_factory=dict)
    managed: Mapping[str, str] = field(default_factory=dict)
    """Key to kind of managed value."""
    keys: tuple[str, ...] = ()
    annotations: tuple[Any, ...] = ()
    """Types of the fields without their metadata, the schema itself first: what the codec may have to rebuild."""
    coerce: Callable[..., Any] | None = None
    root: bool = False


def declared(schema: Any) -> Declared:
    """What a schema declares. A class with fields makes one channel a field; anything else is one root channel.

    Raises:
        ValueError: a reducer does not take two positional arguments.
        NameError: an annotation names something that cannot be found.
    """
    owner = get_origin(schema) if is_class_with_hints(get_origin(schema)) else schema
    if not _has_keys(owner):
        return _root(schema)
    channels: dict[str, Channel[Any]] = {}
    managed: dict[str, str] = {}
    annotations: list[Any] = [owner]
    fields = field_annotations(owner)
    for key, annotation in fields.items():
        plain, metadata = _split(annotation)
        kind = _managed_kind(metadata)
        if kind is None:
            channels[key] = _channel(key, plain, metadata)
            annotations.append(plain)
        else:
            managed[key] = kind
    return Declared(owner, channels, managed, tuple(fields), tuple(annotations), _coercion(owner))


def warn_if_no_schema(schema: Any) -> None:
    """A `UserWarning` for a state schema that is neither a type nor an annotated one, as LangGraph has it."""
    if isinstance(schema, type) or schema is Any or get_args(schema):
        return
    warnings.warn(
        f"state_schema is {schema!r}, which is no type: give a TypedDict, a dataclass, a pydantic model, or a type "
        "with a reducer, Annotated[type, reducer]",
        UserWarning,
        stacklevel=3,
    )


def field_annotations(owner: type) -> dict[str, Any]:
    """Name to annotation of a class's fields, bases first. Class variables, private attributes and InitVars are none.

    Raises `NameError` for an annotation that cannot be evaluated.
    """
    try:
        hints = class_hints(owner)
    except NameError:
        # pydantic resolves names of the function that defined the model, which may have returned since
        if not (model_fields(owner) and getattr(owner, "__pydantic_complete__", False)):
            raise
        return {name: _of_pydantic(info) for name, info in model_fields(owner).items()}
    if is_model(owner):
        return {name: hints[name] for name in model_fields(owner) if name in hints}
    if dataclasses.is_dataclass(owner):
        return {entry.name: hints[entry.name] for entry in dataclasses.fields(owner)}
    return {name: hint for name, hint in hints.items() if get_origin(hint) is not ClassVar and hint is not ClassVar}


def is_model(owner: type) -> bool:
    """True for a pydantic model class. By shape: pydantic comes with langchain-core and is not ours to import."""
    return isinstance(getattr(owner, "model_fields", None), Mapping) and hasattr(owner, "__pydantic_complete__")


def model_fields(owner: type) -> Mapping[str, Any]:
    """Field name to pydantic's field description; empty for a class that is no model."""
    return owner.model_fields if is_model(owner) else {}  # type: ignore[attr-defined]


class StatePool:
    """All keys that the schemas of one graph declare. A builder owns one; it only grows."""

    def __init__(self) -> None:
        self.channels: dict[str, Channel[Any]] = {}
        self.managed: dict[str, str] = {}
        self._declared: list[tuple[Any, Declared]] = []
        # a list: schemas may be unhashable (`Annotated[list, [..]]`), and a graph has few

    def add(self, schema: Any, *, border: bool = False) -> Declared:
        """Pool the keys of a schema; all or nothing. The same schema again changes nothing.

        A key that is there already may come again with the same rule, or as a plain annotation, which yields to it.

        Args:
            schema: the class or annotated type.
            border: True for an input or output schema of its own, which may not declare managed values.

        Raises:
            ValueError: a key is declared with another rule, or a border schema has managed values.
        """
        known = next((entry for given, entry in self._declared if given is schema), None)
        if known is not None:
            return known
        entry = declared(schema)
        if border and entry.managed:
            raise ValueError(
                f"schema {_label(schema)} declares managed values ({', '.join(entry.managed)}): they are computed for "
                "nodes and cannot be a graph's input or output; move them to the state schema or to a node's"
            )
        for key in entry.keys:
            self._refuse_other_rule(key, entry)
        self._declared.append((schema, entry))
        for key, channel in entry.channels.items():
            if key not in self.managed:
                self.channels.setdefault(key, channel)
        self.managed.update(entry.managed)
        return entry

    def view(self, schema: Any) -> StateView:
        """What a callable with this schema receives."""
        entry = self.add(schema)
        managed = tuple((key, self.managed[key]) for key in entry.keys if key in self.managed)
        return StateView(keys=entry.keys, coerce=entry.coerce, root=entry.root, managed=managed)

    def schemas(self) -> tuple[Declared, ...]:
        """What the pooled schemas declare, in the order in which they came."""
        return tuple(entry for _, entry in self._declared)

    def annotations(self) -> tuple[Any, ...]:
        """Every type that the pooled schemas mention, each once."""
        found: list[Any] = []
        for _, entry in self._declared:
            found.extend(annotation for annotation in entry.annotations if annotation not in found)
        return tuple(found)

    def _refuse_other_rule(self, key: str, entry: Declared) -> None:
        kind = entry.managed.get(key)
        if kind is not None:
            if key in self.channels or self.managed.get(key, kind) != kind:
                raise _conflict(key, entry.schema, self.channels.get(key) or self.managed[key], kind)
            return
        later = entry.channels[key]
        if type(later) is LastValue:  # a plain annotation yields to whatever rule was there first
            return
        first = self.channels.get(key) or self.managed.get(key)
        if first is not None and first != later:
            raise _conflict(key, entry.schema, first, later)


def _has_keys(owner: Any) -> bool:
    """True for a class that declares fields, and for one of the kinds that could but declares none."""
    if not isinstance(owner, type):
        return False
    is_typed_dict = issubclass(owner, dict) and hasattr(owner, "__total__")
    return is_class_with_hints(owner) or is_typed_dict or dataclasses.is_dataclass(owner)


def _root(schema: Any) -> Declared:
    plain, metadata = _split(schema)
    channel = _channel(ROOT, plain, metadata)
    return Declared(schema, {ROOT: channel}, {}, (ROOT,), (plain,), None, root=True)


def _split(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The bare type and the `Annotated` metadata, with Required and the like taken off on both sides of it."""
    annotation = stripped(annotation)
    if get_origin(annotation) is not Annotated:
        return annotation, ()
    plain, *metadata = get_args(annotation)
    inner, more = _split(plain)
    return inner, (*more, *metadata)


def _managed_kind(metadata: tuple[Any, ...]) -> str | None:
    last = metadata[-1] if metadata else None
    return last.kind if isinstance(last, type) and issubclass(last, ManagedValue) else None


def _channel(key: str, plain: Any, metadata: tuple[Any, ...]) -> Channel[Any]:
    """The channel of one annotation: a channel in the metadata, else a reducer at its end, else LastValue.

    Only the last item counts as a reducer, so `Annotated[list, add, "doc"]` is silently a LastValue: LangGraph's rule,
    kept because graphs that carry other metadata last (pydantic's, a linter's) rely on it.
    """
    for item in metadata:
        if isinstance(item, DeltaChannel):
            return item.annotated(plain)
        if isinstance(item, Channel):
            return as_rule(item)
        if isinstance(item, type) and issubclass(item, Channel):
            return as_rule(_made(key, item, plain))
    if metadata and callable(metadata[-1]):
        _check_reducer(key, metadata[-1])
        return channel_for_reducer(plain, metadata[-1])
    return LastValue(plain)


def _made(key: str, kind: Any, plain: Any) -> Channel[Any]:
    """A channel class stands for itself with the annotated type."""
    try:
        made: Channel[Any] = kind(plain)
    except TypeError as error:
        raise TypeError(f"key {key!r}: {kind.__name__} needs more than the type; annotate with one, {error}") from error
    return made


def _check_reducer(key: str, reducer: Any) -> None:
    of_module = isinstance(reducer, BuiltinFunctionType) and isinstance(reducer.__self__, ModuleType)
    positional = _known_positional(reducer) if of_module else _positional(reducer)
    if positional is not None and positional != 2:
        raise ValueError(
            f"the reducer {getattr(reducer, '__name__', reducer)!r} of key {key!r} takes {positional} positional "
            "parameters: it must take two, (current, update), and return the new value"
        )


def _positional(reducer: Any) -> int | None:
    """How many positional parameters it takes; None for one that tells no signature (`max`): its first call shows."""
    try:
        parameters = inspect.signature(reducer).parameters.values()
    except (ValueError, TypeError):
        return None
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


_known_positional = lru_cache(BUILTINS_MAX)(_positional)
"""For such as `operator.add`, whose signature is parsed from a text: half of what compiling a small graph takes."""


def _conflict(key: str, schema: Any, first: Any, later: Any) -> ValueError:
    return ValueError(
        f"key {key!r} has another rule already: schema {_label(schema)} declares it as {_rule(later)}, an earlier one "
        f"as {_rule(first)}. Annotate it alike in each, or with the reducer first and a plain type later"
    )


def _rule(rule: Any) -> str:
    return f"managed value {rule!r}" if isinstance(rule, str) else repr(rule)


def _label(schema: Any) -> str:
    return repr(getattr(schema, "__name__", schema))


def _of_pydantic(info: Any) -> Any:
    return Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation


def _coercion(owner: type) -> Callable[..., Any] | None:
    """What makes a node's input of the values: a dataclass, model or Struct. Other classes only annotate a dict."""
    if not (is_model(owner) or dataclasses.is_dataclass(owner) or issubclass(owner, Struct)):
        return None
    if any(info.validation_alias or info.alias for info in model_fields(owner).values()):
        # channels go by field name, a model's constructor by alias
        return lambda **values: owner.model_validate(values, by_name=True)  # type: ignore[attr-defined]
    return owner

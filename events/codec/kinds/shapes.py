"""How instances of the users' classes come apart and are put together again, without their constructors.

One `Shape` per class: dataclass, pydantic model, msgspec Struct, NamedTuple or Enum. Rebuilding sets attributes on a
bare instance, as `copy` does: stored data came from a valid object, so nothing is validated and no `__init__` runs.
(A Struct has no bare instance; its constructor runs.) The registry asks for shapes; nobody else does.
"""

from __future__ import annotations

import copy
import dataclasses
import enum
import sys
from collections.abc import Callable
from typing import Any, final

import msgspec
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

TakeApart = Callable[[Any], tuple[Any, Any]]
PutTogether = Callable[[Any, Any], Any]


@final
class Shape:
    """The two directions for one class, both with `(data, more)`: plain content, and what only few instances have."""

    __slots__ = ("put_together", "remade", "take_apart")

    def __init__(self, take_apart: TakeApart, put_together: PutTogether, remade: frozenset[str] = frozenset()) -> None:
        self.take_apart = take_apart
        """`(data, more)` of an instance; both may hold any value that the codec can encode."""
        self.put_together = put_together
        """An instance from `(data, more)`; raises when the class no longer fits the data."""
        self.remade = remade
        """Private attributes that a factory makes (a lock, a client): left out where they cannot be stored."""


def shape_of(cls: type) -> Shape | None:
    """The shape of a class that can be stored without being told how; None for any other."""
    if issubclass(cls, enum.Enum):
        return _flag_shape(cls) if issubclass(cls, enum.Flag) else _enum_shape(cls)
    if cls is BaseModel:  # as in `dict | BaseModel`: it says nothing about which models
        return None
    if issubclass(cls, BaseModel):
        return _model_shape(cls)
    if issubclass(cls, msgspec.Struct):
        return _struct_shape(cls)
    if is_named_tuple(cls):
        return _named_tuple_shape(cls)
    if issubclass(cls, (dict, list, tuple, set, frozenset, str, bytes, int, float, BaseException, type)):
        return None
    if dataclasses.is_dataclass(cls):
        return _dataclass_shape(cls)
    if _is_old_model(cls):
        return _old_model_shape(cls)
    return None


def field_names(cls: Any) -> list[str]:
    """Names of the fields of a class that has a shape; of an Enum, its members'."""
    if issubclass(cls, enum.Enum):
        return list(cls.__members__)
    if issubclass(cls, BaseModel):
        return list(cls.model_fields)
    if dataclasses.is_dataclass(cls):
        return [field.name for field in dataclasses.fields(cls)]
    return list(
        getattr(cls, "__struct_fields__", None) or getattr(cls, "_fields", None) or getattr(cls, "__fields__", ())
    )


def is_named_tuple(cls: type) -> bool:
    """True for classes made by `NamedTuple` or `namedtuple`."""
    return issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple)


def _enum_shape(cls: type[enum.Enum]) -> Shape:
    # By name: `auto()` gives other values when members are reordered, names stay.
    return Shape(lambda member: (member._name_, None), lambda name, _: cls[name])


def _flag_shape(cls: type[enum.Flag]) -> Shape:
    # A combination of flags has no name of its own.
    return Shape(lambda member: (member._value_, None), lambda value, _: cls(value))


def _named_tuple_shape(cls: Any) -> Shape:
    defaults: dict[str, Any] = cls._field_defaults
    names: tuple[str, ...] = cls._fields

    def put_together(data: dict[str, Any], _: Any) -> Any:
        return tuple.__new__(cls, [data[name] if name in data else defaults[name] for name in names])

    return Shape(lambda value: (dict(zip(names, value, strict=True)), None), put_together)


def _struct_shape(cls: Any) -> Shape:
    names: tuple[str, ...] = cls.__struct_fields__

    def put_together(data: dict[str, Any], _: Any) -> Any:
        return cls(**{name: data[name] for name in names if name in data})

    return Shape(lambda value: ({name: getattr(value, name) for name in names}, None), put_together)


def _dataclass_shape(cls: Any) -> Shape:
    fields = dataclasses.fields(cls)
    names = [field.name for field in fields]

    def take_apart(value: Any) -> tuple[Any, Any]:
        # A field with init=False may not have been set yet.
        return {name: getattr(value, name) for name in names if hasattr(value, name)}, None

    def put_together(data: dict[str, Any], _: Any) -> Any:
        value = object.__new__(cls)
        for field in fields:
            if field.name in data:
                object.__setattr__(value, field.name, data[field.name])
            elif field.init:
                object.__setattr__(value, field.name, _default(field, data))
        return value

    return Shape(take_apart, put_together)


def _default(field: dataclasses.Field[Any], data: dict[str, Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    raise _missing(field.name, data)


def _missing(name: str, data: dict[str, Any]) -> ValueError:
    return ValueError(f"its field {name!r} has no default and was not stored (stored: {', '.join(data)})")


def _model_shape(cls: type[BaseModel]) -> Shape:
    """Of a pydantic model: data is its fields; more is [names given, extra, private attributes], nil each."""
    fields = list(cls.model_fields)
    private = list(cls.__private_attributes__)
    defaults = _defaults(cls.model_fields)
    private_defaults = _defaults(cls.__private_attributes__)
    keeps_extra = cls.model_config.get("extra") == "allow"

    def take_apart(value: Any) -> tuple[Any, Any]:
        data = value.__dict__
        if len(data) != len(fields):  # cached properties live there too; they are computed anew
            data = {name: data[name] for name in fields if name in data}
        names = value.__pydantic_fields_set__
        unset = None if names == data.keys() else sorted(names)
        extra = value.__pydantic_extra__ or None
        own = _given(value.__pydantic_private__) if private else None
        return data, None if unset is None and extra is None and own is None else [unset, extra, own]

    def put_together(data: dict[str, Any], more: Any) -> Any:
        names, extra, own = more or (None, None, None)
        value = cls.__new__(cls)
        state = _filled(fields, data, defaults)
        object.__setattr__(value, "__dict__", state)
        object.__setattr__(value, "__pydantic_fields_set__", set(data if names is None else names))
        object.__setattr__(value, "__pydantic_extra__", dict(extra or {}) if keeps_extra else None)
        attributes = [name for name in private if name in private_defaults or (own and name in own)]
        made = _filled(attributes, own or {}, private_defaults) if private else None
        object.__setattr__(value, "__pydantic_private__", made)
        return value

    remade = frozenset(name for name in private if cls.__private_attributes__[name].default_factory is not None)
    return Shape(take_apart, put_together, remade)


def _given(private: dict[str, Any] | None) -> dict[str, Any] | None:
    return {name: item for name, item in (private or {}).items() if item is not PydanticUndefined} or None


def _defaults(fields: Any) -> dict[str, Callable[[dict[str, Any]], Any]]:
    """What makes the default of each field or private attribute that has one, from the fields before it.

    Looked up once: pydantic finds out by parsing signatures, and its `get_default` changed with its versions.
    """
    made: dict[str, Callable[[dict[str, Any]], Any]] = {}
    for name, field in fields.items():
        factory = field.default_factory
        if factory is None:
            if field.default is not PydanticUndefined and field.default is not ...:
                made[name] = lambda _, default=field.default: copy.deepcopy(default)
        elif getattr(field, "default_factory_takes_validated_data", False):
            made[name] = factory
        else:
            made[name] = lambda _, factory=factory: factory()
    return made


def _filled(
    names: list[str], data: dict[str, Any], defaults: dict[str, Callable[[dict[str, Any]], Any]]
) -> dict[str, Any]:
    """The named values as stored, and as their defaults make them where they were not."""
    state: dict[str, Any] = {}
    for name in names:
        if name in data:
            state[name] = data[name]
        elif name in defaults:
            state[name] = defaults[name](state)
        else:
            raise _missing(name, data)
    return state


def _is_old_model(cls: type) -> bool:
    """True for models of pydantic's version 1, as `pydantic.v1` still ships them."""
    old = sys.modules.get("pydantic.v1")
    return old is not None and issubclass(cls, old.BaseModel)


def _old_model_shape(cls: Any) -> Shape:
    def put_together(data: dict[str, Any], more: Any) -> Any:
        names = more[0] if more else data
        value = cls.__new__(cls)
        state = {name: field.get_default() for name, field in cls.__fields__.items()} | data
        object.__setattr__(value, "__dict__", state)
        object.__setattr__(value, "__fields_set__", set(names))
        value._init_private_attributes()
        return value

    def take_apart(value: Any) -> tuple[Any, Any]:
        names = value.__fields_set__
        return value.__dict__, None if names == value.__dict__.keys() else [sorted(names), None, None]

    return Shape(take_apart, put_together)

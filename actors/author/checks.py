"""Checking values when they are written: what `compile(validate=True)` makes of the schemas' annotations.

Checked are keys that hold what was written. A reducer's key takes more than its annotation says (a text for a message),
and what comes of it is the reducer's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError

from ...events.errors import InvalidValueError
from ...events.vocabulary import Payload, Write
from ...projections.channels.channel import Channel
from ...projections.channels.last_value import LastValue
from ...projections.channels.untracked_value import UntrackedValue
from .hints import stripped
from .schemas import ROOT, Declared, field_annotations, is_model

Check = Callable[[Any], Any]
"""The value as its annotation wants it; raises pydantic's `ValidationError`."""
_ANYTHING = ConfigDict(arbitrary_types_allowed=True)


def checks_of(schemas: Iterable[Declared], channels: Mapping[str, Channel[Any]]) -> dict[str, Check]:
    """Key to check, for every key of the schemas that can be checked; the first schema that declares a key counts.

    Raises `ValueError` for an annotation that pydantic cannot check.
    """
    checks: dict[str, Check] = {}
    for entry in schemas:
        annotations = {ROOT: entry.schema} if entry.root else field_annotations(entry.schema)
        for key in entry.keys:
            if key not in checks and isinstance(channels.get(key), (LastValue, UntrackedValue)):
                checks[key] = _check(entry.schema, key, annotations[key])
    return checks


def checked(checks: Mapping[str, Check], writes: Iterable[Write], node: str) -> list[Write]:
    """The writes with their values as the annotations want them.

    Raises `InvalidValueError` for the first that does not fit.
    """
    return [_checked(checks, write, node) for write in writes]


def _checked(checks: Mapping[str, Check], write: Write, node: str) -> Write:
    check, given = checks.get(write.channel), write.payload.value
    if check is None:
        return write
    try:
        value = check(given)
    except ValidationError as error:
        raise InvalidValueError(node, write.channel, type(given), error.errors()) from error
    return write if value is given else Write(write.channel, Payload(value), write.overwrite)


def _check(owner: Any, key: str, annotation: Any) -> Check:
    if isinstance(owner, type) and is_model(owner) and not _looks_at_the_whole(owner):
        return _assignment(owner, key)
    annotation = stripped(annotation)
    try:
        return _adapter(annotation).validate_python
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise ValueError(f"validate=True cannot check key {key!r}, annotated {annotation!r}: {error}") from error


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation)
    except PydanticSchemaGenerationError:
        # A class that pydantic does not know is checked by isinstance.
        return TypeAdapter(annotation, config=_ANYTHING)


def _looks_at_the_whole(model: Any) -> bool:
    """True for a model with validators of its own: they see all fields, and one write is not all of them."""
    return bool(model.__pydantic_decorators__.model_validators)


def _assignment(model: Any, key: str) -> Check:
    """A field's check with everything its model says of it: constraints, and validators of the field."""
    validator = model.__pydantic_validator__

    def check(value: Any) -> Any:
        return getattr(validator.validate_assignment(model.model_construct(), key, value), key)

    return check

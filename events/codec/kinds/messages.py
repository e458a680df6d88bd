"""langchain-core's messages and documents: small on disk, rebuilt without validation.

A message is stored as `[class number, content, id, {other fields}, {extra fields}]`, without what has its default.
Rebuilding restores the state that pydantic's own `__setstate__` restores; the data came from a validated object.
Called by the writer and the reader.
"""

from __future__ import annotations

import re
from typing import Any, final

from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    FunctionMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
)

_CLASSES: dict[int, tuple[type, str]] = {
    0: (HumanMessage, "content"),
    1: (AIMessage, "content"),
    2: (SystemMessage, "content"),
    3: (ToolMessage, "content"),
    4: (FunctionMessage, "content"),
    5: (ChatMessage, "content"),
    6: (RemoveMessage, "content"),
    7: (HumanMessageChunk, "content"),
    8: (AIMessageChunk, "content"),
    9: (SystemMessageChunk, "content"),
    10: (ToolMessageChunk, "content"),
    11: (FunctionMessageChunk, "content"),
    12: (ChatMessageChunk, "content"),
    20: (Document, "page_content"),
}
"""Class and main field of each number. Numbers are for ever."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ABSENT: Any = object()


@final
class Form:
    """How one class of message is written and read."""

    def __init__(self, number: int, cls: Any, main: str) -> None:
        self.number = number
        self.cls = cls
        self.main = main
        fields = cls.model_fields
        self.defaults = {
            name: _ABSENT if field.is_required() else field.get_default(call_default_factory=True)
            for name, field in fields.items()
        }
        self.required = frozenset(name for name, field in fields.items() if field.is_required() and name != main)
        self.fresh = [(name, type(value)) for name, value in self.defaults.items() if isinstance(value, (list, dict))]
        self.template = {name: None if value is _ABSENT else value for name, value in self.defaults.items()}
        self.keeps_extra = cls.model_config.get("extra") == "allow"

    def take_apart(self, message: Any) -> tuple[Any, Any, dict[str, Any], dict[str, Any] | None]:
        """`(main field, id, other fields, extra fields)`; an id that is a UUID's usual text comes as its 16 bytes."""
        defaults = self.defaults
        rest = {}
        state = message.__dict__
        for name, value in state.items():
            default = defaults.get(name, _ABSENT)
            if value is not default and (type(value) is not type(default) or value != default):
                rest[name] = value
        rest.pop(self.main, None)
        id_ = rest.pop("id", None)
        if type(id_) is str:
            if len(id_) == 36 and _UUID.fullmatch(id_):
                id_ = bytes.fromhex(id_.replace("-", ""))
        elif id_ is not None:
            rest["id"], id_ = id_, None
        return state[self.main], id_, rest, message.__pydantic_extra__

    def put_together(
        self, main: Any, id_: Any = None, rest: dict[str, Any] | None = None, extra: dict[str, Any] | None = None
    ) -> Any:
        """The message. Raises `ValueError` where a field is missing that the class requires."""
        state = self.template.copy()
        for name, factory in self.fresh:
            state[name] = factory()
        state[self.main] = main
        names = {self.main}
        if id_ is not None:
            state["id"] = _uuid_text(id_) if type(id_) is bytes else id_
            names.add("id")
        extra = {} if extra is None else extra
        if rest or self.required:
            names |= self._fill(state, rest or {}, extra)
        message = self.cls.__new__(self.cls)
        assign = object.__setattr__
        assign(message, "__dict__", state)
        assign(message, "__pydantic_fields_set__", names)
        assign(message, "__pydantic_extra__", extra if self.keeps_extra else None)
        assign(message, "__pydantic_private__", None)
        return message

    def _fill(self, state: dict[str, Any], rest: dict[str, Any], extra: dict[str, Any]) -> set[str]:
        """Put the other fields in their places; one that this version of the class lacks is kept as an extra field."""
        names = set(rest)
        if not self.required <= names:
            raise ValueError(f"a {self.cls.__name__} without {sorted(self.required - names)}")
        if names <= state.keys():
            state.update(rest)
        else:
            for name, value in rest.items():
                (state if name in state else extra)[name] = value
        return names


def _uuid_text(raw: bytes) -> str:
    if len(raw) != 16:
        raise ValueError(f"an id of {len(raw)} bytes")
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


FORMS: dict[int, Form] = {number: Form(number, cls, main) for number, (cls, main) in _CLASSES.items()}
FORM_OF: dict[type, Form] = {form.cls: form for form in FORMS.values()}

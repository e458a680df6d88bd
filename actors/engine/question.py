"""`interrupt`: how a node asks a person, and what its answer must look like."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from pydantic import PydanticSchemaGenerationError, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema

from ...events.errors import GraphInterrupt
from ..author.hints import for_pydantic
from .call import Scope, current_scope
from .effects import refuse_new

BINDINGS = ("question", "key", "position")
"""What an answer belongs to: the question as it was asked, the key it was asked under, or its place in the node."""


def interrupt(value: Any, *, response_schema: Any = None, key: str | None = None, bind: str | None = None) -> Any:
    """Ask a person, and return the answer.

    At the first call the run pauses: `invoke` returns with the question under `"__interrupt__"`. When the question is
    answered with `Command(resume=…)`, the node runs again from its first line and this call returns the answer. An
    answer belongs to this question: if the node asks something else in its place, the old answer is not delivered.

    Args:
        value: what to ask; anything the codec can store. With a `key` also a function without parameters, which is
            called once: its value is recorded and asked again as it was, whatever the function would give then.
        response_schema: what an answer looks like. A JSON schema (a dict) is shown to the asked. A pydantic model, a
            dataclass, a TypedDict or another type is shown as JSON schema, and the answer is made one: an answer that
            does not fit raises `pydantic.ValidationError` to whoever gave it, and the question stays open.
        key: name of the question within its node: questions of different keys are told apart by it, not by their order.
        bind: what the answer belongs to, in place of the graph's own rule (`compile(answers=…)`): "question", "key" or
            "position". Under the last two a question that came out differently takes the answer all the same, which is
            recorded and warned about.

    Returns:
        The answer, in the form of the schema if that is a type.

    Raises:
        RuntimeError: called outside of a running graph.
        TypeError: `value` is a function and there is no `key`, or it is async; `response_schema` is no schema.
        ValueError: `bind` is no rule, or "key" without a key.
        EncodeError: `value` cannot be stored; the message gives the path.
        QuestionNotReproducibleError: the node asks something else than what was answered, with the same code.
    """
    scope = current_scope.get(None)
    if scope is None:
        raise RuntimeError("interrupt() was called outside of a running graph: only a node, a tool or a task can ask")
    if bind is not None and bind not in BINDINGS:
        raise ValueError(f"bind is {bind!r}: use one of {', '.join(map(repr, BINDINGS))}")
    if bind == "key" and key is None:
        raise ValueError("bind='key' needs a key: interrupt(value, key='...', bind='key')")
    if inspect.isfunction(value) or inspect.ismethod(value):
        value = _made_once(scope, value, key)
    place = scope.name if key is None else scope.path(key)
    schema, read = (None, None) if response_schema is None else _schema(response_schema)
    try:
        return scope.call.ask(place, value, schema, bind, read)
    except GraphInterrupt:
        scope.paused = True
        raise


def _made_once(scope: Scope, make: Callable[[], Any], key: str | None) -> Any:
    """What the function gave when it was first called in this task."""
    if key is None:
        raise TypeError("interrupt() got a function: give its value, or a key under which the value is kept")
    if inspect.iscoroutinefunction(make):
        raise TypeError("interrupt() got an async function: await it in a @task and ask with its value")
    effect = scope.effect(f"interrupt {key}", key)
    recorded = effect.recorded
    if recorded is not None and recorded.value is not None:
        return recorded.value.value
    refuse_new(scope, f"the value of interrupt(key={key!r})", asked_inside=False)
    value = make()
    effect.keep(value)
    return value


def _schema(declared: Any) -> tuple[dict[str, Any], Callable[[Any], Any] | None]:
    """The JSON schema to show, and what makes an answer of the declared type; None where the schema is only shown."""
    if isinstance(declared, dict):
        return declared, None
    if isinstance(declared, str) or inspect.isroutine(declared):
        raise _no_schema(declared)
    try:
        adapter = _adapter(declared)
        return adapter.json_schema(), adapter.validate_python
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, TypeError) as error:
        raise _no_schema(declared) from error


def _no_schema(declared: Any) -> TypeError:
    return TypeError(
        f"response_schema is {declared!r}: give a JSON schema (a dict), or a type such as a pydantic model, a "
        "dataclass, a TypedDict, bool or Literal['approve', 'reject']"
    )


@lru_cache(maxsize=256)
def _adapter(declared: Any) -> TypeAdapter[Any]:
    return TypeAdapter(for_pydantic(declared))

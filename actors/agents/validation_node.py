"""ValidationNode: checks the arguments of a model's tool calls and runs none of the tools."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool
from langchain_core.tools.base import create_schema_from_function
from pydantic import BaseModel, ValidationError

from ...events.deprecations import LangGraphDeprecatedSinceV10
from .tools.calls import messages_in

FormatError = Callable[[BaseException, ToolCall, type[BaseModel]], str]
"""`format_error(error, call, schema)`: what the model is told about arguments that do not fit."""


class ValidationNode(Runnable[Any, Any]):
    """Checks each tool call of the last message against the schema of its name, and answers it with what came of it.

    Arguments that fit come back as the JSON of the validated model, so that defaults are filled in; others as a message
    of status "error" with `additional_kwargs["is_error"]`, which tells the model what to mend. For graphs that have a
    model fill in a form and try again until it fits.

    Args:
        schemas: pydantic models, tools with a schema, or functions, whose signature is the schema.
        format_error: what to say about arguments that do not fit.
        name: the node's name.
        tags: kept for tracing.

    Raises:
        ValueError: a schema is none of these.
    """

    def __init__(
        self,
        schemas: Sequence[BaseTool | type[BaseModel] | Callable[..., Any]],
        *,
        format_error: FormatError | None = None,
        name: str = "validation",
        tags: list[str] | None = None,
    ) -> None:
        warnings.warn(
            "ValidationNode is an old way: a ToolNode tells the model about wrong arguments by itself",
            LangGraphDeprecatedSinceV10,
            stacklevel=2,
        )
        self.name = name
        self.tags = tags
        self.schemas_by_name: dict[str, type[BaseModel]] = dict(map(_named_schema, schemas))
        self._format_error = format_error or _say_what_is_wrong

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """The answers: a list for a list of messages, else `{"messages": [...]}`.

        Raises:
            ValueError: the input has no message, or the last one is not a model's.
            KeyError: a call has a name without a schema.
        """
        messages = messages_in(input, "messages")
        if not messages:
            raise ValueError(f"{self.name!r} found no message in its input: run the model's node before it")
        if not isinstance(messages[-1], AIMessage):
            raise ValueError(f"{self.name!r} checks a model's calls, and the last message is {messages[-1].type!r}")
        answers = [self._answer(call) for call in messages[-1].tool_calls]
        return answers if isinstance(input, list) else {"messages": answers}

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """As `invoke`; it waits for nothing."""
        return self.invoke(input, config, **kwargs)

    def _answer(self, call: ToolCall) -> ToolMessage:
        schema = self.schemas_by_name.get(call["name"])
        if schema is None:
            known = ", ".join(self.schemas_by_name)
            raise KeyError(f"{self.name!r} has no schema for the call of {call['name']!r}; it has {known}")
        try:
            content = schema.model_validate(call["args"]).model_dump_json()
        except ValidationError as error:
            return ToolMessage(
                self._format_error(error, call, schema),
                name=call["name"],
                tool_call_id=call["id"] or "",
                additional_kwargs={"is_error": True},
                status="error",
            )
        return ToolMessage(content, name=call["name"], tool_call_id=call["id"] or "")


def _named_schema(given: Any) -> tuple[str, type[BaseModel]]:
    if isinstance(given, BaseTool):
        schema = given.args_schema
        if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
            raise ValueError(f"tool {given.name!r} has no pydantic model as args_schema: there is nothing to check by")
        return given.name, schema
    if isinstance(given, type) and issubclass(given, BaseModel):
        return given.__name__, given
    if callable(given):
        return given.__name__, create_schema_from_function(given.__name__, given)  # type: ignore[return-value]
    raise ValueError(f"a schema of ValidationNode is {given!r}: give a pydantic model, a tool or a function")


def _say_what_is_wrong(error: BaseException, call: ToolCall, schema: type[BaseModel]) -> str:
    return f"{error}\n\nCorrect the arguments and call {call['name']} again."

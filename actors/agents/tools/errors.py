"""What becomes of a tool's error: a message to the model, or the node's own error.

A pause and the other control signals are no errors: they are no `Exception`, so nothing here ever sees them.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any, Union, get_args, get_origin

from langchain_core.tools import ToolException
from pydantic import ValidationError

from ....events.errors import ClewError, QuestionNotReproducibleError
from ...author.hints import EMPTY, shape_of

HandleToolErrors = bool | str | type[Exception] | tuple[type[Exception], ...] | Callable[..., Any]
"""What `ToolNode(handle_tool_errors=…)` takes."""
TOOL_CALL_ERROR_TEMPLATE = "Error: {error}\nCorrect the call and try again."
"""What a model is told about an error that is handled without a text of its own."""
INVALID_TOOL_NAME_ERROR_TEMPLATE = (
    "Error: {requested_tool} is not a valid tool; the tools there are: {available_tools}."
)
"""What a model is told when it calls a tool that the node does not have."""
_NOT_ITS_OWN = "what is wrong is an argument that the application gives, not you"
_NEVER_HANDLED = (QuestionNotReproducibleError,)
"""For the person who answered, not for the model: as a message to it, the answer would be lost."""


class ToolInvocationError(ClewError, ToolException):
    """A model called a tool with arguments that the tool does not take."""

    def __init__(
        self,
        tool_name: str,
        source: ValidationError,
        tool_kwargs: dict[str, Any],
        filtered_errors: Sequence[Any] | None = None,
    ) -> None:
        self.tool_name = tool_name
        self.source = source
        """What pydantic found."""
        self.tool_kwargs = tool_kwargs
        """The arguments that the model gave; injected ones are not among them."""
        self.filtered_errors = filtered_errors
        """Pydantic's errors about these arguments; None for all that `source` has."""
        errors = source.errors(include_url=False) if filtered_errors is None else filtered_errors
        found = "".join(f"\n- {_place(error)}: {error['msg']}" for error in errors) or f"\n- {_NOT_ITS_OWN}"
        self.message = (
            f"Error: tool {tool_name!r} does not take the arguments {tool_kwargs!r}:{found}\n"
            "Correct them and call it again."
        )
        super().__init__(self.message)


def arguments_error(
    tool_name: str, source: ValidationError, given: dict[str, Any], hidden: frozenset[str]
) -> ToolInvocationError:
    """The error for the model about its arguments, without a word on the `hidden` ones, which are not its own."""
    errors = [error for error in source.errors(include_url=False) if not error["loc"] or error["loc"][0] not in hidden]
    shown = {name: value for name, value in given.items() if name not in hidden}
    return ToolInvocationError(tool_name, source, shown, errors)


def say_arguments_error(error: ToolInvocationError) -> str:
    """The default of `ToolNode(handle_tool_errors=…)`: only wrong arguments are told to the model, as they are its own.

    What a tool itself raises fails the node.
    """
    return error.message


class ErrorPolicy:
    """Which errors become messages, and what these say."""

    def __init__(self, wanted: HandleToolErrors = say_arguments_error) -> None:
        self._wanted = wanted
        self._types = _handled_types(wanted)

    def content(self, error: Exception) -> Any:
        """What the model is told about this error; the error itself is raised when it is not to be told."""
        if not isinstance(error, self._types) or isinstance(error, _NEVER_HANDLED):
            raise error
        wanted = self._wanted
        if isinstance(wanted, str):
            return wanted
        if wanted is True or isinstance(wanted, (type, tuple)):
            return TOOL_CALL_ERROR_TEMPLATE.format(error=repr(error))
        content = wanted(error)  # type: ignore[operator]
        return content if isinstance(content, (str, list)) else str(content)


def _handled_types(wanted: HandleToolErrors) -> tuple[type[BaseException], ...]:
    """The types of errors that are handled.

    Raises `ValueError` for what is no such setting, so that a wrong one fails when the node is made.
    """
    if isinstance(wanted, bool):
        return (Exception,) if wanted else ()
    if isinstance(wanted, str):
        return (Exception,)
    if isinstance(wanted, (type, tuple)):
        return _exceptions(wanted if isinstance(wanted, tuple) else (wanted,), wanted)
    if not callable(wanted):
        raise ValueError(
            f"handle_tool_errors is {wanted!r}: give True, False, a text, a type of exception or a tuple of such, "
            "or a function of the error"
        )
    annotation = shape_of(wanted).state
    if annotation is EMPTY or annotation is Any:
        return (Exception,)
    if get_origin(annotation) in (Union, types.UnionType):
        return _exceptions(tuple(kind for kind in get_args(annotation) if kind is not type(None)), wanted)
    return _exceptions((annotation,), wanted)


def _exceptions(kinds: tuple[Any, ...], wanted: Any) -> tuple[type[BaseException], ...]:
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise ValueError(
                f"handle_tool_errors={wanted!r} names {kind!r}, which is no type of exception: a handler's parameter "
                "is annotated with the exception it takes, or a union of such, e.g. `def handler(error: ValueError)`"
            )
    return kinds


def _place(error: Any) -> str:
    return ".".join(str(part) for part in error["loc"]) or "arguments"

"""Which model an agent asks: the given one, with its tools bound once, or what a function chooses at each call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableBinding, RunnableSequence
from langchain_core.tools import BaseTool

from ...author.callee import code_digest
from ...author.hints import call_method
from ...engine.context import get_runtime
from ...scripts import Script
from ..chat_models import init_chat_model
from ..configurable_model import ConfigurableModel
from .steps import Called

Model = str | Runnable[Any, Any] | Callable[..., Any]
"""A model, a name such as "openai:gpt-4.1", or `choose(state, runtime)` that returns a model with its tools bound."""


class ModelChoice:
    """One agent's model, looked at once.

    Args:
        model: see `Model`.
        tools: what to bind: tools, and dicts for a provider's own ones.

    Raises:
        TypeError: it is none of these, or takes no tools.
        ValueError: it has other tools bound already, or an unknown name.
    """

    def __init__(self, model: Model, tools: Sequence[BaseTool | dict[str, Any]]) -> None:
        self._choose: Callable[..., Any] | None = None
        self._bound: Runnable[Any, Any] | None = None
        if isinstance(model, str):
            model = init_chat_model(model)
        if isinstance(model, Runnable):
            self._bound = _with_tools(model, tools)
        elif callable(model):
            self._choose = model
        else:
            raise TypeError(f"model is {model!r}: give a chat model, its name, or a function of state and runtime")
        self.fingerprint: object = code_digest(self._choose) if self._choose else type(self._bound).__qualname__

    def of(self, state: Any) -> Script[Runnable[Any, Any]]:
        """The model for this state."""
        if self._bound is not None:
            return self._bound
        choose: Any = self._choose
        is_async = inspect.iscoroutinefunction(choose) or inspect.iscoroutinefunction(call_method(choose))
        error = RuntimeError(
            "the agent's model is chosen by an async function and the agent was called from sync code: call it with "
            "ainvoke or astream, or give a sync function"
        )
        return (yield Called(choose, state, get_runtime(), is_async=is_async, error=error))


def bare_model(model: Runnable[Any, Any]) -> Any:
    """The chat model itself, without tools or config bound to it: what makes structured output.

    Raises `TypeError` where there is none.
    """
    found: Any = model
    if isinstance(found, RunnableSequence):
        found = next((step for step in found.steps if isinstance(step, (RunnableBinding, BaseChatModel))), found)
    while isinstance(found, RunnableBinding):
        found = found.bound
    if not hasattr(found, "with_structured_output"):
        raise TypeError(
            f"response_format needs a chat model, and the agent's is {type(model).__name__}: give the model itself, "
            "bound or in a sequence with a prompt"
        )
    return found


def _with_tools(model: Runnable[Any, Any], tools: Sequence[BaseTool | dict[str, Any]]) -> Runnable[Any, Any]:
    bound = _bound_tools(model)
    if bound is not None:
        _check_bound(bound, tools)
        return model
    if not tools:
        return model
    if isinstance(model, RunnableSequence):
        return _sequence_with_tools(model, tools)
    return _bind(model, tools)


def _bind(model: Any, tools: Sequence[BaseTool | dict[str, Any]]) -> Runnable[Any, Any]:
    if not hasattr(model, "bind_tools"):
        raise TypeError(
            f"the agent's model {type(model).__name__} takes no tools (it has no bind_tools): give a chat model, or "
            "bind the tools to it yourself"
        )
    return model.bind_tools(tools)


def _sequence_with_tools(sequence: RunnableSequence[Any, Any], tools: Sequence[Any]) -> Runnable[Any, Any]:
    steps = [
        _bind(step, tools) if isinstance(step, (BaseChatModel, ConfigurableModel)) else step for step in sequence.steps
    ]
    if all(new is old for new, old in zip(steps, sequence.steps, strict=True)):
        return _bind(sequence, tools)
    return RunnableSequence(*steps)


def _bound_tools(model: Runnable[Any, Any]) -> list[Any] | None:
    """What is bound to a model as tools; None for nothing."""
    if isinstance(model, RunnableSequence):
        return next((bound for step in model.steps if (bound := _bound_tools(step)) is not None), None)
    while isinstance(model, RunnableBinding):
        if "tools" in model.kwargs:
            return list(model.kwargs["tools"])
        model = model.bound
    return None


def _check_bound(bound: list[Any], tools: Sequence[BaseTool | dict[str, Any]]) -> None:
    names = {_name_of(tool) for tool in bound}
    wanted = {tool.name for tool in tools if isinstance(tool, BaseTool)}
    if len(bound) != len(tools) or wanted - names:
        raise ValueError(
            f"the agent's model has {len(bound)} tools bound ({_listed(names)}) and the agent {len(tools)} "
            f"({_listed(wanted)}): give the model without bound tools, or the same ones"
        )


def _name_of(tool: Any) -> str | None:
    """The name in a tool as providers write it: OpenAI's form, Anthropic's, or an object."""
    if not isinstance(tool, dict):
        return getattr(tool, "name", None)
    if isinstance(tool.get("function"), dict):
        return tool["function"].get("name")
    return tool.get("name")


def _listed(names: Any) -> str:
    return ", ".join(sorted(str(name) for name in names)) or "none"

"""An agent's own nodes: the one that asks the model, and the one that makes the structured response.

Runnables, so that sync and async callers drive one script; the tools' node is `ToolNode`.
"""

from __future__ import annotations

import functools
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableConfig

from ...author.callee import digest
from ...scripts import Script, adrive, drive
from .history import check_history
from .models import ModelChoice, bare_model
from .prompts import Prompting
from .states import LLM_INPUT, value_in, with_messages
from .steps import Asked
from .traced import prompted, told, watcher

STEPS_FOR_TOOLS = 2
"""Super-steps it takes to run tools and tell the model of them; with fewer left, their calls are not begun."""
MORE_STEPS = "Sorry, need more steps to process this request."
"""What the agent says instead, as LangGraph's agents do."""


class _Scripted(Runnable[Any, Any]):
    """A Runnable whose work is a script."""

    traced_as: str
    """Name of its own run below the node's."""

    def script(self, given: Any, config: RunnableConfig) -> Script[Any]:
        """What it does, step by step."""
        raise NotImplementedError

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run it on this thread."""
        return drive(self._watched(input, config or {}))

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run it on the running loop."""
        return await adrive(self._watched(input, config or {}))

    def _watched(self, given: Any, config: RunnableConfig) -> Script[Any]:
        script, manager = self.script(given, config), watcher(config)
        return script if manager is None else told(script, manager, given, self.traced_as)


class ModelNode(_Scripted):
    """Asks the model once and returns its message."""

    traced_as = "call_model"

    def __init__(self, choice: ModelChoice, prompt: Prompting, agent_name: str | None) -> None:
        self.name = "agent"
        self._choice = choice
        self._prompt = prompt
        self._agent_name = agent_name

    @functools.cached_property
    def code_fingerprint(self) -> bytes:
        """Equal for equal code and prompt, in every process."""
        return digest(["agent", self._choice.fingerprint, self._prompt.fingerprint])

    def script(self, given: Any, config: RunnableConfig) -> Script[Any]:
        """From the state to the update with the model's message."""
        messages = value_in(given, LLM_INPUT)
        state = with_messages(given, messages) if messages else given
        check_history(value_in(state, "messages") or ())
        model = yield from self._choice.of(state)
        reply: BaseMessage
        if watcher(config) is None:
            asked = yield from self._prompt.given(state, config)
            reply = yield Asked(model, asked, config)
        else:
            reply = yield Asked(prompted(self._prompt, model), state, config)
        if isinstance(reply, AIMessage):
            reply.name = self._agent_name or reply.name
            if reply.tool_calls and _too_few(value_in(state, "remaining_steps")):
                return {"messages": [AIMessage(MORE_STEPS, id=reply.id, name=self._agent_name)]}
        return {"messages": [reply]}


class ResponseNode(_Scripted):
    """Asks the model for the structured response, once the agent has come to its end."""

    traced_as = "generate_structured_response"

    def __init__(self, choice: ModelChoice, response_format: Any) -> None:
        self.name = "generate_structured_response"
        self._choice = choice
        has_prompt = isinstance(response_format, tuple)
        self._system = SystemMessage(response_format[0]) if has_prompt else None
        self.schema = response_format[1] if has_prompt else response_format
        """What the response looks like: a class or a JSON schema."""

    def script(self, given: Any, config: RunnableConfig) -> Script[Any]:
        """From the messages to the update with the response."""
        messages = value_in(given, "messages")
        model = bare_model((yield from self._choice.of(given)))
        asked = messages if self._system is None else [self._system, *messages]
        response = yield Asked(model.with_structured_output(self.schema), asked, config)
        return {"structured_response": response}


def _too_few(remaining_steps: int | None) -> bool:
    return remaining_steps is not None and remaining_steps < STEPS_FOR_TOOLS

"""What a model is asked with: the agent's prompt, put together with the state's messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.messages import SystemMessage
from langchain_core.runnables import Runnable, RunnableConfig

from ...author.callee import callee_of, code_digest
from ...author.plan import Callee
from ...engine.call import scope_here
from ...engine.context import injected
from ...scripts import Script
from .states import value_in
from .steps import Asked, Called

Prompt = SystemMessage | str | Callable[..., Any] | Runnable[Any, Any]
"""A text or message to stand before the messages; or a function or Runnable that makes model input of the state."""


class Prompting:
    """One agent's prompt, looked at once."""

    def __init__(self, prompt: Prompt | None) -> None:
        """Raises `ValueError` for what is no prompt."""
        self._system: SystemMessage | None = None
        self.runnable: Runnable[Any, Any] | None = None
        """The prompt where it is a Runnable."""
        self._callee: Callee | None = None
        if isinstance(prompt, str):
            self._system = SystemMessage(prompt)
        elif isinstance(prompt, SystemMessage):
            self._system = prompt
        elif isinstance(prompt, Runnable):
            self.runnable = prompt
        elif callable(prompt):
            self._callee = callee_of(prompt, role="the prompt")[0]
        elif prompt is not None:
            raise ValueError(
                f"prompt is {prompt!r}: give a text, a SystemMessage, a function of the state, or a Runnable"
            )
        self.fingerprint: object = code_digest(prompt) if self._callee else str(self._system and self._system.content)

    def given(self, state: Any, config: RunnableConfig) -> Script[Any]:
        """What to give to the model for this state."""
        if self.runnable is not None:
            return (yield Asked(self.runnable, state, config))
        if self._callee is not None:
            return (yield self._call(self._callee, state, config))
        messages = value_in(state, "messages")
        return messages if self._system is None else [self._system, *messages]

    def _call(self, callee: Callee, state: Any, config: RunnableConfig) -> Called:
        here = scope_here()
        named = {} if here is None or not callee.injects else injected(here.call.job, callee.injects, config)
        error = TypeError(
            f"the prompt {callee.name!r} is async and the agent was called from sync code: call it with ainvoke, "
            "astream or abatch"
        )
        return Called(callee.call, state, is_async=callee.is_async, error=error, **named)

"""The call of a node that is a chain of Runnables: its steps run right below the node, with no run for the chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManager
from langchain_core.runnables import Runnable, RunnableConfig, RunnableSequence

from ..author.plan import Callee
from ..engine.runner import UserCall


def steps_of(callee: Callee) -> Sequence[Runnable[Any, Any]]:
    """The steps of a callee that is a RunnableSequence; nothing for any other."""
    owner = getattr(callee.call, "__self__", None)
    return owner.steps if isinstance(owner, RunnableSequence) else ()


class ChainCall(UserCall):
    """A chain's call: each step in its turn, tagged with its number below the node's run."""

    steps: Sequence[Runnable[Any, Any]]

    def make(self) -> Any:
        """Make the call on this thread."""
        value = self.given
        for number, step in enumerate(self.steps, 1):
            value = step.invoke(value, self._config_of(number))
        return value

    def amake(self) -> Any:
        """Make the call for an async caller."""
        return self._amake()

    async def _amake(self) -> Any:
        value = self.given
        for number, step in enumerate(self.steps, 1):
            value = await step.ainvoke(value, self._config_of(number))
        return value

    def _config_of(self, number: int) -> RunnableConfig:
        manager = self.config.get("callbacks")
        if number == 1 or not isinstance(manager, CallbackManager):
            return self.config
        own = manager.copy()
        own.tags = [f"seq:step:{number}" if tag == "seq:step:1" else tag for tag in own.tags]
        return RunnableConfig(**{**self.config, "callbacks": own})  # type: ignore[typeddict-item]

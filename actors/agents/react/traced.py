"""An agent's nodes where somebody watches: the runs that LangGraph's traces show below them."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManager
from langchain_core.runnables import Runnable, RunnableConfig, RunnableSequence

from ...scripts import Script, adrive, drive
from .prompts import Prompting


def watcher(config: RunnableConfig) -> CallbackManager | None:
    """What hears of the node's runs; None where nobody does."""
    manager = config.get("callbacks")
    return manager if isinstance(manager, CallbackManager) and manager.handlers else None


def told(script: Script[Any], manager: CallbackManager, given: Any, name: str) -> Script[Any]:
    """A script as a run of this name. What it calls runs beside it below the node, as in LangGraph's agents."""
    run = manager.on_chain_start(None, given, name=name)  # type: ignore[arg-type]
    try:
        returned = yield from script
    except BaseException as error:
        run.on_chain_error(error)
        raise
    run.on_chain_end(returned)
    return returned


class _PromptStep(Runnable[Any, Any]):
    """An agent's prompt as a step of its own, which makes the model's input of the state."""

    name = "Prompt"

    def __init__(self, prompt: Prompting) -> None:
        self._prompt = prompt

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """The model's input, made on this thread."""
        return self._call_with_config(self._make, input, config)  # type: ignore[arg-type]

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """The model's input, made on the running loop."""
        return await self._acall_with_config(self._amake, input, config)  # type: ignore[arg-type]

    def _make(self, state: Any, config: RunnableConfig) -> Any:
        return drive(self._prompt.given(state, config))

    async def _amake(self, state: Any, config: RunnableConfig) -> Any:
        return await adrive(self._prompt.given(state, config))


def prompted(prompt: Prompting, model: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """The model behind its prompt, each with a run of its own: from the state to the model's message."""
    first = _PromptStep(prompt) if prompt.runnable is None else prompt.runnable
    return RunnableSequence(first, model)

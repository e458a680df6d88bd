"""The call of a path function with a run of its own below its node's, for those who watch."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManager
from langchain_core.callbacks.manager import CallbackManagerForChainRun
from langchain_core.runnables.config import var_child_runnable_config

from ..engine.runner import UserCall


class PathCall(UserCall):
    """A path function's call: it is told of when it begins and ends, and what it calls runs below it."""

    __slots__ = ("_manager", "_name")

    def __init__(self, call: UserCall, manager: CallbackManager, name: str) -> None:
        super().__init__(call.callee, call.given, call.parameters, call.config)
        self._manager = manager
        self._name = name

    def make(self) -> Any:
        """Make the call on this thread."""
        run, surrounding = self._begin()
        try:
            result = super().make()
        except BaseException as error:
            run.on_chain_error(error)
            raise
        finally:
            var_child_runnable_config.reset(surrounding)
        run.on_chain_end(result)
        return result

    def amake(self) -> Any:
        """Make the call for an async caller."""
        return self._amake()

    async def _amake(self) -> Any:
        run, surrounding = self._begin()
        try:
            # Not `super().amake`, which for a path that is async throughout comes back to this class's `make`.
            result = await (super().make() if self.callee.acall is None else super().amake())
        except BaseException as error:
            run.on_chain_error(error)
            raise
        finally:
            var_child_runnable_config.reset(surrounding)
        run.on_chain_end(result)
        return result

    def _begin(self) -> tuple[CallbackManagerForChainRun, Any]:
        run = self._manager.on_chain_start(None, self.given, name=self._name)  # type: ignore[arg-type]
        config = {**self.config, "callbacks": run.get_child()}
        if "config" in self.parameters:
            self.parameters = {**self.parameters, "config": config}
        return run, var_child_runnable_config.set(config)  # type: ignore[arg-type]

"""The call of a path function with a run of its own below its node's, for those who watch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.callbacks import CallbackManager
from langchain_core.runnables.config import var_child_runnable_config

from ..engine.runner import UserCall


class PathCall(UserCall):
    """A path function's call: it is told of when it begins and ends, and what it calls runs below it."""

    manager: CallbackManager
    name: str

    def make(self) -> Any:
        """Make the call on this thread."""
        with self._told() as result_is:
            return result_is(super().make())

    def amake(self) -> Any:
        """Make the call for an async caller."""
        return self._amake()

    async def _amake(self) -> Any:
        with self._told() as result_is:
            # Not `super().amake`, which for a path that is async throughout comes back to this class's `make`.
            return result_is(await (super().make() if self.callee.acall is None else super().amake()))

    @contextmanager
    def _told(self) -> Iterator[Callable[[Any], Any]]:
        """Tell the callbacks that the call begins, and then how it ended; yields what takes its result."""
        run = self.manager.on_chain_start(None, self.given, name=self.name)  # type: ignore[arg-type]
        config = {**self.config, "callbacks": run.get_child()}
        if "config" in self.parameters:
            self.parameters = {**self.parameters, "config": config}
        result: Any = None

        def result_is(came_to: Any) -> Any:
            nonlocal result
            result = came_to
            return came_to

        surrounding = var_child_runnable_config.set(config)  # type: ignore[arg-type]
        try:
            yield result_is
        except BaseException as error:
            run.on_chain_error(error)
            raise
        finally:
            var_child_runnable_config.reset(surrounding)
        run.on_chain_end(result)

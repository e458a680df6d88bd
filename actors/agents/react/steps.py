"""What an agent's nodes do on the way, once for sync and async callers: ask a Runnable, call a user's function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from ...scripts import on_a_thread


class Asked:
    """A Runnable (a model, a prompt) that is given something."""

    __slots__ = ("_config", "_given", "_runnable")

    def __init__(self, runnable: Runnable[Any, Any], given: Any, config: RunnableConfig | None) -> None:
        self._runnable = runnable
        self._given = given
        self._config = config

    def make(self) -> Any:
        """Ask it on this thread."""
        return self._runnable.invoke(self._given, self._config)

    async def amake(self) -> Any:
        """Ask it on the running loop."""
        return await self._runnable.ainvoke(self._given, self._config)


class Called:
    """A function of the user's. An async caller has a sync one called on a thread."""

    __slots__ = ("_arguments", "_error", "_function", "_is_async", "_named")

    def __init__(
        self, function: Callable[..., Any], *arguments: Any, is_async: bool, error: Exception, **named: Any
    ) -> None:
        self._function = function
        self._arguments = arguments
        self._named = named
        self._is_async = is_async
        self._error = error
        """What to raise when a sync caller meets an async function."""

    def make(self) -> Any:
        """Call it on this thread."""
        if self._is_async:
            raise self._error
        return self._function(*self._arguments, **self._named)

    async def amake(self) -> Any:
        """Call it for the running loop."""
        if self._is_async:
            return await self._function(*self._arguments, **self._named)
        return await on_a_thread(self.make)

"""How one tool is run: by langchain-core, with its callbacks, or bare when nobody watches.

Both ways check arguments, run the body and make a message alike. The bare one leaves out what only callbacks need, nine
tenths of the cost of a small tool. A pause passes through and leaves no run open in a trace.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.callbacks import manager as managers
from langchain_core.callbacks.manager import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.messages import ToolCall
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, Tool
from langchain_core.tools import base as core
from pydantic import BaseModel

from ...scripts import on_a_thread
from .arguments import HIDDEN, config_parameter, functions_of, injections_of

_format_output = getattr(core, "_format_output", None)
"""Makes a message of what a tool returned. Where a release of langchain-core lacks it, no tool is run bare."""
_new_run_id = getattr(managers, "uuid7", uuid4)
"""Ids as langchain-core makes them; tracers warn of another kind."""
_CLOSES_A_PAUSE = "BaseException" in BaseTool.run.__code__.co_names
"""True where langchain-core tells callbacks of every end of a tool's run; before 1.8 a pause left the run open."""
_MADE_FROM_FUNCTIONS = (StructuredTool, Tool)


class ToolBody:
    """One tool, looked at once."""

    def __init__(self, tool: BaseTool) -> None:
        kind = type(tool)
        self.tool = tool
        self.injections = injections_of(tool)
        self.filled = frozenset(one.name for one in self.injections if one.receives != HIDDEN)
        """Parameters that the graph fills in: errors about them are not the model's."""
        self.runs_as_core_does = _runs_as_core_does(kind)
        """True when the tool's class leaves running to langchain-core: then the bare way leaves nothing of it out."""
        self._schema = _Schema.of(tool, self.filled)
        self._sync_wants = _Wants(tool, kind._run)
        self._async_wants = _Wants(tool, kind._arun)

    def step(self, call: ToolCall, config: RunnableConfig, watched: bool) -> ToolStep:
        """The tool's run for one call, to be made or awaited. The call's arguments are complete, its id is a text."""
        tool = self.tool
        has_own = tool.callbacks or tool.verbose or tool.handle_tool_error or tool.handle_validation_error
        if watched or has_own or not self.runs_as_core_does or _format_output is None:
            return WatchedStep(self, call, config)
        return BareStep(self, call, config)

    @property
    def is_sync_only(self) -> bool:
        """True when the tool has no async form of its own."""
        if isinstance(self.tool, _MADE_FROM_FUNCTIONS):
            return self.tool.coroutine is None
        return type(self.tool)._arun is BaseTool._arun

    def arguments(self, call: ToolCall) -> tuple[Sequence[Any], dict[str, Any]]:
        """The call's arguments as the tool's schema makes them. Raises pydantic's `ValidationError`."""
        if self._schema is not None:
            return (), self._schema.checked(call["args"])
        return self.tool._to_args_and_kwargs(dict(call["args"]), call["id"])

    def run(self, call: ToolCall, config: RunnableConfig) -> Any:
        """Run the tool without callbacks."""
        positional, named = self.arguments(call)
        named |= self._sync_wants.extras(config, CallbackManagerForToolRun)
        return self.message(self.tool._run(*positional, **named), call)

    async def arun(self, call: ToolCall, config: RunnableConfig) -> Any:
        """As `run`, on the running loop; a tool without an async form runs on a thread."""
        if self.is_sync_only:
            return await on_a_thread(self.run, call, config)
        positional, named = self.arguments(call)
        named |= self._async_wants.extras(config, AsyncCallbackManagerForToolRun)
        return self.message(await self.tool._arun(*positional, **named), call)

    def message(self, returned: Any, call: ToolCall) -> Any:
        """What a tool's run comes to, as langchain-core makes it of what the body returned."""
        artifact = None
        if self.tool.response_format == "content_and_artifact":
            if not isinstance(returned, tuple) or len(returned) != 2:
                raise ValueError(
                    f"tool {self.tool.name!r} has response_format='content_and_artifact' and returned {returned!r}: "
                    "return a tuple of content and artifact"
                )
            returned, artifact = returned
        return _format_output(returned, artifact, call["id"], self.tool.name, "success")  # type: ignore[misc]


class BareStep:
    """A tool's run that nobody watches."""

    __slots__ = ("_body", "_call", "_config")

    def __init__(self, body: ToolBody, call: ToolCall, config: RunnableConfig) -> None:
        self._body = body
        self._call = call
        self._config = config

    @property
    def is_sync_only(self) -> bool:
        """True when the tool has no async form of its own."""
        return self._body.is_sync_only

    def make(self) -> Any:
        """Run the tool on this thread."""
        return self._body.run(self._call, self._config)

    async def amake(self) -> Any:
        """Run the tool for the running loop."""
        return await self._body.arun(self._call, self._config)


class WatchedStep:
    """A tool's run with callbacks, by langchain-core's own `invoke`."""

    __slots__ = ("_call", "_config", "_run_id", "_tool", "is_sync_only")

    def __init__(self, body: ToolBody, call: ToolCall, config: RunnableConfig) -> None:
        self.is_sync_only = body.is_sync_only
        self._tool = body.tool
        self._call = call
        self._run_id = _new_run_id() if body.runs_as_core_does else None
        """None for a tool with an `invoke` of its own, which may give the id to something else than the tool's run."""
        self._config: RunnableConfig = config if self._run_id is None else {**config, "run_id": self._run_id}

    def make(self) -> Any:
        """Run the tool on this thread."""
        try:
            return self._tool.invoke(self._call, self._config)
        except BaseException as error:
            if self._left_open(error):
                run = CallbackManagerForToolRun(**self._told(CallbackManager))
                run.on_tool_error(error, tool_call_id=self._call["id"])
            raise

    async def amake(self) -> Any:
        """Run the tool for the running loop."""
        try:
            return await self._tool.ainvoke(self._call, self._config)
        except BaseException as error:
            if self._left_open(error):
                run = AsyncCallbackManagerForToolRun(**self._told(AsyncCallbackManager))
                await run.on_tool_error(error, tool_call_id=self._call["id"])
            raise

    def _left_open(self, error: BaseException) -> bool:
        """True when a trace would show the run open: langchain-core before 1.8 closes it for common errors only."""
        return self._run_id is not None and not (_CLOSES_A_PAUSE or isinstance(error, (Exception, KeyboardInterrupt)))

    def _told(self, kind: type[CallbackManager] | type[AsyncCallbackManager]) -> dict[str, Any]:
        """Whom the tool's run told that it began, and as which run."""
        config, tool = self._config, self._tool
        manager = kind.configure(
            config.get("callbacks"),
            tool.callbacks,
            tool.verbose,
            config.get("tags"),
            tool.tags,
            config.get("metadata"),
            tool.metadata,
        )
        return {
            "run_id": self._run_id,
            "handlers": manager.handlers,
            "inheritable_handlers": manager.inheritable_handlers,
            "parent_run_id": manager.parent_run_id,
            "tags": manager.tags,
            "metadata": manager.metadata,
        }


ToolStep = BareStep | WatchedStep


class _Wants:
    """What langchain-core hands to a tool's body besides its arguments."""

    __slots__ = ("config", "manager")

    def __init__(self, tool: BaseTool, body: Any) -> None:
        self.config = config_parameter(body)
        self.manager = "run_manager" in inspect.signature(body).parameters
        if body in (StructuredTool._run, StructuredTool._arun, Tool._run, Tool._arun):
            # These use it for one thing: a function that asks for `callbacks`.
            self.manager = any("callbacks" in inspect.signature(function).parameters for function in functions_of(tool))

    def extras(self, config: RunnableConfig, manager: Any) -> dict[str, Any]:
        extras: dict[str, Any] = {} if self.config is None else {self.config: config}
        if self.manager:
            extras["run_manager"] = manager.get_noop_manager()
        return extras


class _Schema:
    """A tool's pydantic schema, and which of its fields become arguments: langchain-core's rule, decided once.

    langchain-core dumps the validated model at each call to learn its field names, with a whole injected state in it.
    """

    __slots__ = ("_beside", "_fields", "_model")

    def __init__(self, model: type[BaseModel], beside: tuple[str, ...]) -> None:
        self._model = model
        self._fields = tuple(
            (name, name not in ("args", "kwargs") and not field.is_required())
            for name, field in model.model_fields.items()
        )
        self._beside = beside
        """Injected parameters that the schema leaves out."""

    @staticmethod
    def of(tool: BaseTool, injected: frozenset[str]) -> _Schema | None:
        """The schema of a tool whose arguments langchain-core checks in the usual way; None for any other."""
        kind, model = type(tool), tool.args_schema
        usual = kind._parse_input is BaseTool._parse_input and kind._to_args_and_kwargs is BaseTool._to_args_and_kwargs
        if not usual or not isinstance(model, type) or not issubclass(model, BaseModel):
            return None
        beside = tuple(injected - model.model_fields.keys())
        if model.model_config.get("extra") == "allow" or model.__pydantic_computed_fields__:
            return None
        return _Schema(model, beside if model.model_fields else ())

    def checked(self, arguments: dict[str, Any]) -> dict[str, Any]:
        model = self._model.model_validate(arguments)
        given = model.model_fields_set
        named = {
            name: getattr(model, name)
            for name, has_default in self._fields
            if has_default or name in arguments or name in given
        }
        for name in self._beside:
            if name in arguments:
                named[name] = arguments[name]
        return named


def _runs_as_core_does(kind: type[BaseTool]) -> bool:
    if kind.invoke is not BaseTool.invoke or kind.run is not BaseTool.run or kind.arun is not BaseTool.arun:
        return False
    return kind.ainvoke in (BaseTool.ainvoke, StructuredTool.ainvoke, Tool.ainvoke)

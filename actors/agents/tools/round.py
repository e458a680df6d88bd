"""One message's tool calls on their way: played back or run, all at once, each to its end or its question."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextvars import Token
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, var_child_runnable_config

from ....events.errors import GraphBubbleUp, GraphInterrupt
from ... import engine
from ...engine.attempts.inputs import read_view
from ...engine.call import scope_here
from ...engine.context import NodeRuntime, node_runtime
from ...watch.listening import somebody_listens
from ..injection import ToolRuntime
from .answer import ToolAnswer
from .calls import called_tools, places
from .results import combined
from .together import adrive_together, drive_together

if TYPE_CHECKING:
    from ..tool_node import ToolNode

RUNTIME_KEY = "__pregel_runtime"
"""Key of `configurable` under which a ToolNode takes a `Runtime` (context, store, writer) outside of a graph.

LangGraph's own, so that people's tests of their tools move over as they are.
"""

_log = logging.getLogger(__name__)


class ToolRound:
    """The calls of one input of a ToolNode. A context: the surrounding config is the calls' while it is entered."""

    def __init__(self, node: ToolNode, given: Any, config: RunnableConfig | None, more: Mapping[str, Any]) -> None:
        if more:
            raise TypeError(f"ToolNode {node.name!r} takes input and config, no {', '.join(map(repr, sorted(more)))}")
        self.node = node
        self.scope = scope_here()
        """The place in a running task; None outside of a graph: then nothing is recorded."""
        self._surrounding: Token[RunnableConfig | None] | None = None
        self.config = self._own_config(config)
        self.watched = _has_handlers(self.config) or somebody_listens()
        """True when callbacks, tracing or a debug switch want to know of the tools' runs."""
        called = called_tools(given, node.messages_key, self._current_state)
        self.given = called.given
        self.as_list = called.as_list
        self.answers = [
            ToolAnswer(self, call, place) for call, place in zip(called.calls, places(called.calls), strict=True)
        ]
        self._runtime: NodeRuntime[Any] | None = None
        self._asked_before = 0 if self.scope is None else len(self.scope.call.asked)

    def __enter__(self) -> ToolRound:
        if var_child_runnable_config.get(None) is not self.config:
            self._surrounding = var_child_runnable_config.set(self.config)
        return self

    def __exit__(self, *_: object) -> None:
        if self._surrounding is not None:
            var_child_runnable_config.reset(self._surrounding)

    def do(self) -> None:
        """Bring every call to its end or its question. Raises nothing that a tool raised: see `result`."""
        scripts = [answer.script() for answer in self.answers if not answer.is_played_back()]
        if scripts:
            drive_together(scripts, lambda: self._engine.pool, self._calls_max)

    async def ado(self) -> None:
        """As `do`, on the running loop."""
        scripts = [answer.script() for answer in self.answers if not answer.is_played_back()]
        if scripts:
            await adrive_together(scripts, self._calls_max)

    def result(self) -> Any:
        """What the node returns; raises what keeps it from returning."""
        self._raise_first()
        outputs = [output for answer in self.answers for output in answer.outputs]
        return combined(outputs, self.node.messages_key, self.as_list)

    @property
    def runtime(self) -> NodeRuntime[Any]:
        """Context, store and writer of the running node, or what the config gives in its place."""
        if self._runtime is None:
            given = (self.config.get("configurable") or {}).get(RUNTIME_KEY)
            if isinstance(given, NodeRuntime):
                self._runtime = given
            else:
                self._runtime = NodeRuntime() if self.scope is None else node_runtime(self.scope.call.job)
        return self._runtime

    def tool_runtime(self, call_id: str) -> ToolRuntime[Any, Any]:
        """What a tool or wrapper receives as `runtime`."""
        runtime = self.runtime
        made: ToolRuntime[Any, Any] = ToolRuntime(
            state=self.given,
            context=runtime.context,
            config=self.config,
            stream_writer=runtime.stream_writer,
            tool_call_id=call_id,
            store=runtime.store,
            tools=list(self.node.tools_by_name.values()),
            execution_info=runtime.execution_info,
            server_info=runtime.server_info,
        )
        if self.scope is not None:
            run = self.scope.call.job.run
            made.stream_to(lambda chunk: run.emit("tools", chunk))
        return made

    def _own_config(self, given: RunnableConfig | None) -> RunnableConfig:
        surrounding = var_child_runnable_config.get(None)
        config = surrounding if given is surrounding and surrounding is not None else ensure_config(given)
        tags = self.node.tags
        if not tags and "tags" in config:
            return config
        # A tool's config has tags, also where a node's has none.
        return {**config, "tags": [*(config.get("tags") or ()), *(tags or ())]}

    def _current_state(self) -> Any:
        if self.scope is None:
            return {}
        job = self.scope.call.job
        return read_view(job, job.cells, job.node.view)

    @property
    def _engine(self) -> Any:
        return (self.scope and self.scope.call.job.run.settings.runtime) or engine.default_runtime()

    @property
    def _calls_max(self) -> int | None:
        own = self.config.get("max_concurrency")
        return own if own or self.scope is None else self.scope.call.job.run.settings.concurrency_max

    def _raise_first(self) -> None:
        """Raise a cancellation, else the pause, else the first error in call order. None of the rest is passed over."""
        errors = [answer.error for answer in self.answers if answer.error is not None]
        if not errors and not any(answer.is_paused for answer in self.answers):
            return
        self._warn_of_repeated()
        stopped = [error for error in errors if not isinstance(error, (Exception, GraphBubbleUp))]
        if stopped:
            raise stopped[0]
        if any(answer.is_paused for answer in self.answers):
            raise self._pause()
        for answer in self.answers:
            if answer.error is not None and answer.error is not errors[0]:
                errors[0].add_note(f"tool {answer.call['name']!r}, called beside it, raised {answer.error!r}")
        raise errors[0]

    def _warn_of_repeated(self) -> None:
        for answer in self.answers:
            if answer.unkept is not None:
                _log.warning(
                    "tool %r finished and runs again when the node does, as its result cannot be recorded: %s",
                    answer.call["name"],
                    answer.unkept,
                )

    def _pause(self) -> GraphInterrupt:
        self._order_questions()
        questions: list[Any] = []
        for answer in self.answers:
            error = answer.error
            if isinstance(error, GraphInterrupt):
                questions.extend(error.args[0])
            elif error is not None:
                _log.warning(
                    "tool %r raised %r beside a tool that asks: it is called again when the question is answered",
                    answer.call["name"],
                    error,
                )
        return GraphInterrupt(questions)

    def _order_questions(self) -> None:
        """Have new questions in call order, whichever tool was the fastest to ask."""
        if self.scope is None:
            return
        asked = self.scope.call.asked
        ordinals = {answer.place: ordinal for ordinal, answer in enumerate(self.answers)}
        inside = len(self.scope.name) + 1 if self.scope.name else 0
        asked[self._asked_before :] = sorted(
            asked[self._asked_before :],
            key=lambda raised: ordinals.get(raised.scope[inside:].partition("/")[0], len(ordinals)),
        )


def _has_handlers(config: RunnableConfig) -> bool:
    callbacks = config.get("callbacks")
    return bool(callbacks if callbacks is None or isinstance(callbacks, list) else callbacks.handlers)

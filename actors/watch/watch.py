"""Watching a run: langchain-core's callbacks of the root and of each node, and the tokens of chat models.

Nobody pays who does not watch: without callbacks, tracing or a `messages` stream there is no watch at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from langchain_core.callbacks import CallbackManager
from langchain_core.callbacks.manager import CallbackManagerForChainRun
from langchain_core.globals import get_debug, get_verbose
from langchain_core.tracers._streaming import _StreamingCallbackHandler
from langchain_core.tracers.context import _configure_hooks, _tracing_v2_is_enabled

from ...events.vocabulary import Write
from ...projections.state.merge import read_values
from ...projections.streams.commit import live_cells
from ...projections.streams.tasks import task_metadata
from .message_events import MessageEventHandler
from .tokens import TokenHandler
from .tool_calls import ToolCallHandler

if TYPE_CHECKING:
    from ..doors.setup import Setup
    from ..engine.run import Job, Run


_SECRETS = ("key", "token", "secret", "password", "auth")
"""Parts of names in `configurable` whose values are no trace's business."""
_TRACES_APART = "langsmith_inheritable_metadata" in signature(CallbackManager.configure).parameters
"""False with a langchain-core that knows no metadata for LangSmith alone."""


HANDLED_MODES = frozenset({"messages", "tools"})
"""Stream modes whose chunks come from callbacks."""


class NoWatch:
    """Nobody watches."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...


NO_WATCH = NoWatch()


def open_watch(graph: Setup, run: Run, given: Any) -> Watch | NoWatch:
    """A context around the run that tells its callbacks of begin, end or error; `NO_WATCH` where there are none."""
    settings = run.settings
    if not settings.modes & HANDLED_MODES and not settings.config.get("callbacks") and not somebody_listens():
        return NO_WATCH
    watch = Watch(graph, run, given)
    settings.watch = watch
    return watch


def somebody_listens() -> bool:
    """True when tracing is on, or a context variable or a debug switch adds handlers to every run."""
    if any(variable.get() is not None for variable, *_ in _configure_hooks):
        return True
    return bool(_tracing_v2_is_enabled()) or get_debug() or get_verbose()


class Watch:
    """One run's callbacks. Nodes open and close their own run below the root, on whatever thread they run."""

    def __init__(self, graph: Setup, run: Run, given: Any) -> None:
        self._graph = graph
        self._run = run
        self._given = given
        self._tokens = "messages" in run.settings.modes
        self._root: CallbackManagerForChainRun | None = None
        self._nodes: dict[int, CallbackManagerForChainRun] = {}

    def __enter__(self) -> Watch:
        config = self._run.settings.config
        apart: dict[str, Any] = {}
        if _TRACES_APART:
            apart["langsmith_inheritable_metadata"] = _traced(config["configurable"])
        manager = CallbackManager.configure(
            inheritable_callbacks=config.get("callbacks"),
            inheritable_tags=config.get("tags"),
            inheritable_metadata={"ls_integration": "langgraph", **config["metadata"]},
            **apart,
        )
        if self._tokens:
            handler = MessageEventHandler if self._run.settings.message_events else TokenHandler
            manager.add_handler(handler(self._run), inherit=True)
        if "tools" in self._run.settings.modes:
            manager.add_handler(ToolCallHandler(self._run), inherit=True)
        name = config.get("run_name") or self._graph.name
        self._root = manager.on_chain_start(None, self._given, name=name, run_id=UUID(self._run.terms.run))  # type: ignore[arg-type]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        root = self._root
        if root is None:
            return
        if error is not None and not isinstance(error, GeneratorExit):
            root.on_chain_error(error)
            return
        state = self._run.state
        cells = live_cells(self._run.channels, state.line(self._run.ns)) if state is not None else None
        output = {} if cells is None else read_values(self._run.channels, cells, self._graph.plan.output_view.keys)
        root.on_chain_end(output)

    async def __aenter__(self) -> Watch:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def open_node(self, job: Job) -> Any:
        """Begin a node's run; what it returns goes into the node's config as `callbacks`."""
        root = self._root
        if root is None or job.node.name == "__start__":
            return None
        given = self._input_of(job)
        if any("messages" in view.modes for _, view in self._run.readers):
            seen = _message_ids(given)
            for _, view in self._run.readers:
                view.seen_messages.update(seen)
        step = job.checkpoint.step + 1
        manager = root.get_child(f"graph:step:{step}")
        own = {**job.node.metadata}
        place = task_metadata(
            job.node.name, job.task.send, step, job.task_id, own, triggers=job.node.triggers, ns=job.run.ns
        )
        manager.add_metadata(place, inherit=True)
        if job.node.tags:
            manager.add_tags(list(job.node.tags), inherit=False)
        node = manager.on_chain_start(None, given, name=job.node.name)  # type: ignore[arg-type]
        self._nodes[id(job)] = node
        return node.get_child()

    def close_node(self, job: Job, writes: list[Write] | None, error: BaseException | None) -> None:
        """End a node's run: with what it wrote, or with what it raised (a question is an error to tracers)."""
        node = self._nodes.pop(id(job), None)
        if node is None:
            return
        if error is not None:
            node.on_chain_error(error)
        else:
            written = {write.channel: write.payload.given for write in writes or ()}
            _stream_to_events(node, written)
            node.on_chain_end(written)

    def _input_of(self, job: Job) -> Any:
        if job.task.payload is not None:
            return job.task.payload.value
        return read_values(job.run.channels, job.cells, job.input_view.keys)


def _traced(configurable: Mapping[str, Any]) -> dict[str, Any]:
    """What only LangSmith's trace shows of `configurable`: plain values under names that do not sound like secrets."""
    return {
        key: value
        for key, value in configurable.items()
        if isinstance(value, (str, int, float, bool))
        and not key.startswith("__")
        and not any(secret in key.casefold() for secret in _SECRETS)
    }


def _stream_to_events(node: CallbackManagerForChainRun, output: Any) -> None:
    """Tell `astream_events` that the node gave out its output: it listens to streams, not to ends."""
    for handler in node.handlers:
        if isinstance(handler, _StreamingCallbackHandler) and not isinstance(handler, TokenHandler):
            for _ in handler.tap_output_iter(node.run_id, iter((output,))):
                pass


def _message_ids(given: Any) -> set[str]:
    values = given.values() if isinstance(given, dict) else (given,)
    items = (item for value in values for item in (value if isinstance(value, (list, tuple)) else (value,)))
    return {identifier for item in items if isinstance(identifier := getattr(item, "id", None), str)}

"""Watching a run: langchain-core's callbacks of the root and of each node, and the tokens of chat models.

Nobody pays who does not watch: without callbacks, tracing or a `messages` stream there is no watch at all.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from inspect import signature
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from langchain_core.callbacks import CallbackManager
from langchain_core.callbacks.manager import CallbackManagerForChainRun
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers._streaming import _StreamingCallbackHandler

from ...events.vocabulary import START, TAG_HIDDEN
from ...projections.state.merge import read_values
from ...projections.state.upcast import rules_of
from ...projections.state.views import interrupt_of
from ...projections.streams.commit import line_of, live_cells
from ...projections.streams.tasks import in_graph, task_metadata
from ..decider.commands import Answer, Apply, Continue, Enter
from ..engine.attempts.inputs import managed_value
from . import recording
from .lifecycle import GraphInterruptEvent, GraphResumeEvent, tell
from .listening import somebody_listens
from .message_events import MessageEventHandler
from .paths import PathCall
from .steps import ChainCall, steps_of
from .tokens import TokenHandler
from .tool_calls import ToolCallHandler

if TYPE_CHECKING:
    from ..author.plan import Callee
    from ..doors.setup import Setup
    from ..engine.run import Run
    from ..engine.runner import UserCall
    from ..engine.work.jobs import Job


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


class Watch:
    """One run's callbacks. Nodes open and close their own run below the root, on whatever thread they run."""

    def __init__(self, graph: Setup, run: Run, given: Any) -> None:
        self._graph = graph
        self._run = run
        self._given = given
        self._tokens = "messages" in run.settings.modes
        self._root: CallbackManagerForChainRun | None = None
        self._nodes: dict[int, CallbackManagerForChainRun] = {}
        self._resumes = isinstance(run.command, (Answer, Apply, Continue, Enter))
        """True until it was looked at whether the run goes on with what is open, and handlers were told."""
        self._telling = threading.Lock()

    def __enter__(self) -> Watch:
        config = self._run.settings.config
        apart: dict[str, Any] = {}
        if _TRACES_APART:
            apart["langsmith_inheritable_metadata"] = _traced(config["configurable"])
        manager = CallbackManager.configure(
            inheritable_callbacks=config.get("callbacks"),
            inheritable_tags=config.get("tags"),
            inheritable_metadata=in_graph(config["metadata"]),
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
        run = self._run
        self._tell_of_resume(None)
        self._tell_of_pause()
        root.on_chain_end(output_of_run(self._graph, run))

    async def __aenter__(self) -> Watch:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def open_node(self, job: Job) -> Any:
        """Begin a node's run; what it returns goes into the node's config as `callbacks`."""
        root = self._root
        if root is None:
            return None
        self._tell_of_resume(job)
        if job.node.name == START:
            return self._open_start(root, job)
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
        _given_tags_last(root, manager)
        node = recording.begin(manager, given, job.node.name, job.node.trace_policy)
        self._nodes[id(job)] = node
        return node.get_child("seq:step:1")

    def _open_start(self, root: CallbackManagerForChainRun, job: Job) -> Any:
        """Begin the hidden run of START, whose path functions run below it."""
        step = job.checkpoint.step + 1
        manager = root.get_child(f"graph:step:{step}")
        place = task_metadata(START, -1, step, job.task_id, {}, triggers=(START,))
        manager.add_metadata(place, inherit=True)
        _given_tags_last(root, manager)
        manager.add_tags([TAG_HIDDEN], inherit=True)
        node = recording.begin(manager, _given_to_start(job), START, None)
        self._nodes[id(job)] = node
        return node.get_child()

    def node_call(self, job: Job, call: UserCall) -> UserCall:
        """A node's call; a chain's has no run of its own, as the node has one."""
        steps = steps_of(call.callee)
        if not steps or id(job) not in self._nodes:
            return call
        return ChainCall(call.callee, call.given, call.parameters, call.config, steps)

    def path_call(self, job: Job, ordinal: int, call: UserCall) -> UserCall:
        """A path function's call with a run of its own below its node's.

        Its tag counts what LangGraph's node does one after the other: body, writes, edges, joins, path functions.
        """
        node = self._nodes.get(id(job))
        if node is None:
            return call
        before = 1 if job.node.name == START else 1 + (len(steps_of(job.node.callee)) or 1)
        step = before + len(job.node.targets) + len(job.node.joins) + ordinal + 1
        manager = node.get_child(f"seq:step:{step}")
        _given_tags_last(node, manager)
        if not call.callee.wants_config:
            return PathCall(call.callee, call.given, call.parameters, call.config, manager, _path_name(call.callee))
        call.config = RunnableConfig(**{**call.config, "callbacks": manager})
        return call

    def close_node(self, job: Job, returned: Any, error: BaseException | None) -> None:
        """End a node's run: with what it returned, or with what it raised (a question is an error to tracers)."""
        node = self._nodes.pop(id(job), None)
        if node is None:
            return
        if error is not None:
            node.on_chain_error(error)
        else:
            output = _given_to_start(job) if job.node.name == START else returned
            _stream_to_events(node, output)
            recording.end(node, output, job.node.trace_policy)

    def _tell_of_resume(self, first: Job | None) -> None:
        """Tell once that the run goes on: before its first job, or at its end where it has none."""
        if not self._resumes or self._root is None:
            return
        with self._telling:
            if not self._resumes:
                return
            self._resumes = False
            run = self._run
            if isinstance(run.command, Enter) and (first is None or not _stood_before(run, first)):
                return
            head = None if run.state is None else line_of(run.view, run.state).head
            checkpoint = first.checkpoint_id if first is not None else "" if head is None else head.id
            event = GraphResumeEvent(self._root.run_id, "pending", checkpoint, run.view.ns)
            tell(self._root.handlers, "on_resume", event)

    def _tell_of_pause(self) -> None:
        """Tell that the run paused, where it is a root graph's: an inner graph's pause is the root's."""
        run, root = self._run, self._root
        status = "" if run.ending is None else run.ending.status
        if root is None or run.state is None or run.caller is not None or status not in ("interrupted", "paused"):
            return
        line = line_of(run.view, run.state)
        paused = run.state.paused_at(run.ns)
        where: Any = "pending" if paused is None else f"interrupt_{paused[0]}"
        questions = tuple(interrupt_of(question) for question in run.state.open_questions(run.ns))
        checkpoint = "" if line.head is None else line.head.id
        tell(root.handlers, "on_interrupt", GraphInterruptEvent(root.run_id, where, checkpoint, run.view.ns, questions))

    def _input_of(self, job: Job) -> Any:
        if job.task.payload is not None:
            return job.task.payload.value
        values = read_values(job.run.channels, job.cells, job.input_view.keys)
        for key, kind in job.input_view.managed:
            values[key] = managed_value(job, kind)
        return values


def _given_tags_last(above: CallbackManagerForChainRun, manager: CallbackManager) -> None:
    """Move the inherited tags behind the step's own, as LangGraph has them."""
    if above.inheritable_tags:
        manager.add_tags([*above.inheritable_tags], inherit=True)


def _path_name(callee: Callee) -> str:
    """The name of a path function's run; of one without a name the one that LangGraph's traces show."""
    name = getattr(callee.call, "__name__", "<lambda>")
    return "RunnableCallable" if name == "<lambda>" else name


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


def output_of_run(graph: Setup, run: Run) -> Any:
    """What the root's run shows as its output: the keys that the caller gets."""
    if run.state is None:
        return {}
    line = line_of(run.view, run.state)
    channels = rules_of(run.channels, run.state, line)
    cells = live_cells(channels, line)
    keys, view = run.settings.output_keys, graph.plan.output_view
    bare = keys if isinstance(keys, str) else view.keys[0] if view.root else None
    if bare is not None:
        return read_values(channels, cells, (bare,)).get(bare)
    return read_values(channels, cells, view.keys if keys is None else keys)


def _stood_before(run: Run, job: Job) -> bool:
    """True when the job's step was there when the run began: a graph called inside goes on, it does not start."""
    head = None if run.before is None else run.before.line(run.ns).head
    return head is not None and job.address <= head.address


def _given_to_start(job: Job) -> Any:
    """The graph's input, as START hands it on."""
    writes = job.checkpoint.input_writes
    if job.run.plan.root is not None:
        return writes[0].payload.given if writes else None
    return {write.channel: write.payload.given for write in writes}


def _message_ids(given: Any) -> set[str]:
    values = given.values() if isinstance(given, dict) else (given,)
    items = (item for value in values for item in (value if isinstance(value, (list, tuple)) else (value,)))
    return {identifier for item in items if isinstance(identifier := getattr(item, "id", None), str)}

"""What a node is given besides its input: config, runtime, store, writer; and how code inside finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from langchain_core.runnables.config import RunnableConfig, var_child_runnable_config

from ...events.vocabulary import END, START
from ...projections.state.merge import read_values
from ...projections.streams.tasks import task_metadata
from ..author.callee import StreamWriter
from ..author.returns import PREVIOUS
from .attempts.control import RunControl
from .attempts.handled import node_error
from .attempts.limits import Deadline
from .call import current_scope

if TYPE_CHECKING:
    from .work.jobs import Job

Context = TypeVar("Context")


def _no_writer(_: Any) -> None:
    """The writer outside of a stream: drops what it is given."""


def _no_heartbeat() -> None:
    """The heartbeat of a node without an idle timeout."""


@dataclass(frozen=True, slots=True)
class ExecutionInfo:
    """Which attempt of which task is running."""

    checkpoint_id: str
    checkpoint_ns: str
    task_id: str
    thread_id: str | None = None
    run_id: str | None = None
    node_attempt: int = 1
    """Number of the attempt since the task was started, from 1; on an answer the task is started anew."""
    node_first_attempt_time: float | None = None
    """Unix time, in seconds, at which the first of these attempts began."""

    def patch(self, **overrides: Any) -> ExecutionInfo:
        """The same with these fields changed. Raises `TypeError` for a field that there is not."""
        return replace(self, **overrides)


class BaseUser(Protocol):
    """Whoever a server has made sure of, as `ServerInfo.user` has them. Works as a mapping of its fields too."""

    @property
    def is_authenticated(self) -> bool:
        """True for a user who was made sure of."""
        ...

    @property
    def display_name(self) -> str:
        """The user's name for people."""
        ...

    @property
    def identity(self) -> str:
        """The user's unique name."""
        ...

    @property
    def permissions(self) -> Sequence[str]:
        """What the user may do."""
        ...

    def __getitem__(self, key: str) -> Any:
        """A field by its name."""
        ...

    def __contains__(self, key: str) -> bool:
        """True where there is such a field."""
        ...

    def __iter__(self) -> Iterator[str]:
        """The names of the fields."""
        ...


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Which assistant of a server runs, and for whom."""

    assistant_id: str
    graph_id: str
    user: BaseUser | None = None
    """What the server has put under `configurable["langgraph_auth_user"]`, where that has an `identity`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRuntime(Generic[Context]):
    """What a parameter `runtime` of a node receives (`clew.runtime.Runtime`)."""

    context: Context = None  # type: ignore[assignment]
    """What the caller gave as `context`, in the form of the context schema; None when nothing was given."""
    store: Any = None
    stream_writer: StreamWriter = field(default=_no_writer)
    """Emits a value into the `custom` stream."""
    heartbeat: Callable[[], None] = field(default=_no_heartbeat)
    """Says that the node makes progress: its idle timeout begins anew."""
    previous: Any = None
    """What the thread's last finished call of an entrypoint saved, else returned; None at first and in other graphs."""
    execution_info: ExecutionInfo | None = None
    server_info: ServerInfo | None = None
    """Set where the config's `configurable` names `assistant_id` and `graph_id`."""
    control: RunControl | None = None
    """Asks this run to stop at the end of its super-step."""

    @property
    def drain_requested(self) -> bool:
        """True once the run was asked to stop at the end of its super-step."""
        return self.control is not None and self.control.drain_requested

    @property
    def drain_reason(self) -> str | None:
        """Why the run was asked to stop; None while nobody asked."""
        return None if self.control is None else self.control.drain_reason

    def override(self, **overrides: Any) -> NodeRuntime[Context]:
        """A runtime with these fields changed. Raises `TypeError` for a field that there is not."""
        return replace(self, **overrides)

    def merge(self, other: NodeRuntime[Context]) -> NodeRuntime[Context]:
        """A runtime with what `other` has, and what this one has where `other` has nothing."""
        return NodeRuntime(
            context=other.context or self.context,
            store=other.store or self.store,
            stream_writer=self.stream_writer if other.stream_writer is _no_writer else other.stream_writer,
            heartbeat=self.heartbeat if other.heartbeat is _no_heartbeat else other.heartbeat,
            previous=self.previous if other.previous is None else other.previous,
            execution_info=other.execution_info or self.execution_info,
            server_info=other.server_info or self.server_info,
            control=other.control or self.control,
        )

    def patch_execution_info(self, **overrides: Any) -> NodeRuntime[Context]:
        """A runtime with these fields of its `execution_info` changed; `RuntimeError` where it has none."""
        if self.execution_info is None:
            raise RuntimeError("this runtime has no execution_info to change: it does not come from a running node")
        return replace(self, execution_info=self.execution_info.patch(**overrides))


# The name people know it by; `clew.Runtime` is what a service holds.
NodeRuntime.__name__ = NodeRuntime.__qualname__ = "Runtime"


def node_config(job: Job, callbacks: Any) -> RunnableConfig:
    """The config a node sees: callbacks, configurable, metadata and, where there are some, tags of its own run."""
    given, node, ns = job.run.settings.config, job.node, job.run.ns
    configurable: Mapping[str, Any] = given.get("configurable") or {}
    metadata = given.get("metadata") or {}
    if node.metadata:
        metadata = {**metadata, **node.metadata}
    step = job.checkpoint.step + 1
    metadata = task_metadata(node.name, job.task.send, step, job.task_id, metadata, triggers=node.triggers, ns=ns)
    config: RunnableConfig = {
        "metadata": metadata,
        "callbacks": callbacks,
        "configurable": {
            **configurable,
            # None: a call made with this config goes on from where its thread is. `execution_info` names the place.
            "checkpoint_id": None,
            "checkpoint_ns": job.namespace,
            "checkpoint_map": {**(configurable.get("checkpoint_map") or {}), ns: job.checkpoint_id},
        },
    }
    if given.get("tags"):
        config["tags"] = list(given["tags"])
    for limit in ("recursion_limit", "max_concurrency"):
        if given.get(limit) is not None:
            config[limit] = given[limit]
    return config


def node_runtime(job: Job) -> NodeRuntime[Any]:
    """The runtime object of one attempt."""
    run = job.run
    configurable = run.settings.config.get("configurable") or {}
    return NodeRuntime(
        context=run.settings.context,
        store=run.settings.store,
        stream_writer=stream_writer(job),
        previous=previous(job),
        execution_info=ExecutionInfo(
            thread_id=configurable.get("thread_id"),
            checkpoint_id=job.checkpoint_id,
            checkpoint_ns=job.namespace,
            task_id=job.task_id,
            run_id=run.terms.run,
            node_attempt=job.tried,
            node_first_attempt_time=job.first_attempt_at,
        ),
        server_info=server_info(configurable),
        control=run.settings.control,
        heartbeat=heartbeat(job),
    )


def previous(job: Job) -> Any:
    """What the thread's last finished call of an entrypoint saved, else returned; None at first and in other graphs."""
    if not job.run.plan.entry:
        return None
    values = read_values(job.run.channels, job.cells, (PREVIOUS, END))
    return values.get(PREVIOUS, values.get(END))


def server_info(configurable: Mapping[str, Any]) -> ServerInfo | None:
    """The server's own keys of `configurable`; None where no server has set them."""
    assistant, graph = configurable.get("assistant_id"), configurable.get("graph_id")
    if assistant is None or graph is None:
        return None
    user = configurable.get("langgraph_auth_user")
    return ServerInfo(str(assistant), str(graph), user if hasattr(user, "identity") else None)


def stream_writer(job: Job) -> StreamWriter:
    """What emits into the `custom` stream from this task; does nothing when nobody reads it."""
    run = job.run
    emits = any("custom" in view.modes for _, view in run.readers)
    limits = [deadline for deadline in _limits_here(job) if deadline.any_progress]
    if not limits:
        return (lambda value: run.emit("custom", value)) if emits else _no_writer

    def write(value: Any) -> None:
        for deadline in limits:
            deadline.progress()
        run.emit("custom", value)

    return write


def heartbeat(job: Job) -> Callable[[], None]:
    """What begins the idle time anew, of the node and of the functional task that asks for it."""
    limits = _limits_here(job)
    if not limits:
        return _no_heartbeat

    def beat() -> None:
        for deadline in limits:
            deadline.progress()

    return beat


def _limits_here(job: Job) -> list[Deadline]:
    scope = current_scope.get(None)
    own = None if scope is None else scope.deadline
    return [deadline for deadline in (job.deadline, own) if deadline is not None]


def injected(job: Job, names: tuple[str, ...], config: RunnableConfig) -> dict[str, Any]:
    """The injected parameters of a callee, by name; the store is None for a graph that was compiled without one."""
    values: dict[str, Any] = {}
    for name in names:
        if name == "config":
            values[name] = config
        elif name == "writer":
            values[name] = stream_writer(job)
        elif name == "runtime":
            values[name] = node_runtime(job)
        elif name == "error":
            values[name] = node_error(job)
        elif name == "store":
            values[name] = job.run.settings.store
        elif name == "previous":
            values[name] = previous(job)
        else:
            values[name] = None
    return values


def _job_here(asked_for: str) -> Job:
    scope = current_scope.get(None)
    if scope is None:
        raise RuntimeError(f"{asked_for} was called outside of a running graph: only nodes, tools and tasks can")
    return scope.call.job


def get_config() -> RunnableConfig:
    """The config of the running node. Raises `RuntimeError` outside of a graph."""
    config = var_child_runnable_config.get(None)
    if config is None:
        raise RuntimeError("get_config() was called outside of a running graph: only nodes, tools and tasks can")
    return config


def get_store() -> Any:
    """The store the graph was compiled with, or None. Raises `RuntimeError` outside of a graph."""
    return _job_here("get_store()").run.settings.store


def get_stream_writer() -> StreamWriter:
    """What emits a value into the `custom` stream. Raises `RuntimeError` outside of a graph."""
    return stream_writer(_job_here("get_stream_writer()"))


def get_runtime(context_schema: type[Context] | None = None) -> NodeRuntime[Context]:
    """The runtime of the running node; `context_schema` is for the type checker. `RuntimeError` outside of a graph."""
    runtime = node_runtime(_job_here("get_runtime()"))
    scope = current_scope.get()
    return runtime if scope.info is None else runtime.override(execution_info=scope.info.execution)


def is_start(job: Job) -> bool:
    """True for the hidden task that copies the input into the state."""
    return job.node.name == START

"""What a compiled graph runs with: plan, codec, saver, store, runtime. Every door takes it, and nothing more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from langchain_core.runnables import RunnableConfig

from ...events.codec.registry import COMMON, Registry
from ...events.codec.values import Codec
from ...events.errors import ThreadErasedError
from ...events.stores.saver import BaseCheckpointSaver
from ...projections.state.merge import Channels
from ...projections.state.thread import ThreadState
from ...projections.streams.view import NodeShape
from ..author.plan import Node, Plan
from ..decider.request import describe
from ..engine.runtime import Runtime, default_runtime
from ..engine.thread import ThreadActor
from .subgraphs import graphs_of, reachable


class Setup:
    """A plan with everything that running it takes. Not changed once made; shared by all calls and threads."""

    step_timeout: float | None = None
    """Seconds that a super-step may take; None for no limit. The one field that people set themselves."""

    def __init__(
        self,
        plan: Plan,
        *,
        builder: Any = None,
        checkpointer: Any = None,
        cache: Any = None,
        store: Any = None,
        debug: bool = False,
        name: str | None = None,
        answers: str = "question",
        runtime: Runtime | None = None,
        transformers: Sequence[Any] = (),
    ) -> None:
        self.plan = plan
        self.builder = builder
        self.checkpointer = checkpointer
        self.cache = cache
        self.store = store
        self.debug = debug
        self.name = name or plan.name
        self.answers = answers
        self.config: RunnableConfig | None = None
        self.channels = Channels(plan.channels, plan.fingerprint, self._channels_inside, plan.schema, plan.earlier)
        self.codec = Codec(_registry(plan))
        self.graph_seen = describe(plan)
        self.shapes: Mapping[str, NodeShape] = {name: _shape(node) for name, node in plan.nodes.items()}
        self.stream_transformers = tuple(transformers)
        """What makes projections of its v3 streams, besides the built-in ones."""
        self.interrupt_before_nodes: str | Sequence[str] = _stops(plan, "before", plan.interrupt_before)
        """Nodes that every run stops before, or "*"; a call may name others."""
        self.interrupt_after_nodes: str | Sequence[str] = _stops(plan, "after", plan.interrupt_after)
        """Nodes that every run stops after, or "*"; a call may name others."""
        self._knows_inside = False
        self._runtime = runtime
        if isinstance(checkpointer, BaseCheckpointSaver):
            checkpointer.graphs[plan.fingerprint] = self

    @property
    def runtime(self) -> Runtime:
        """The runtime that runs this graph's threads: the one it was compiled with, or the process's."""
        return self._runtime or default_runtime()

    def _channels_inside(self, node: str) -> list[Channels]:
        known = self.plan.node(node)
        return [] if known is None else [graph.channels for graph in graphs_of(known)]

    def know_inside(self) -> None:
        """Let values of the graphs inside be stored and read with this graph's threads. Done once, before a first use.

        Two classes of one name: the outer graph's counts.
        """
        if self._knows_inside:
            return
        for graph in reachable(self.plan):
            self.know_types(graph.plan)
        self._knows_inside = True

    def know_types(self, plan: Plan) -> None:
        """Let values of the types of a graph that runs inside be stored and read."""
        for annotation in plan.types:
            with suppress(ValueError):
                self.codec.registry.register_schema(annotation)

    @property
    def nodes(self) -> Mapping[str, Any]:
        """The graph's nodes by name, START included."""
        return {"__start__": self.plan.start, **self.plan.nodes}

    @property
    def saver(self) -> BaseCheckpointSaver | None:
        """The saver that keeps this graph's threads; None when nothing is kept.

        Raises `RuntimeError` for `checkpointer=True`, which only means something in a sub-graph.
        """
        checkpointer = self.checkpointer
        if checkpointer is True:
            raise RuntimeError("checkpointer=True is for sub-graphs: a root graph needs a saver, e.g. InMemorySaver()")
        return checkpointer or None

    def context_of(self, given: Any) -> Any:
        """The context in the form of the graph's context schema: a dict becomes its class, an empty one else is none.

        Raises what the class raises for the dict: `TypeError` of a dataclass, `ValidationError` of a pydantic model.
        """
        if not isinstance(given, Mapping):
            return given
        schema = self.plan.context_schema
        if isinstance(schema, type) and not issubclass(schema, dict):
            return schema(**given)
        return given or None

    def peek(self, actor: ThreadActor) -> ThreadState:
        """The thread's state as the store has it now, with this graph's channels; the actor is not disturbed.

        An erased thread's is empty, though the actor still has it in memory.
        """
        plan, state, log = actor.plan, actor.stored, actor.log
        if plan is not self.plan or actor.plan is not plan:
            state = ThreadState()
        if log is None:
            return state
        if state.version >= 0:
            try:
                head = log.store.head(log.thread, log.tenant)
            except ThreadErasedError:
                return ThreadState()
            if head is not None and (head.version, head.head.epoch) == (state.version, state.epoch):
                return state
        return log.load(self.codec, self.channels, state)


def _shape(node: Node) -> NodeShape:
    view = node.view
    return NodeShape(
        keys=view.keys,
        root=view.root,
        managed=view.managed,
        coerce=view.coerce,
        triggers=node.triggers,
        metadata=node.metadata,
        nested=node.subgraph is not None,
    )


def _stops(plan: Plan, moment: str, nodes: Collection[str]) -> str | list[str]:
    return "*" if moment in plan.interrupt_all else sorted(nodes)


def _registry(plan: Plan) -> Registry:
    registry = COMMON.child()
    for annotation in plan.types:
        registry.register_schema(annotation)
    return registry

"""StateGraph: how people write a graph. It remembers, checks, and makes a frozen Plan; it runs nothing.

The names and rules are LangGraph's, so that a graph moves over by its import lines.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Generic, Self

from langchain_core.messages import AnyMessage
from langchain_core.runnables import Runnable

from ...events.deprecations import LangGraphDeprecatedSinceV05, LangGraphDeprecatedSinceV10
from ...events.vocabulary import END, START, TimeoutPolicy, timeout_policy
from ...projections.channels.messages import add_messages
from .. import doors
from .callee import callee_of, plain_name_of
from .plan import Plan, Upcaster
from .planning import Options, Sketch, make_plan
from .policies import CachePolicy, RetryPolicy, retry_policies
from .schemas import StatePool, warn_if_no_schema
from .spec import (
    BranchSpec,
    NodeDefaults,
    NodeSpec,
    branch_spec,
    check_name,
    destinations_of,
    inferred_schema,
    name_and_action,
)
from .upcasting import upcasters_of
from .validation import (
    breakpoints,
    check_aliases,
    check_answers,
    check_cache,
    check_checkpointer,
    check_edge,
    check_graph,
    check_join,
    check_unknown_routes,
    names_all,
)

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from ..doors.compiled import CompiledStateGraph
    from ..engine.runtime import Runtime

    StateT = TypeVar("StateT")
    ContextT = TypeVar("ContextT", default=None)
    InputT = TypeVar("InputT", default=StateT)
    OutputT = TypeVar("OutputT", default=StateT)
else:
    from typing import TypeVar

    StateT = TypeVar("StateT")
    ContextT = TypeVar("ContextT")
    InputT = TypeVar("InputT")
    OutputT = TypeVar("OutputT")

_log = logging.getLogger(__name__)

Action = Callable[..., Any] | Runnable[Any, Any] | Mapping[str, Any]
"""What a node can be: a function, a callable object, a Runnable, a compiled graph, or a dict of Runnables."""
DEFAULT_NAME = "LangGraph"
"""A graph's name where none was given: LangGraph's own, since traces and sub-graph nodes show it."""


class StateGraph(Generic[StateT, ContextT, InputT, OutputT]):
    """A graph whose nodes read and write a shared state.

    Every method returns the builder, so calls chain. Wrong use raises at the call or at `compile`, never in a run.

    Args:
        state_schema: TypedDict, dataclass or pydantic model with one key a field; or a type, plain or
            `Annotated[type, reducer]`, for a state that is one value.
        context_schema: class of the `context` that runs receive.
        input_schema: what `invoke` takes; the state schema if not given.
        output_schema: what `invoke` returns; the state schema if not given.

    Raises:
        ValueError: a reducer does not take two arguments, schemas contradict each other, or an input or output schema
            declares managed values.
    """

    if not TYPE_CHECKING:

        def __class_getitem__(cls, parameters: Any) -> Any:
            # `StateGraph[State]` leaves three parameters to their defaults, which typing knows only from Python 3.13
            given = parameters if isinstance(parameters, tuple) else (parameters,)
            return super().__class_getitem__((*given, *(Any,) * (4 - len(given))))

    def __init__(
        self,
        state_schema: type[StateT],
        context_schema: type[ContextT] | None = None,
        *,
        input_schema: type[InputT] | None = None,
        output_schema: type[OutputT] | None = None,
        **kwargs: Any,
    ) -> None:
        names = {"config_schema": "context_schema", "input": "input_schema", "output": "output_schema"}
        old = under_new_names("StateGraph", kwargs, names)
        warn_if_no_schema(state_schema)
        self.state_schema: Any = state_schema
        self.context_schema: Any = old.get("context_schema") if context_schema is None else context_schema
        self.input_schema: Any = _first(input_schema, old.get("input_schema"), state_schema)
        self.output_schema: Any = _first(output_schema, old.get("output_schema"), state_schema)
        self.nodes: dict[str, NodeSpec] = {}
        self._pool = StatePool()
        self._edges: dict[tuple[str, str], None] = {}  # a set that keeps the order of adding
        self._joins: dict[tuple[tuple[str, ...], str], None] = {}
        self.branches: dict[str, dict[str, BranchSpec]] = {}
        self._defaults = NodeDefaults()
        self._compiled = False  # set by the first plan; only for the warning about later edits
        self._pool.add(state_schema)
        self._pool.add(self.input_schema, border=True)
        self._pool.add(self.output_schema, border=True)

    @property
    def edges(self) -> set[tuple[str, str]]:
        """Single edges as (source, target)."""
        return set(self._edges)

    @property
    def waiting_edges(self) -> set[tuple[tuple[str, ...], str]]:
        """Edges of several sources as (sources, target)."""
        return set(self._joins)

    @property
    def channels(self) -> dict[str, Any]:
        """Key to channel of every schema so far."""
        return dict(self._pool.channels)

    @property
    def compiled(self) -> bool:
        """True once `compile` was called: what is added from then on, graphs made before do not have."""
        return self._compiled

    @property
    def managed(self) -> dict[str, str]:
        """Key to kind of every managed value so far."""
        return dict(self._pool.managed)

    def add_node(
        self,
        node: str | Action,
        action: Action | None = None,
        *,
        defer: bool = False,
        metadata: Mapping[str, Any] | None = None,
        input_schema: type[Any] | None = None,
        retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
        cache_policy: CachePolicy[Any] | None = None,
        error_handler: Action | None = None,
        destinations: Mapping[str, str] | Sequence[str] | None = None,
        timeout: float | timedelta | TimeoutPolicy | None = None,
        trace_policy: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Add a node: `add_node("name", action)`, or `add_node(action)` under the action's own name.

        Args:
            node: the name, or the action.
            action: what runs: takes the state first, may ask for config, runtime, store, writer by parameter name.
            defer: run only when nothing else is left to run.
            metadata: merged into the run's metadata of each task.
            input_schema: what the node reads; else the class its first parameter is annotated with, if that declares
                fields; else the state. Keys that only it declares become private keys of the state.
            retry_policy: when to try again; of several the first that covers an error governs.
            cache_policy: when to take the writes from the cache.
            error_handler: runs in the node's place when its retries are used up.
            destinations: where a Command may lead, for drawings and checks: names, or name to label.
            timeout: seconds for one attempt; async nodes only.
            trace_policy: what tracing shows of it.
            **kwargs: the older names `retry` and `input`.

        Raises:
            ValueError: the name is taken, reserved or has a reserved character; a timeout is not above zero; the input
                schema contradicts another.
            RuntimeError: a name without an action.
            TypeError: the action is nothing that can run.
        """
        old = under_new_names("add_node", kwargs, {"retry": "retry_policy", "input": "input_schema"})
        name, action = name_and_action(node, action)
        check_name(name, self.nodes)
        callee, shape = callee_of(action, role=f"node {name!r}")
        given_schema = _first(input_schema, old.get("input_schema"))
        retries = _first(retry_policy, old.get("retry_policy"))
        spec = NodeSpec(
            name=name,
            action=action,
            callee=callee,
            input_schema=given_schema if given_schema is not None else self._inferred(inferred_schema(action, shape)),
            defer=defer,
            metadata=dict(metadata or {}),
            retry_policy=None if retries is None else retry_policies(retries),
            cache_policy=cache_policy,
            error_handler=None if error_handler is None else _handler_callee(name, error_handler),
            destinations=destinations_of(destinations, shape),
            timeout=timeout_policy(timeout),
            trace_policy=trace_policy,
        )
        if spec.input_schema is not None:
            self._pool.add(spec.input_schema)
        self._warn_if_compiled("a node")
        self.nodes[name] = spec
        return self

    def add_edge(self, start_key: str | Sequence[str], end_key: str) -> Self:
        """Lead from one node to another, or, for a list of sources, to a node that waits for all of them.

        Raises:
            ValueError: it leaves END or leads to START; or, of a list, a node is not there yet.
        """
        if isinstance(start_key, str):
            check_edge(start_key, end_key)
            self._edges[(start_key, end_key)] = None
        else:
            check_join(start_key, end_key, self.nodes)
            self._joins[(tuple(start_key), end_key)] = None
        self._warn_if_compiled("an edge")
        return self

    def add_conditional_edges(
        self,
        source: str,
        path: Callable[..., Any] | Runnable[Any, Any],
        path_map: Mapping[Any, str] | Sequence[str] | None = None,
    ) -> Self:
        """Lead from `source` to where `path(state)` says: a name, a list of names, `Send`s, or END.

        Args:
            source: the node after which `path` runs, within the node's own task.
            path: sees the state with the node's own writes.
            path_map: result to node name, or a list of the node names it may return. If not given, a return
                annotation `Literal["a", "b"]` says them; without either, results are node names.

        Raises:
            ValueError: the source has a path of this name already. Unnamed functions share the name "condition".
            TypeError: `path` cannot be called.
        """
        spec = branch_spec(source, path, path_map)
        schema = self._inferred(spec.input_schema)
        if spec.name in self.branches.get(source, {}):
            raise ValueError(
                f"node {source!r} has conditional edges named {spec.name!r} already: "
                "write the second path as a function with a name of its own"
            )
        if schema is not None:
            self._pool.add(schema)
        self._warn_if_compiled("conditional edges")
        several = self.branches.setdefault(source, {})
        several[spec.name] = BranchSpec(spec.name, spec.path, spec.path_map, schema)
        return self

    def add_sequence(self, nodes: Sequence[Action | tuple[str, Action]]) -> Self:
        """Add nodes (actions, or (name, action) pairs) and lead from each to the next. Adds no edge from START.

        Raises:
            ValueError: the list is empty, or a name is taken.
        """
        if len(nodes) == 0:
            raise ValueError("add_sequence got an empty list: give at least one node")
        previous: str | None = None
        for entry in nodes:
            if isinstance(entry, tuple) and len(entry) == 2:
                name, action = entry
            else:
                name, action = plain_name_of(entry), name_and_action(entry, None)[1]
            self.add_node(name, action)
            if previous is not None:
                self.add_edge(previous, name)
            previous = name
        return self

    def set_entry_point(self, key: str) -> Self:
        """Begin runs at `key`: `add_edge(START, key)`."""
        return self.add_edge(START, key)

    def set_conditional_entry_point(
        self,
        path: Callable[..., Any] | Runnable[Any, Any],
        path_map: Mapping[Any, str] | Sequence[str] | None = None,
    ) -> Self:
        """Begin runs where `path` says: `add_conditional_edges(START, path, path_map)`."""
        return self.add_conditional_edges(START, path, path_map)

    def set_finish_point(self, key: str) -> Self:
        """End runs after `key`: `add_edge(key, END)`."""
        return self.add_edge(key, END)

    def set_node_defaults(
        self,
        *,
        retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
        cache_policy: CachePolicy[Any] | None = None,
        error_handler: Action | None = None,
        timeout: float | timedelta | TimeoutPolicy | None = None,
    ) -> Self:
        """Policies of nodes that set none of their own. Sub-graphs do not inherit them.

        Retries and timeout also hold for error handlers; cache and error handler do not.
        """
        self._warn_if_compiled("node defaults")
        self._defaults = NodeDefaults(
            retry_policy=None if retry_policy is None else retry_policies(retry_policy),
            cache_policy=cache_policy,
            error_handler=None if error_handler is None else _handler_callee("every node", error_handler),
            timeout=timeout_policy(timeout),
        )
        return self

    def validate(self, interrupt: Sequence[str] | str | None = None) -> Self:
        """Check the graph as `compile` does. Raises `ValueError` for edges from or to nodes that are not there."""
        check_graph(self.nodes, self._edges, self._joins, self.branches)
        breakpoints(interrupt, self.nodes, "interrupt")
        return self

    def compile(
        self,
        checkpointer: Any = None,
        *,
        cache: Any = None,
        store: Any = None,
        interrupt_before: Sequence[str] | str | None = None,
        interrupt_after: Sequence[str] | str | None = None,
        debug: bool = False,
        name: str | None = None,
        transformers: Sequence[Any] | None = None,
        answers: str = "question",
        aliases: Mapping[str, str] | None = None,
        upcasters: Mapping[int, Callable[[Any], Any] | Upcaster] | None = None,
        runtime: Runtime | None = None,
        validate: bool = False,
        unknown_routes: str = "raise",
    ) -> CompiledStateGraph:
        """The graph, ready to run. The builder stays as it was; each call makes an independent graph.

        Args:
            checkpointer: the saver that keeps threads; None keeps nothing beyond a run (a sub-graph uses its parent's);
                True and False are for sub-graphs: a history of its own, or none.
            cache: where nodes with a cache policy find their writes; without one every node runs.
            store: the long-term store that nodes receive.
            interrupt_before: nodes to stop ahead of, or "*" for all.
            interrupt_after: nodes to stop after, or "*" for all.
            debug: True prints every run's states and updates, and warns of nodes that change their input in place.
            name: the graph's name in traces and as a sub-graph.
            transformers: classes of `StreamTransformer`, or functions that make one for a scope: projections of every
                `stream_events(version="v3")`.
            answers: "question" binds an answer to the question that was asked, "position" to its place in the node.
            aliases: earlier name of a node to its name now, for threads that were paused under the earlier one.
            upcasters: version of the state's schema to what makes a state of the next version, for threads that were
                written under the earlier one: a function from `{key: value}` to the keys that change, or an
                `Upcaster`. A graph without any has version 0, one with `{0: ...}` version 1, and so on.
            runtime: what runs the threads; the process's default if None.
            validate: True checks what is written to keys without a reducer, by input, nodes and `update_state`, against
                their annotations, and stores it as they want it: "5" for an int becomes 5, "five" raises
                `InvalidValueError`. False stores what was written, as LangGraph does.
            unknown_routes: "ignore" logs a route to a name that is no node, and leads nowhere, as LangGraph does;
                "raise" raises `InvalidUpdateError`.

        Raises:
            ValueError: nothing leads from START; an edge, path map, declared Command, breakpoint or alias names no
                node; a sync node has a timeout; `answers` or `unknown_routes` is unknown; `validate` cannot check an
                annotation; the versions of `upcasters` are not in a row.
            TypeError: `checkpointer` is no saver, or `cache` no cache.
        """
        check_checkpointer(checkpointer)
        check_answers(answers)
        check_cache(cache)
        plan = self.plan(
            name=name,
            interrupt_before=interrupt_before,
            interrupt_after=interrupt_after,
            aliases=aliases,
            upcasters=upcasters,
            validate=validate,
            unknown_routes=unknown_routes,
        )
        return doors.CompiledStateGraph(
            plan,
            builder=self,
            checkpointer=checkpointer,
            cache=cache,
            store=store,
            debug=debug,
            name=plan.name,
            answers=answers,
            runtime=runtime,
            transformers=transformers or (),
        )

    def plan(
        self,
        *,
        name: str | None = None,
        interrupt_before: Sequence[str] | str | None = None,
        interrupt_after: Sequence[str] | str | None = None,
        aliases: Mapping[str, str] | None = None,
        upcasters: Mapping[int, Callable[[Any], Any] | Upcaster] | None = None,
        validate: bool = False,
        unknown_routes: str = "raise",
    ) -> Plan:
        """The validated graph as frozen facts. The builder stays as it was; each call makes an independent plan.

        Raises:
            ValueError: as `compile`.
        """
        self.validate()
        check_aliases(aliases or {}, self.nodes)
        check_unknown_routes(unknown_routes)
        options = Options(
            name=name or DEFAULT_NAME,
            context_schema=self.context_schema,
            interrupt_before=breakpoints(interrupt_before, self.nodes, "interrupt_before"),
            interrupt_after=breakpoints(interrupt_after, self.nodes, "interrupt_after"),
            interrupt_all=frozenset(
                moment
                for moment, given in (("before", interrupt_before), ("after", interrupt_after))
                if names_all(given)
            ),
            aliases=aliases or {},
            validate=validate,
            unknown_routes=unknown_routes,
            upcasters=upcasters_of(upcasters),
        )
        plan = make_plan(self._sketch(), options)
        self._compiled = True
        return plan

    def _sketch(self) -> Sketch:
        return Sketch(
            pool=self._pool,
            state_schema=self.state_schema,
            input_schema=self.input_schema,
            output_schema=self.output_schema,
            nodes=self.nodes,
            edges=tuple(self._edges),
            joins=tuple(self._joins),
            branches=self.branches,
            defaults=self._defaults,
        )

    def _inferred(self, schema: Any) -> Any:
        """A schema taken from an annotation; none in a graph whose state is one value, which has no keys to pick."""
        return None if self._pool.view(self.state_schema).root else schema

    def _warn_if_compiled(self, what: str) -> None:
        if self._compiled:
            _log.warning("adding %s to a graph that was compiled: compile it again to see the change", what)


class MessageGraph(StateGraph[Any, Any, Any, Any]):
    """A graph whose state is a list of messages. Deprecated: use a `StateGraph` with a key of messages."""

    def __init__(self) -> None:
        warnings.warn(
            "MessageGraph is deprecated: use StateGraph(MessagesState)", LangGraphDeprecatedSinceV10, stacklevel=2
        )
        super().__init__(Annotated[list[AnyMessage], add_messages])  # type: ignore[arg-type]  # a root state


def _handler_callee(name: str, action: Any) -> Any:
    return callee_of(action, role=f"the error handler of {name!r}")[0]


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def under_new_names(where: str, given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Deprecated keywords under their new names, each with a warning. Raises `TypeError` for an unknown keyword."""
    for old in given:
        if old not in names:
            raise TypeError(f"{where}() got an unexpected keyword argument {old!r}")
        category = LangGraphDeprecatedSinceV10 if old == "config_schema" else LangGraphDeprecatedSinceV05
        warnings.warn(f"{where}({old}=) is deprecated: write {names[old]}=", category, stacklevel=3)
    return {names[old]: value for old, value in given.items()}

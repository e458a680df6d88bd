"""From what the builder remembers to a frozen Plan. Changes nothing in the builder, so it may run more than once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from ...events.errors import InternalError
from ...events.vocabulary import END, START
from ...projections.state.merge import Channels
from .callee import digest, subgraph_of
from .checks import checks_of
from .plan import Branch, Callee, Join, Node, Plan, StateView, Upcaster
from .schemas import ROOT, StatePool, declared
from .spec import BranchSpec, NodeDefaults, NodeSpec
from .upcasting import earlier_schema
from .validation import Edge, JoinSpec, check_timeout

ERROR_HANDLER = "__error_handler__"
"""Prefix of the hidden node that handles one node's errors."""
DEFAULT_ERROR_HANDLER = "__default_error_handler__"
"""The hidden node that handles the errors of all nodes without a handler of their own."""


class Sketch(Struct, frozen=True):
    """Everything a plan is made of, as the builder holds it."""

    pool: StatePool
    state_schema: Any
    input_schema: Any
    output_schema: Any
    nodes: Mapping[str, NodeSpec]
    edges: Iterable[Edge]
    joins: Iterable[JoinSpec]
    branches: Mapping[str, Mapping[str, BranchSpec]]
    defaults: NodeDefaults


class Options(Struct, frozen=True):
    """What `compile` adds to the sketch."""

    name: str
    context_schema: Any = None
    interrupt_before: frozenset[str] = frozenset()
    interrupt_after: frozenset[str] = frozenset()
    interrupt_all: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = {}
    validate: bool = False
    unknown_routes: str = "raise"
    upcasters: Mapping[int, Upcaster] = {}


def make_plan(sketch: Sketch, options: Options) -> Plan:
    """The plan of a sketch that was validated. Raises `ValueError` for a timeout on a sync node."""
    joins = _joins(sketch.joins)
    nodes: dict[str, Node] = {}
    for spec in sketch.nodes.values():
        nodes[spec.name] = _node(sketch, spec, joins)
    nodes.update(_handlers(sketch, nodes))
    start = _start(sketch)
    pool = sketch.pool
    input_view = pool.view(sketch.input_schema)
    schemas = {version: earlier_schema(upcaster) for version, upcaster in options.upcasters.items()}
    earlier = {version: declared(schema) for version, schema in schemas.items() if schema is not None}
    schema = max(options.upcasters, default=-1) + 1
    return Plan(
        name=options.name,
        channels=Channels(pool.channels),
        nodes=nodes,
        start=start,
        joins=joins,
        input_view=input_view,
        output_view=pool.view(sketch.output_schema),
        state_view=_state_view(pool, sketch.state_schema),
        fingerprint=_fingerprint(nodes.values(), start, pool, schema),
        context_schema=options.context_schema,
        interrupt_before=options.interrupt_before,
        interrupt_after=options.interrupt_after,
        interrupt_all=options.interrupt_all,
        root=ROOT if pool.view(sketch.state_schema).root else None,
        types=(*pool.annotations(), *(kind for entry in earlier.values() for kind in entry.annotations)),
        managed=dict(pool.managed),
        aliases=dict(options.aliases),
        checks=checks_of(pool.schemas(), pool.channels) if options.validate else {},
        ignores_unknown_routes=options.unknown_routes == "ignore",
        schema=schema,
        upcasters=options.upcasters,
        earlier={version: entry.channels for version, entry in earlier.items()},
        declared_view=pool.view(sketch.state_schema),
    )


def join_key(sources: Iterable[str], target: str) -> str:
    """`"b+c:d"`; with colons alone where a node's own name has a plus, since no name may contain a colon."""
    names = sorted(set(sources))
    if any("+" in name for name in names):
        return f":{':'.join(names)}:{target}"
    return f"{'+'.join(names)}:{target}"


def _joins(specs: Iterable[JoinSpec]) -> dict[str, Join]:
    joins: dict[str, Join] = {}
    for sources, target in specs:
        if target != END:
            key = join_key(sources, target)
            joins[key] = Join(key=key, sources=frozenset(sources), target=target)
    return joins


def _node(sketch: Sketch, spec: NodeSpec, joins: Mapping[str, Join]) -> Node:
    defaults = sketch.defaults
    timeout = spec.timeout or defaults.timeout
    check_timeout(spec.name, spec.callee, timeout)
    schema = sketch.state_schema if spec.input_schema is None else spec.input_schema
    return Node(
        name=spec.name,
        callee=spec.callee,
        view=sketch.pool.view(schema),
        targets=_targets(sketch, spec.name),
        joins=tuple(join.key for join in joins.values() if spec.name in join.sources),
        branches=_branches(sketch, spec.name, schema),
        defer=spec.defer,
        metadata=spec.metadata,
        retry_policy=(defaults.retry_policy or ()) if spec.retry_policy is None else spec.retry_policy,
        cache_policy=spec.cache_policy or defaults.cache_policy,
        timeout=timeout,
        error_handler=_handler_name(spec, defaults),
        destinations=spec.destinations,
        subgraph=subgraph_of(spec.action),
        trace_policy=spec.trace_policy,
        triggers=_triggers(sketch, spec.name),
    )


def _triggers(sketch: Sketch, name: str) -> tuple[str, ...]:
    joins = {f"join:{'+'.join(sources)}:{target}" for sources, target in sketch.joins if target == name}
    return (f"branch:to:{name}", *sorted(joins))


def _handler_name(spec: NodeSpec, defaults: NodeDefaults) -> str | None:
    if spec.error_handler is not None:
        return f"{ERROR_HANDLER}{spec.name}"
    return DEFAULT_ERROR_HANDLER if defaults.error_handler is not None else None


def _handlers(sketch: Sketch, nodes: Mapping[str, Node]) -> dict[str, Node]:
    """The hidden nodes. They get the default retries and timeout, but no cache and no handler of their own."""
    handlers: dict[str, Node] = {}
    for spec in sketch.nodes.values():
        name = nodes[spec.name].error_handler
        callee = spec.error_handler or sketch.defaults.error_handler
        if name is None or callee is None or name in handlers:
            continue
        view = nodes[spec.name].view if spec.error_handler else sketch.pool.view(sketch.state_schema)
        handlers[name] = _handler(name, callee, view, sketch.defaults)
    return handlers


def _handler(name: str, callee: Callee, view: StateView, defaults: NodeDefaults) -> Node:
    check_timeout(name, callee, defaults.timeout)
    return Node(
        name=name,
        callee=callee,
        view=view,
        retry_policy=defaults.retry_policy or (),
        timeout=defaults.timeout,
        hidden=True,
    )


def _start(sketch: Sketch) -> Node:
    return Node(
        name=START,
        callee=Callee(call=_never_called, name=START),
        view=sketch.pool.view(sketch.input_schema),
        targets=_targets(sketch, START),
        branches=_branches(sketch, START, sketch.state_schema),
        hidden=True,
    )


def _never_called(_: Any) -> Any:
    raise InternalError("START was run as a node; it has no body. Please report this")


def _targets(sketch: Sketch, source: str) -> tuple[str, ...]:
    return tuple(target for origin, target in sketch.edges if origin == source and target != END)


def _branches(sketch: Sketch, source: str, schema: Any) -> tuple[Branch, ...]:
    return tuple(
        Branch(
            name=spec.name,
            path=spec.path,
            view=sketch.pool.view(schema if spec.input_schema is None else spec.input_schema),
            path_map=spec.path_map,
        )
        for spec in sketch.branches.get(source, {}).values()
    )


def _state_view(pool: StatePool, schema: Any) -> StateView:
    """All channels, those of the state schema first, as one dict: what `values` streams show."""
    view = pool.view(schema)
    own = tuple(key for key in view.keys if key in pool.channels)
    private = tuple(key for key in pool.channels if key not in own)
    return StateView(keys=own + private, root=view.root)


def _fingerprint(nodes: Iterable[Node], start: Node, pool: StatePool, schema: int) -> bytes:
    parts: list[object] = [_topology(start)]
    parts.extend(_topology(node) for node in sorted(nodes, key=lambda node: node.name))
    parts.extend((key, channel.name) for key, channel in sorted(pool.channels.items()))
    if schema:
        parts.append(("schema", schema))
    return digest(parts)


def _topology(node: Node) -> object:
    branches = [(b.name, b.path.fingerprint, b.path_map) for b in sorted(node.branches, key=lambda b: b.name)]
    edges = (sorted(node.targets), sorted(node.joins), branches)
    return (node.name, node.callee.fingerprint, node.view.keys, edges, node.defer, node.error_handler)

"""The plan: a compiled graph as frozen facts. The builder makes it once; the engine reads it from any thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from msgspec import Struct, field

from ...projections.channels.channel import Channel


@dataclass(frozen=True)
class Upcaster:
    """How a state of one version of the schema becomes one of the next. The functions are pure.

    Example:
        compile(upcasters={0: Upcaster(split_name, sends={"greet": lambda sent: sent})})
    """

    state: Callable[[Any], Any]
    """From `{key: value}`, of the keys that have one, to the keys that change, as a node returns them; the bare value
    where the state is one. A class that its parameter is annotated with declares the earlier schema."""
    updates: Callable[[Any], Any] | None = None
    """From `{key: value}` that a finished task of an open step has written, and that waits to be merged, to what it
    would write now, all of it. Without one, a step in which a task wrote a key that changes is refused."""
    sends: Mapping[str, Callable[[Any], Any]] = dataclass_field(default_factory=dict)
    """Node to what makes the argument of a `Send` to it anew: no part of the state, so `state` does not see it."""


class StateView(Struct, frozen=True):
    """Which part of the state a callable receives, and in what form."""

    keys: tuple[str, ...]
    """Channels it reads, in schema order; a channel without a value is left out."""
    coerce: Callable[..., Any] | None = None
    """Makes the declared class of a dict of keyword values (dataclass, pydantic model); None hands over the dict."""
    root: bool = False
    """True for a root state: the value of the one channel itself, no dict."""
    managed: tuple[tuple[str, str], ...] = ()
    """(key, kind) of managed values among the keys: kind "is_last_step" or "remaining_steps"."""


class Callee(Struct, frozen=True):
    """A user's callable and how to call it."""

    call: Callable[..., Any]
    """Takes the input, then the injected parameters by keyword. Of an async callable it returns an awaitable."""
    acall: Callable[..., Any] | None = None
    """Async form where there are two (a Runnable: `invoke` and `ainvoke`); None where `call` serves both."""
    is_async: bool = False
    """True when only an async caller may run it: `call` returns an awaitable."""
    injects: tuple[str, ...] = ()
    """Parameters to fill: among "config", "writer", "store", "previous", "runtime", "error"."""
    wants_config: bool = False
    """True for Runnables, which take the config as second positional argument."""
    fingerprint: bytes = b""
    """8 bytes over its code; equal code gives equal bytes in every process."""
    name: str = ""


class Branch(Struct, frozen=True):
    """One path function of a node."""

    name: str
    path: Callee
    view: StateView
    path_map: Mapping[Any, str] | None = None
    """Result to node name; None when results are node names themselves."""


class Node(Struct, frozen=True):
    """One node, with everything that follows from it statically."""

    name: str
    callee: Callee
    view: StateView
    targets: tuple[str, ...] = ()
    """Static edges, END left out, in the order they were added."""
    joins: tuple[str, ...] = ()
    """Keys (in `Plan.joins`) of the joins it is a source of."""
    branches: tuple[Branch, ...] = ()
    defer: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    retry_policy: tuple[Any, ...] = ()
    cache_policy: Any = None
    timeout: Any = None
    error_handler: str | None = None
    """Name of the hidden node that takes over after a failure."""
    destinations: tuple[str, ...] | Mapping[str, str] = ()
    """Targets it may reach by Command, for drawing."""
    subgraph: Any = None
    """The compiled graph it runs, if it is one."""
    hidden: bool = False
    """True for nodes that the builder added (error handlers): no drawing and no `"*"` breakpoint shows them."""
    trace_policy: Any = None
    triggers: tuple[str, ...] = ()
    """Names of what can make it run, as streams and metadata show them: its own edge, and joins that lead to it."""


class Join(Struct, frozen=True):
    """`add_edge([b, c], d)`: d runs once all sources completed since it last ran."""

    key: str
    """"b+c:d", as recorded in `StepPlanned.arrivals`."""
    sources: frozenset[str]
    target: str


class Plan(Struct, frozen=True):
    """A compiled graph: channels, nodes, edges, views. Immutable, shared by all threads and runs."""

    name: str
    channels: Mapping[str, Channel[Any]]
    nodes: Mapping[str, Node]
    """Without START; names in the order they were added."""
    start: Node
    """START: its `targets`, `joins` and `branches` are the entries; its callee is never called."""
    joins: Mapping[str, Join]
    input_view: StateView
    """Keys that graph input may write."""
    output_view: StateView
    """Keys that `invoke` returns."""
    state_view: StateView
    """Every key of the declared state, as `values` streams show it (all channels)."""
    fingerprint: bytes
    """16 bytes over topology, node code and channels."""
    context_schema: Any = None
    interrupt_before: frozenset[str] = frozenset()
    interrupt_after: frozenset[str] = frozenset()
    interrupt_all: frozenset[str] = frozenset()
    """"before", "after" or both, where `"*"` asked for every node: drawings leave such breakpoints out."""
    root: str | None = None
    """Name of the only channel of a root state ("__root__"); None for keyed states."""
    types: Sequence[Any] = ()
    """Annotations reachable from the schemas: what the codec's registry may decode."""
    managed: Mapping[str, str] = field(default_factory=dict)
    """Key to kind of every managed value of the schemas; writes to them are ignored."""
    entry: str = ""
    """The only node of an entrypoint: it takes the input itself, and what it returns is the state. "" for a graph."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Earlier name of a node to its name here, for threads that were paused under the earlier one."""
    checks: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    """Key to what makes a written value fit the key's annotation, or raises; empty where values are not checked."""
    ignores_unknown_routes: bool = False
    """True where a route to a name that is no node is logged and leads nowhere, instead of raising."""
    schema: int = 0
    """Version of the state's schema: one more than that of the last upcaster, 0 without any."""
    upcasters: Mapping[int, Upcaster] = field(default_factory=dict)
    """Version of the schema to what makes a state of the next one."""
    earlier: Mapping[int, Mapping[str, Channel[Any]]] = field(default_factory=dict)
    """Version of the schema to its channels, where an upcaster's parameter declares them."""
    declared_view: StateView | None = None
    """The declared state alone, in its own form: what version "v2" of a stream shows of checkpoints."""
    takes: Callable[[Any], dict[str, Any]] | None = None
    """Makes state keys of a call's input, in a graph of channels; None where the input has them."""

    def node(self, name: str) -> Node | None:
        """The node of this name, START included, or of the name that took its place; None when there is none."""
        if name == "__start__":
            return self.start
        return self.nodes.get(name) or self.nodes.get(self.aliases.get(name, ""))

    def runner(self, name: str, handler: str) -> Node | None:
        """What runs for a task of this node: the node, or the error handler that has taken over.

        A handler under another name now (the node was renamed, or has a handler of its own now) takes its place.
        """
        node = self.nodes.get(name) or self.node(name)
        if not handler or node is None:
            return node
        return self.nodes.get(handler) or self.nodes.get(node.error_handler or "")

"""How one run's stream looks: the modes that are read, what is shown of the state, and the graph's nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from ..state.merge import Channels

Chunk = tuple[tuple[str, ...], str, Any]
"""(namespace, stream mode, payload)."""

_NOTHING: Mapping[str, Any] = {}


class NodeShape(Struct, frozen=True):
    """What streams show of a node besides its name."""

    keys: tuple[str, ...] = ()
    """Keys of the state that it receives."""
    root: bool = False
    """True when it receives the one channel's value by itself."""
    managed: tuple[tuple[str, str], ...] = ()
    """(key, kind) of managed values among what it receives."""
    coerce: Callable[..., Any] | None = None
    """Makes its input's declared class. Whoever takes a chunk calls it (`finished`), never the actor."""
    triggers: tuple[str, ...] = ()
    """Names of what can make it run: its own edge, and the joins that lead to it."""
    metadata: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    nested: bool = False
    """True when it runs a graph of its own."""


class RunView:
    """How one run's stream looks. What it has shown so far is remembered here: a stream says nothing twice."""

    __slots__ = (
        "bare",
        "channels",
        "configurable",
        "kept",
        "keys",
        "line",
        "metadata",
        "modes",
        "nodes",
        "ns",
        "output",
        "parents",
        "root",
        "seen_messages",
        "seen_questions",
        "shown",
        "started",
        "state",
        "step",
        "steps_max",
        "tags",
        "version",
    )

    def __init__(
        self,
        channels: Channels,
        keys: Sequence[str],
        root: str | None,
        modes: frozenset[str],
        output_keys: str | Sequence[str] | None,
    ) -> None:
        self.channels = channels
        self.keys = tuple(keys)
        """Every key of the state."""
        self.bare = output_keys if isinstance(output_keys, str) else None
        """The one key whose value is shown by itself, no dict around it."""
        self.shown = frozenset(keys if output_keys is None else [output_keys] if self.bare else output_keys)
        """Keys that `values` and `updates` show."""
        self.root = root
        self.modes = modes
        self.ns: tuple[str, ...] = ()
        """Namespace of the chunks; () for a root graph."""
        self.line = ""
        """Which line of the thread is shown: "" for the root graph's."""
        self.parents: Mapping[str, str] = _NOTHING
        """For a nested graph: namespace to checkpoint id of each graph around it."""
        self.kept = True
        """False without a checkpointer: there are no checkpoints to show."""
        self.configurable: Mapping[str, Any] = _NOTHING
        """What the caller's config has under `configurable`."""
        self.metadata: Mapping[str, Any] = _NOTHING
        """Metadata of the run, for `messages` and `tasks`."""
        self.tags: Sequence[str] = ()
        """Tags of the run."""
        self.nodes: Mapping[str, NodeShape] = _NOTHING
        """The graph's nodes by name."""
        self.steps_max = 0
        """Super-steps the run may take: what managed values count down from."""
        self.version = "v1"
        """"v2" coerces values to the declared classes."""
        self.output: tuple[tuple[str, ...], Callable[..., Any]] | None = None
        """(keys, class) of the output schema where it is a class; None where `values` are dicts or restricted."""
        self.state: tuple[tuple[str, ...], Callable[..., Any]] | None = None
        """(keys, class) of the state where its schema is a class."""
        self.seen_messages: set[str] = set()
        """Ids of messages that were streamed or were there before: shown once in a run."""
        self.seen_questions: set[str] = set()
        """Ids of questions that the run has shown."""
        self.step: tuple[int, int] | None = None
        """Address of the checkpoint before the step whose tasks were shown last."""
        self.started: set[tuple[str, int]] = set()
        """(node, send) of that step's tasks whose start was shown."""

    def node(self, name: str) -> NodeShape:
        """The node's shape; a node that the graph does not have any more has triggers of its own."""
        return self.nodes.get(name) or NodeShape(triggers=(f"branch:to:{name}",))


class Values(Struct, frozen=True):
    """A `values` payload under version "v2": the state in its declared form, the questions apart."""

    data: Any
    interrupts: tuple[Any, ...] = ()

"""Events of a run: from the input that is accepted to the end that is reached."""

from __future__ import annotations

from .base import Event, Payload, Route, Write

EXIT = "exit"
"""The durability of a run that is stored at its end, in one commit with one checkpoint."""


class GraphSeen(Event, tag=1, frozen=True, kw_only=True):
    """The code of a graph as it was when it first worked on this thread; once per fingerprint."""

    fingerprint: bytes
    """16 bytes over topology, node code and channels."""
    name: str
    nodes: dict[str, bytes]
    """Fingerprint (8 bytes) of each node's code, by node name."""
    channels: dict[str, str]
    """Name of each channel's rule (a built-in reducer's name, or "user:<name>"), by channel."""
    schema: int = 0
    """Version of the state's schema: 0 unless the graph was compiled with upcasters, which lead to it."""


class RunStarted(Event, tag=2, frozen=True, kw_only=True):
    """A run began with new input. It is a checkpoint, source "input"."""

    run: str
    """The run's id, a UUID string."""
    fingerprint: bytes
    writes: list[Write]
    """The input, as writes of the hidden start task."""
    metadata: Payload | None = None
    """Scalar entries of the caller's config metadata; None when there are none."""
    durability: str = "sync"
    """"sync", "async" or "exit"."""
    node: str = ""
    """The node that takes the input itself, as an entrypoint does; "" where the hidden start task takes it."""
    calling: int = 0
    """In a sub-graph's namespace: the ordinal of the calling task in the open step of the graph above."""
    caller: str = ""
    """Namespace of the calling task, where this one does not say it (`checkpointer=True`)."""
    place: str = ""
    """Where in the calling task the graph was called: a tool call's id, a key; "" for the task itself."""
    process: str = ""
    """Of a root graph's run: the process that works on it, by a name of its own; "" where nobody said."""


class RunContinued(Event, tag=3, frozen=True, kw_only=True):
    """A run took up the open work again: `None` input, a passed breakpoint, an answer or a `Command`."""

    run: str
    fingerprint: bytes
    reason: str
    """"continue", "resume" or "command"."""
    metadata: Payload | None = None
    durability: str = "sync"
    calling: int = 0
    """As in `RunStarted`."""
    caller: str = ""
    """As in `RunStarted`."""
    process: str = ""
    """As in `RunStarted`."""


class CommandApplied(Event, tag=4, frozen=True, kw_only=True):
    """A `Command` given as input was applied to the open step: its update, its goto, an answer to what it will ask."""

    writes: list[Write]
    routes: list[Route] = []
    answer: Payload | None = None
    """An answer given ahead: no question was open, the first one that the step asks takes it."""


class RunPaused(Event, tag=5, frozen=True, kw_only=True):
    """A run stopped at a static breakpoint."""

    where: str
    """"before" or "after"."""
    nodes: list[str]


class RunFinished(Event, tag=6, frozen=True, kw_only=True):
    """A run ended; the thread rests."""

    status: str
    """"completed", "interrupted", "paused", "failed", "cancelled", "drained" or "out_of_steps"."""
    error: str = ""
    joins_waiting: list[str] = []
    """Nodes whose join some branches reached and others did not, when the run completed."""


class ValueSaved(Event, tag=7, frozen=True, kw_only=True):
    """An entrypoint's `final(save=…)`: what the next invocation receives as `previous`."""

    value: Payload


class Taken(Event, tag=8, frozen=True, kw_only=True):
    """Another process took the thread over."""

    owner: str
    epoch: int

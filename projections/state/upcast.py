"""A state under a later version of its schema: what `StateUpcast` does to a line, and whose state a line's is.

The upcasters themselves are a user's code: the node runner calls them once, the log keeps what they gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ...events.vocabulary import START, GraphSeen, Recast, StateUpcast, Write
from ..channels.cells import Cells
from .merge import Channels
from .thread import Line, RunFacts, ThreadState

if TYPE_CHECKING:
    from .fold import Draft


def made_by(state: ThreadState, line: Line) -> GraphSeen | None:
    """What the log says of the graph that the line's state is one of; None where it does not name one."""
    run = line.run if line.head is None else line.head.run
    if run is None:  # an update by hand is about to begin the thread
        return state.graphs[-1] if state.graphs else None
    return state.graph(run.fingerprint)


def rules_of(channels: Channels, state: ThreadState, line: Line) -> Channels:
    """The rules to read a line's state by: a graph's own, unless the state is one of another version of its schema."""
    return channels.then(made_by(state, line)) if channels.schema or state.upcasts else channels


def upcast_cells(rules: Channels, cells: Cells, writes: Iterable[Write]) -> Cells:
    """The cells under other rules: what is written takes the place of what was there, keys without a rule are gone.

    Raises what a channel of a user's own raises.
    """
    changes: dict[str, Any] = {name: None for name, cell in cells.items() if name not in rules and cell is not None}
    for write in writes:
        if write.channel in rules:
            changes[write.channel] = rules[write.channel].merge(None, (write,))
    return cells.with_changes(changes)


def apply_upcast(line: Line, event: StateUpcast, cells: Cells) -> None:
    """Put a line under the event's schema; `cells` is the state in it. Changes the line given."""
    head = line.head
    if head is None:
        return
    line.cells = cells
    line.head = replace(head, cells=cells)
    for recast in event.recasts:
        _recast(line, recast)


def _state_upcast(draft: Draft, event: StateUpcast, merged: Cells | None) -> None:
    line = draft.line(event.ns)
    head = line.head
    if head is None:
        return
    # What made the head stays known; only whose state it is changes, by which its rules are found.
    run = RunFacts("", event.fingerprint) if head.run is None else replace(head.run, fingerprint=event.fingerprint)
    line.head = replace(head, run=run)
    line.rules = draft.channels if event.ns == draft.ns else None
    if merged is None:
        merged = _upcast_or_keep(draft.rules(line), line.cells, event.writes)
    apply_upcast(line, event, merged)


def _upcast_or_keep(rules: Channels, cells: Cells, writes: Iterable[Write]) -> Cells:
    """As `upcast_cells`, but total: of a key whose rule does not take the value any more, the old one is kept."""
    for write in writes:
        with suppress(Exception):
            cells = upcast_cells(rules, cells, (write,))
    return upcast_cells(rules, cells, ())


def _recast(line: Line, recast: Recast) -> None:
    head, task = line.head, line.tasks[recast.task] if recast.task < len(line.tasks) else None
    if task is None or head is None:
        return
    if task.node == START:
        line.head = replace(head, input_writes=tuple(recast.writes))
        return
    completed = task.completed
    if completed is not None:
        completed = replace(completed, writes=recast.writes, routes=recast.routes)
    line.change_task(recast.task, completed=completed, payload=recast.payload)


APPLY: dict[type, Callable[[Draft, Any, Cells | None], None]] = {StateUpcast: _state_upcast}
"""What the event does to a state being written."""

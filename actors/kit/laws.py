"""The laws that a thread keeps, whatever is done to it: checked by every tool of the kit, on the log alone.

Pure: they read what they are given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from langchain_core.messages import BaseMessage
from msgspec.structs import replace

from ...events.chain.verify import verify
from ...events.stores.store import Row
from ...events.vocabulary import Commit, InterruptRaised, Resumed
from ...projections.channels.cells import Cells
from ...projections.state.merge import Channels, read_values
from ...projections.state.thread import Checkpoint, Line, Question, Task, ThreadState
from ...projections.state.upcast import rules_of


def broken_laws(rows: Sequence[Row], commits: Sequence[Commit], thread: str, tenant: str = "") -> list[str]:
    """What is wrong with a thread's log, in words; empty for a sound one.

    - versions are 0, 1, 2 … and every commit is chained to the one before it;
    - no commit is there twice, and time goes on from commit to commit;
    - a question has at most one answer, and only what was asked is answered.
    """
    found = [finding.message for finding in verify(rows, thread, tenant)]
    versions = [row.version for row in rows]
    if versions != list(range(len(rows))):
        found.append(f"the versions are {versions}")
    found += [
        f"commit {id.hex()} is in the log {count} times" for id, count in _repeated(commit.id for commit in commits)
    ]
    for version, (before, after) in enumerate(pairwise(commits), 1):
        if after.time <= before.time:
            found.append(f"version {version} is not later than the one before it")
    events = [event for commit in commits for event in commit.events]
    asked = {event.question for event in events if isinstance(event, InterruptRaised)}
    answered = [event.question for event in events if isinstance(event, Resumed)]
    found += [f"question {question} was answered {count} times" for question, count in _repeated(answered)]
    found += [f"question {question} was answered and never asked" for question in answered if question not in asked]
    return found


def _repeated(items: Iterable[Any]) -> list[tuple[Any, int]]:
    return [(item, count) for item, count in Counter(items).items() if count > 1]


def portrait(state: ThreadState, channels: Channels) -> Mapping[str, Any]:
    """Everything of a state that anybody can see, as plain values to compare: replayed or live, it must be the same."""
    return {
        "version": state.version,
        "status": state.status,
        "run": state.run,
        "time": (state.time, state.turn_started),
        "asked": [(asked.raised.question, asked.asked_at, asked.answered_at) for asked in _questions(state)],
        "answered": [(asked.raised.question, asked.answered_at, asked.answered_by) for asked in state.answered],
        "graphs": state.graphs,
        "lines": {ns: _line(state, line, line.rules or channels) for ns, line in state.lines.items()},
    }


def _questions(state: ThreadState) -> Iterable[Question]:
    return (asked for line in state.lines.values() for task in line.tasks for asked in task.questions)


def _line(state: ThreadState, line: Line, channels: Channels) -> Mapping[str, Any]:
    return {
        "values": _kept(rules_of(channels, state, line), line.cells),
        "failure": line.failure,
        "paused": line.paused,
        "checkpoints": [
            (
                checkpoint.id,
                checkpoint.step,
                checkpoint.source,
                checkpoint.parent,
                checkpoint.writers,
                [_task(task) for task in checkpoint.tasks],
                dict(checkpoint.arrivals),
                checkpoint.deferred,
                checkpoint.made,
                _kept(_rules_at(state, checkpoint, channels), checkpoint.cells),
            )
            for checkpoint in line.checkpoints()
        ],
    }


def _rules_at(state: ThreadState, checkpoint: Checkpoint, channels: Channels) -> Channels:
    run = checkpoint.run
    return channels if run is None or not state.upcasts else channels.then(state.graph(run.fingerprint))


def _task(task: Task) -> Any:
    """A task; of its effects' values the ids of messages do not count: a process gives them to the objects it has."""
    effects = [
        (effect.place, effect.error, None if effect.value is None else comparable(effect.value.value))
        for effect in task.effects
    ]
    return replace(task, effects=()), effects


def _kept(channels: Channels, cells: Cells) -> Mapping[str, Any]:
    return read_values(channels, channels.without_untracked(cells), channels)


def comparable(values: Any) -> Any:
    """Values without the ids of messages, which are made by chance: equal ones say the same."""
    if isinstance(values, BaseMessage):
        said = {key: value for key, value in vars(values).items() if key != "id"}
        return type(values).__name__, comparable(said)
    if isinstance(values, Mapping):
        return {key: comparable(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return type(values)(map(comparable, values)) if type(values) in (list, tuple) else values
    return values

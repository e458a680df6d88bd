"""How a checkpoint shows itself in the `checkpoints` stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..channels.cells import Cells
from ..state import ids
from ..state.merge import read_values
from ..state.thread import Checkpoint, Question, Task
from ..state.views import by_channel, interrupt_of
from .tasks import as_dict, in_stream_order, recorded_metadata
from .view import RunView

_COORDINATES = frozenset({"checkpoint_ns", "checkpoint_id", "checkpoint_map"})
"""Keys of `configurable` that say which checkpoint the caller named, not which one is shown."""


def checkpoint_payload(
    view: RunView,
    checkpoint: Checkpoint,
    parent: Checkpoint | None,
    cells: Cells,
    tasks: Sequence[Task],
    below: Mapping[tuple[str, int], Sequence[Question]],
    *,
    loaded: bool = False,
) -> dict[str, Any]:
    """The payload of one checkpoint: `{config, parent_config, values, metadata, next, tasks}`.

    Args:
        view: of the run.
        checkpoint: the checkpoint.
        parent: the one before it on its branch.
        cells: the state that it shows.
        tasks: the step after it, with what was known of it when the chunk was made.
        below: by (node, send) of its tasks, the questions of graphs that they called.
        loaded: True when a run goes on from it, False when it was just made.
    """
    ordered = in_stream_order(tasks)
    metadata = {"source": checkpoint.source, "step": checkpoint.step, "parents": dict(view.parents)}
    return {
        "config": _config(view, checkpoint),
        "parent_config": None if parent is None else _config(view, parent, bare=loaded),
        "values": state_values(view, cells),
        "metadata": {**recorded_metadata(checkpoint), **metadata} if loaded else metadata,
        "next": [task.node for task in ordered],
        "tasks": [_task(view, checkpoint, task, below.get((task.node, task.send), ())) for task in ordered],
    }


def state_values(view: RunView, cells: Cells) -> Any:
    """The values of the whole state, whatever the caller asked to see of it."""
    if view.root is not None:
        return read_values(view.channels, cells, (view.root,)).get(view.root)
    return read_values(view.channels, cells, view.keys)


def _config(view: RunView, checkpoint: Checkpoint, *, bare: bool = False) -> dict[str, Any]:
    configurable: dict[str, Any]
    if bare:
        configurable = {"thread_id": view.configurable.get("thread_id"), "checkpoint_ns": view.line}
    else:
        given = view.configurable.items()
        users = {key: value for key, value in given if key not in _COORDINATES and not key.startswith("__")}
        configurable = {"checkpoint_ns": view.line, **users}
    if view.line:
        configurable["checkpoint_map"] = {**view.parents, view.line: checkpoint.id}
    configurable["checkpoint_id"] = checkpoint.id
    return {"configurable": configurable}


def _task(view: RunView, checkpoint: Checkpoint, task: Task, below: Sequence[Question]) -> dict[str, Any]:
    task_id = ids.task_id(checkpoint.id, view.line, task.node, task.send)
    shown_task: dict[str, Any] = {"id": task_id, "name": task.node}
    if task.failed is not None:
        shown_task["error"] = task.failed.error
    else:
        if task.completed is not None:
            shown_task["result"] = by_channel(task.completed.writes)
        questions = (*task.open_questions, *below) or task.questions
        shown_task["interrupts"] = tuple(as_dict(interrupt_of(question)) for question in questions)
    shown_task["state"] = None
    if view.node(task.node).nested:
        place = f"{task.node}:{task_id}"
        inner = f"{view.line}|{place}" if view.line else place
        thread = view.configurable.get("thread_id")
        shown_task["state"] = {"configurable": {"thread_id": thread, "checkpoint_ns": inner}}
    return shown_task

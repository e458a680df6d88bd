"""How a task shows itself: the metadata of its run, and the payloads that say that it began and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...events.vocabulary import Interrupt, Payload
from ..state import ids
from ..state.merge import read_values
from ..state.namespaces import graph_of
from ..state.thread import Checkpoint, Line, Task, remaining
from .view import NodeShape, RunView

PUSH = "__pregel_push"
"""Trigger of a task that a Send asked for."""
CALL_LENGTH = 4
"""Parts of the path of a call: the trigger, its caller's path, its number there, True."""
_PLACES = frozenset(
    {
        "thread_id",
        "checkpoint_id",
        "checkpoint_ns",
        "checkpoint_map",
        "langgraph_step",
        "langgraph_node",
        "langgraph_triggers",
        "langgraph_path",
        "langgraph_checkpoint_ns",
    }
)
"""Keys of metadata that say where a task is: its payload says so already."""
_LIBRARY_TAGS = ("seq:step", "graph:step", "langsmith:")
"""Beginnings of tags that libraries put on runs."""


def task_metadata(
    node: str,
    send: int,
    step: int,
    task_id: str,
    given: Mapping[str, Any],
    *,
    triggers: tuple[str, ...] = (),
    ns: str = "",
) -> dict[str, Any]:
    """The metadata of a task's run: what the caller and the node gave, and which task it is.

    Args:
        node: the node's name.
        send: its place among the step's Sends; -1 when an edge triggered it.
        step: number of the super-step.
        task_id: the task's id.
        given: the caller's metadata with the node's own over it.
        triggers: what can make the node run; its own edge where nothing is said.
        ns: namespace of its graph.
    """
    pushed = send >= 0
    place = f"{node}:{task_id}"
    return {
        **given,
        "langgraph_step": step,
        "langgraph_node": node,
        "langgraph_triggers": (PUSH,) if pushed else triggers or (f"branch:to:{node}",),
        "langgraph_path": (PUSH, send, False) if pushed else ("__pregel_pull", node),
        "langgraph_checkpoint_ns": f"{ns}|{place}" if ns else place,
    }


def graph_of_run(metadata: Mapping[str, Any] | None) -> str:
    """The namespace of the graph that a run belongs to, by its metadata: a call of a task is in its caller's graph."""
    given = metadata or {}
    ns = graph_of(str(given.get("langgraph_checkpoint_ns") or ""))
    path = given.get("langgraph_path") or ()
    while len(path) == CALL_LENGTH and path[0] == PUSH and path[-1] is True:
        ns, path = graph_of(ns), path[1]
    return ns


def in_graph(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a run with what it is a run of, as LangSmith sorts runs; the caller may say otherwise."""
    return {**metadata, "ls_integration": metadata.get("ls_integration", "langgraph")}


def in_stream_order(tasks: Sequence[Task]) -> list[Task]:
    """The tasks of a step as streams list them: Sends first, then nodes by name."""
    return sorted(tasks, key=lambda task: (task.send < 0, "" if task.send >= 0 else task.node))


def user_tags(tags: Sequence[str] | None) -> list[str]:
    """The tags that a user gave, without those of libraries."""
    return [tag for tag in tags or () if not tag.startswith(_LIBRARY_TAGS)]


def task_started(view: RunView, place: Line | Checkpoint, line: Line, head: Checkpoint, task: Task) -> dict[str, Any]:
    """The `tasks` payload of a task that begins: `{id, name, input, triggers}` and what metadata there is.

    Args:
        view: of the run.
        place: where the state is that the task sees.
        line: the graph's, with the run that starts the task.
        head: the checkpoint before the task's step.
        task: the task.
    """
    shape = view.node(task.node)
    payload: dict[str, Any] = {
        "id": ids.task_id(head.id, view.line, task.node, task.send),
        "name": task.node,
        "input": task_input(view, shape, place, line, head, task),
        "triggers": (PUSH,) if task.send >= 0 else shape.triggers,
    }
    metadata = {key: value for key, value in {**view.metadata, **shape.metadata}.items() if key not in _PLACES}
    tags = user_tags(view.tags)
    if tags:
        metadata["tags"] = tags
    if metadata:
        payload["metadata"] = metadata
    return payload


def task_input(
    view: RunView, shape: NodeShape, place: Line | Checkpoint, line: Line, head: Checkpoint, task: Task
) -> Any:
    """What a task receives, as a dict where its node declares a class: `finished` makes the class of it."""
    if task.payload is not None:
        return task.payload.value
    values = read_values(view.channels, place.cells, shape.keys)
    if shape.root:
        return values.get(shape.keys[0])
    base = 0 if line.run is None else line.run.base_step
    for key, kind in shape.managed:
        values[key] = remaining(kind, head.step, base, view.steps_max)
    return values


def task_ended(
    view: RunView, head: Checkpoint, task: Task, *, result: Any = None, error: Any = None, interrupts: Any = ()
) -> dict[str, Any]:
    """The `tasks` payload of a task that ended: `{id, name, error, result, interrupts}`.

    Args:
        view: of the run.
        head: the checkpoint before the task's step.
        task: the task.
        result: channel to what it wrote.
        error: what it raised; of a run that is over, the text that the log has of it.
        interrupts: the questions it waits for.
    """
    return {
        "id": ids.task_id(head.id, view.line, task.runs, task.send),
        "name": task.runs,
        "error": error,
        "result": {} if result is None else result,
        "interrupts": [as_dict(question) for question in interrupts],
    }


def as_dict(question: Interrupt) -> dict[str, Any]:
    """A question as the payloads of `tasks` and `checkpoints` show it."""
    return {"value": question.value, "id": question.id, "response_schema": question.response_schema}


def recorded_metadata(checkpoint: Checkpoint) -> dict[str, Any]:
    """The scalars of the caller's config that are kept with the checkpoint's run."""
    given = checkpoint.run.metadata if checkpoint.run is not None else None
    return dict(given.value) if isinstance(given, Payload) else {}

"""How a task shows itself: the metadata of its run and of the messages it streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def task_metadata(node: str, send: int, step: int, task_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a task's run: what the caller and the node gave, and which task it is.

    Args:
        node: the node's name.
        send: its place among the step's Sends; -1 when an edge triggered it.
        step: number of the super-step.
        task_id: the task's id.
        given: the caller's metadata with the node's own over it.
    """
    pushed = send >= 0
    return {
        **given,
        "langgraph_step": step,
        "langgraph_node": node,
        "langgraph_triggers": ("__pregel_push",) if pushed else (f"branch:to:{node}",),
        "langgraph_path": ("__pregel_push", send, False) if pushed else ("__pregel_pull", node),
        "langgraph_checkpoint_ns": f"{node}:{task_id}",
    }

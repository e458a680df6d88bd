"""Path functions for `update_state`: the node runner runs them, as everything of the user's."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from ...events.vocabulary import Route
from ...projections.state.fold import step_writes
from ...projections.state.ids import task_id
from ...projections.state.merge import merge_or_keep
from ...projections.state.thread import Checkpoint, Line, Task
from ..author.plan import Node
from ..author.returns import Returned, beyond_view, branch_routes
from .call import Call, Scope, current_scope, strand_here
from .context import node_config
from .run import Run
from .runner import branch_call
from .work.jobs import Job


def edit_job_routes(run: Run, line: Line, node: Node, update: Returned) -> list[Route]:
    """Where an update made in the name of `node` leads: its own gotos and Sends, and what the path functions say.

    The path functions see the state with the update in it. Async ones run on an event loop of their own.
    """
    routes = list(update.routes)
    if not node.branches:
        return routes
    finished = [] if line.head is not None and line.head.source == "input" else step_writes(line)
    cells = merge_or_keep(run.channels, line.cells, [*finished, *update.writes])
    head = line.head or Checkpoint((-1, 0), 0, bytes(16), -1, "input", cells)
    task = Task(node.name)
    job = Job(run, 0, task, node, head, cells, 1, head.address, head.id, task_id(head.id, run.ns, task.node, task.send))
    config = node_config(job, None)
    token = current_scope.set(Scope(Call(job, strand := strand_here()), "", strand))
    try:
        for branch in node.branches:
            result = branch_call(job, cells, branch, config, beyond_view(node, update)).make()
            if inspect.isawaitable(result):
                result = _run_apart(result, branch.name)
            routes.extend(branch_routes(run.plan, node, branch, result))
    finally:
        current_scope.reset(token)
    return routes


def _run_apart(result: Any, name: str) -> Any:
    """Run an async path function's coroutine on a loop of its own; refused where this thread runs one already."""
    if asyncio._get_running_loop() is not None:
        result.close()
        raise RuntimeError(f"path function {name!r} is async: call aupdate_state inside a running event loop")
    return asyncio.run(_await(result))


async def _await(result: Any) -> Any:
    return await result

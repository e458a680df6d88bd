"""What callables receive of the state: the keys they read, managed values worked out, in the form they declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....projections.channels.cells import Cells
from ....projections.state.thread import remaining
from ...author.plan import StateView

if TYPE_CHECKING:
    from ..work.jobs import Job


def node_input(job: Job) -> Any:
    """What the job's node receives: the argument of its Send, or its view of the state."""
    payload = job.task.payload
    if payload is not None:
        return payload.value
    return read_view(job, job.cells, job.input_view if job.handler else job.node.view)


def read_view(job: Job, cells: Cells, view: StateView) -> Any:
    """What a callable receives of the state, in the form it declared."""
    channels = job.run.channels
    if view.root:
        return channels[view.keys[0]].read(cells.get(view.keys[0]))
    values = job.run.reading.values(channels, cells, view.keys)
    for key, kind in view.managed:
        values[key] = managed_value(job, kind)
    return values if view.coerce is None else view.coerce(**values)


def managed_value(job: Job, kind: str) -> Any:
    """What a managed value is for a job: `remaining_steps` or whether it is the last one."""
    return remaining(kind, job.checkpoint.step, job.run.base_step, job.run.terms.steps_max)

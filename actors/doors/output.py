"""What a call returns: the output keys of the state with the open questions; and the form of stream chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from ...events.vocabulary import INTERRUPT
from ...projections.channels.cells import Cells
from ...projections.state.merge import read_values
from ...projections.state.thread import Line, ThreadState
from ...projections.state.views import shown
from ...projections.streams.commit import live_cells
from ..decider.commands import Start
from ..engine.run import Chunk, Run
from .setup import Setup


def output_of(graph: Setup, run: Run, output_keys: str | Sequence[str] | None) -> Any:
    """What `invoke` returns when the run is over."""
    state = run.state
    if state is None:
        return None
    line = state.root
    cells = live_cells(graph.channels, line)
    plan = graph.plan
    if isinstance(output_keys, str):
        output: Any = read_values(graph.channels, cells, (output_keys,)).get(output_keys)
    elif plan.output_view.root:
        output = read_values(graph.channels, cells, plan.output_view.keys).get(plan.output_view.keys[0])
    else:
        output = read_values(graph.channels, cells, plan.output_view.keys if output_keys is None else output_keys)
    if run.before is not None and _wrote_nothing(run, run.before, cells, output_keys):
        output = None
    questions = line.open_questions
    if not questions:
        return output
    interrupts = [shown(question) for question in questions]
    return {**output, INTERRUPT: interrupts} if isinstance(output, dict) else {INTERRUPT: interrupts}


def _wrote_nothing(run: Run, before: ThreadState, cells: Cells, output_keys: str | Sequence[str] | None) -> bool:
    """True when new input and the steps after it wrote no key of the output: then there is none, not an old one."""
    keys: Sequence[str] = run.plan.output_view.keys if output_keys is None else output_keys
    if isinstance(keys, str):
        keys = (keys,)
    old = before.root.cells
    repeated = run.ending is not None and run.ending.status == "repeated"
    if repeated or not isinstance(run.command, Start) or any(cells.get(key) is not old.get(key) for key in keys):
        return False
    # Hardly ever further: a write can leave a cell as it was, as [] does to a list of messages.
    line = Line() if run.state is None else run.state.root
    for checkpoint in line.checkpoints():
        if checkpoint.version <= before.version:
            break
        completed = (task.completed for task in checkpoint.tasks if task.completed is not None)
        writes = chain(checkpoint.input_writes, *(event.writes for event in completed))
        if any(write.channel in keys for write in writes):
            return False
    return True


def chunk_form(stream_mode: str | Sequence[str] | None, subgraphs: bool) -> Callable[[Chunk], Any]:
    """How a stream gives out a chunk: bare for one mode, (mode, payload) for a list, with the namespace in front."""
    several = stream_mode is not None and not isinstance(stream_mode, str)
    if several:
        return (lambda chunk: chunk) if subgraphs else (lambda chunk: chunk[1:])
    return (lambda chunk: (chunk[0], chunk[2])) if subgraphs else (lambda chunk: chunk[2])

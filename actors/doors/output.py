"""What a call returns: the output keys of the state with the open questions; and the form of stream chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...events.vocabulary import INTERRUPT
from ...projections.state.merge import read_values
from ...projections.state.views import shown
from ...projections.streams.commit import live_cells
from ..engine.run import Chunk, Run

if TYPE_CHECKING:
    from .compiled import CompiledStateGraph


def output_of(graph: CompiledStateGraph, run: Run, output_keys: str | Sequence[str] | None) -> Any:
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
        output = read_values(graph.channels, cells, output_keys or plan.output_view.keys)
    questions = line.open_questions
    if not questions:
        return output
    interrupts = [shown(question) for question in questions]
    return {**output, INTERRUPT: interrupts} if isinstance(output, dict) else {INTERRUPT: interrupts}


def chunk_form(stream_mode: str | Sequence[str] | None, subgraphs: bool) -> Callable[[Chunk], Any]:
    """How a stream gives out a chunk: bare for one mode, (mode, payload) for a list, with the namespace in front."""
    several = stream_mode is not None and not isinstance(stream_mode, str)
    if several:
        return (lambda chunk: chunk) if subgraphs else (lambda chunk: chunk[1:])
    return (lambda chunk: (chunk[0], chunk[2])) if subgraphs else (lambda chunk: chunk[2])

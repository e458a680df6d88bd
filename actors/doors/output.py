"""What a call returns: the output keys of the state with the open questions; and the form of stream chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from ...events.vocabulary import INTERRUPT, Interrupt
from ...projections.channels.cells import Cells
from ...projections.state.merge import read_values
from ...projections.state.thread import Line, ThreadState
from ...projections.state.upcast import rules_of
from ...projections.state.views import interrupt_of
from ...projections.streams.commit import live_cells
from ...projections.streams.parts import GraphOutput
from ...projections.streams.view import Chunk, Values
from ..author.plan import Plan
from ..decider.commands import Start
from ..engine.run import Run
from .request import stream_modes, stream_version
from .setup import Setup


def output_of(graph: Setup, run: Run, output_keys: str | Sequence[str] | None, version: str = "v1") -> Any:
    """What `invoke` returns when the run is over."""
    output, questions = _output(graph, run, output_keys)
    if version == "v2":
        coerce = graph.plan.output_view.coerce
        if questions and not isinstance(output, dict):
            output = {}  # LangGraph's form of no whole state: one key, a root, an entrypoint that has not returned yet
        elif coerce is not None and output_keys is None and isinstance(output, dict):
            output = coerce(**output)
        return GraphOutput(output, tuple(questions))
    if not questions:
        return output
    return {**output, INTERRUPT: questions} if isinstance(output, dict) else {INTERRUPT: questions}


def _output(graph: Setup, run: Run, output_keys: str | Sequence[str] | None) -> tuple[Any, list[Interrupt]]:
    """The output keys of the state, and the open questions."""
    state = run.state
    if state is None:
        return None, []
    line = state.line(run.ns)
    channels, plan = rules_of(graph.channels, state, line), graph.plan
    cells = live_cells(channels, line)
    if isinstance(output_keys, str):
        output: Any = read_values(channels, cells, (output_keys,)).get(output_keys)
    elif plan.output_view.root:
        output = read_values(channels, cells, plan.output_view.keys).get(plan.output_view.keys[0])
    else:
        output = read_values(channels, cells, plan.output_view.keys if output_keys is None else output_keys)
    if not output and plan.takes is not None:
        output = _shown_last(run, plan, output)
    questions = [interrupt_of(question) for question in state.open_questions(run.ns)]
    if run.before is not None and not (plan.entry or questions) and _wrote_nothing(run, run.before, cells, output_keys):
        output = None
    return output, questions


def _shown_last(run: Run, plan: Plan, output: Any) -> Any:
    """What the run's last super-step left that wrote a channel of the output: an ephemeral one is empty by now."""
    keys = plan.output_view.keys
    for checkpoint in () if run.state is None else run.state.line(run.ns).checkpoints():
        if run.before is not None and checkpoint.version <= run.before.version:
            break
        left = read_values(run.channels, checkpoint.cells, keys)
        if left:
            return left[keys[0]] if plan.output_view.root else left
    return output


def _wrote_nothing(run: Run, before: ThreadState, cells: Cells, output_keys: str | Sequence[str] | None) -> bool:
    """True when new input and the steps after it wrote no key of the output: then there is none, not an old one."""
    keys: Sequence[str] = run.plan.output_view.keys if output_keys is None else output_keys
    if isinstance(keys, str):
        keys = (keys,)
    old = before.line(run.ns).cells
    repeated = run.ending is not None and run.ending.status == "repeated"
    if repeated or not isinstance(run.command, Start) or any(cells.get(key) is not old.get(key) for key in keys):
        return False
    if run.settings.command_id in before.commands:
        # What was left of a command that wrote before: it is told the values, as one of which nothing is left.
        return False
    # Hardly ever further: a write can leave a cell as it was, as [] does to a list of messages.
    if run.said:
        writes = (write for event in run.said if event.ns == run.ns for write in getattr(event, "writes", ()))
        return not any(write.channel in keys for write in writes)
    line = Line() if run.state is None else run.state.line(run.ns)
    for checkpoint in line.checkpoints():
        if checkpoint.version <= before.version:
            break
        completed = (task.completed for task in checkpoint.tasks if task.completed is not None)
        writes = chain(checkpoint.input_writes, *(event.writes for event in completed))
        if any(write.channel in keys for write in writes):
            return False
    return True


class Forms:
    """What a call reads of its run, what of it is printed, and in what form the rest is given out."""

    __slots__ = ("_printed", "_wanted", "form", "modes", "subgraphs", "version")

    def __init__(
        self,
        stream_mode: str | Sequence[str] | None,
        default: str,
        *,
        version: str = "v1",
        subgraphs: bool = False,
        print_mode: str | Sequence[str] = (),
        debug: bool = False,
    ) -> None:
        stream_version(version)
        self._wanted = frozenset(stream_modes(stream_mode, default)) if default else frozenset[str]()
        printed = frozenset(stream_modes(print_mode, "")) if print_mode else frozenset[str]()
        self._printed = printed | PRINTED_IN_DEBUG if debug else printed
        self.subgraphs = subgraphs
        self.version = version
        self.form = _form(stream_mode, subgraphs, version)
        """From a chunk to what the caller gets."""
        self.modes = self._wanted | self._printed
        """Stream modes that the run is to show."""

    def wants(self, chunk: Chunk) -> bool:
        """True for a chunk that the caller asked for; what is to be printed is, to stdout."""
        mode = chunk[1]
        if mode in self._printed:
            _print(chunk, self.subgraphs)
        return mode in self._wanted


PRINTED_IN_DEBUG = frozenset({"values", "updates"})
"""What a call with `debug=True` prints."""


def _form(stream_mode: str | Sequence[str] | None, subgraphs: bool, version: str) -> Callable[[Chunk], Any]:
    """Bare for one mode, (mode, payload) for a list, with the namespace in front; a dict under version "v2"."""
    if version == "v2":
        return _part
    several = stream_mode is not None and not isinstance(stream_mode, str)
    if several:
        return (lambda chunk: chunk) if subgraphs else (lambda chunk: chunk[1:])
    return (lambda chunk: (chunk[0], chunk[2])) if subgraphs else (lambda chunk: chunk[2])


def _part(chunk: Chunk) -> dict[str, Any]:
    ns, mode, payload = chunk
    if isinstance(payload, Values):
        return {"type": mode, "ns": ns, "data": payload.data, "interrupts": payload.interrupts}
    return {"type": mode, "ns": ns, "data": payload}


def _print(chunk: Chunk, subgraphs: bool) -> None:
    ns, mode, payload = chunk
    shown = payload.data if isinstance(payload, Values) else payload
    place = f" {_YELLOW}[graph={ns}]{_PLAIN}" if subgraphs and ns else ""
    print(f"{_BOLD}[{mode}]{_PLAIN}{place} {shown!r}")  # noqa: T201  # what print_mode is for


_BOLD, _YELLOW, _PLAIN = "\033[1m", "\033[33;1m", "\033[0m"

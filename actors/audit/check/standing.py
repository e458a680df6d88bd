"""Where a thread stands: does the graph fit what it waits for? No body runs."""

from __future__ import annotations

from collections.abc import Iterator

from ....events.errors import EmptyChannelError, UpcastError
from ....events.vocabulary import START
from ....projections.channels.cells import Cells
from ....projections.state.thread import Line, Task
from ...author.plan import Node
from ...decider.fitting import misfit
from ...doors.setup import Setup
from .guard import EffectRefused
from .paths import view_of_state
from .rules import brought_up, is_earlier, read
from .values import find_opaque
from .verdicts import Verdict
from .walk import Walk


def check_standing(walk: Walk, *, bodies: bool) -> None:
    """Say where the graph does not fit the thread's open steps.

    Args:
        walk: at the end of the log.
        bodies: the nodes that wait are run besides, so that their code need not be compared.
    """
    for line in walk.state.live_lines():
        cells = _check_schema(walk, line)
        if line.tasks and cells is not None:
            _check_line(walk, line, cells, bodies=bodies)


def waiting_tasks(walk: Walk) -> Iterator[tuple[Line, Task]]:
    """The unfinished tasks that have asked something, answered or not, in every graph that goes on."""
    for line in walk.state.live_lines():
        for task in line.unfinished:
            if any(not asked.withdrawn for asked in task.questions):
                yield line, task


def _check_schema(walk: Walk, line: Line) -> Cells | None:
    """The line's state as the graph would go on with it; None where it cannot be brought up, which is said."""
    place = walk.place(line.ns, walk.state)
    if place is None or not is_earlier(place, walk.state, line):
        return line.cells
    try:
        done = brought_up(place, walk.state, line, line.cells, walk.recording.thread, step=bool(line.tasks))
    except UpcastError as error:
        walk.say(Verdict.CANNOT_DECODE, str(error))
        return None
    if done is None or done.cells is None:
        walk.say(Verdict.CANNOT_DECODE, "the state cannot be brought up" if done is None else str(done.error))
        return None
    for key in place.channels:
        opaque = find_opaque(read(place.channels, done.cells, key))
        if opaque is not None:
            what = f"key {key!r}, brought up, holds a value whose class is not at hand: {opaque!r}"
            walk.say(Verdict.CANNOT_DECODE, what)
    return done.cells


def _check_line(walk: Walk, line: Line, cells: Cells, *, bodies: bool) -> None:
    place = walk.place(line.ns, walk.state)
    if place is None and (name := walk.called_no_more(walk.state, line.ns)):
        walk.say(Verdict.NODE_GONE, f"it waits in a graph that node {name!r} does not run any more", node=name)
        return
    if place is None:
        waits = line.unfinished[0].node if line.unfinished else line.tasks[0].node
        what = f"it waits in {waits!r}, in a graph that is not seen in the code of the node that runs it"
        walk.say(Verdict.NOT_CHECKED, what, node=waits)
        return
    reason = misfit(place.plan, line)
    if reason:
        gone = next((task.node for task in line.unfinished if place.plan.node(task.node) is None), line.tasks[0].node)
        walk.say(Verdict.NODE_GONE, f"it {reason}", node=gone)
        return
    for task in line.unfinished:
        node = place.plan.runner(task.node, task.handler)
        if node is not None and task.node != START:
            _check_input(walk, place, line, cells, task, node)
            if not bodies:
                _check_code(walk, line, task, node)


def _check_input(walk: Walk, place: Setup, line: Line, cells: Cells, task: Task, node: Node) -> None:
    """Make what the node would be given: the class that it declares may not take the state as it is."""
    if task.payload is not None:
        return  # looked at where it was sent
    try:
        view_of_state(place.channels, cells, node.view, line)
    except EmptyChannelError:
        return
    except EffectRefused as refused:
        walk.say(Verdict.NOT_CHECKED, f"to make what {task.node!r} is given: {refused}", node=task.node)
    except Exception as error:
        what = f"{task.node!r} cannot be given the state: {type(error).__name__}: {error}"
        walk.say(Verdict.CANNOT_DECODE, what, node=task.node)


def _check_code(walk: Walk, line: Line, task: Task, node: Node) -> None:
    """Whether a node that has asked has the code it had then; only running it tells what another code asks."""
    for asked in task.questions:
        seen = walk.state.graph(asked.fingerprint)
        if asked.withdrawn or seen is None or seen.nodes.get(task.runs) == node.callee.fingerprint:
            continue
        what = (
            f"the code of {task.node!r} is not what it was when it asked: only running it (bodies) tells what it asks"
        )
        walk.say(Verdict.NOT_CHECKED, what, node=task.node)
        return

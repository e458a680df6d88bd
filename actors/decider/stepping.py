"""Stepping: what is said when a super-step's tasks are all completed, and how a run goes on or ends."""

from __future__ import annotations

from collections.abc import Iterable

from ...events.errors import GraphChangedError, GraphDrained, GraphRecursionError, error_repr, with_code
from ...events.vocabulary import (
    START,
    NodeStarted,
    Route,
    RunFinished,
    RunPaused,
    StepCommitted,
    StepPlanned,
    Write,
)
from ...projections.channels.cells import Cells
from ...projections.state.fold import Draft
from ...projections.state.merge import Channels, merge_writes
from ..author.plan import Plan
from .commands import Decision, Ending, Merged, MergeWanted, Terms
from .fitting import gained_source
from .planning import Planned, completions, plan_next


def wants_runner(channels: Channels, writes: Iterable[Write]) -> bool:
    """True when merging these writes calls a user's reducer, which only the node runner may do."""
    return any(write.channel in channels.user_code for write in writes)


def merged_cells(channels: Channels, cells: Cells, writes: list[Write], merged: Merged | None) -> Cells | MergeWanted:
    """The step's cells: merged by the runner already, merged now, or the merge the runner is asked for.

    Raises `MergeError` when the writes cannot be merged.
    """
    if merged is not None:
        if merged.error is not None:
            raise merged.error
        if merged.cells is not None:
            return merged.cells
    if channels.user_code and wants_runner(channels, writes):
        return MergeWanted(cells, tuple(writes), None if merged is None else merged.upcast)
    return merge_writes(channels, cells, writes, settle=True)


def commit_step(plan: Plan, terms: Terms, draft: Draft, cells: Cells) -> Decision:
    """Say that the open step is committed with these cells, plan the next one, and start, pause or end.

    Every task of the open step is completed on the draft; the hidden start task needs no completion of its own.
    """
    line = draft.lines[draft.ns]
    if line.tasks and line.tasks[0].node == START:
        routes = line.tasks[0].completed.routes if line.tasks[0].completed is not None else ()
        completed: list[tuple[str, Iterable[Route]]] = [(START, routes)]
    else:
        completed = completions(line)
    stops = terms.interrupt_after
    after = sorted({task.node for task in line.tasks} & stops) if stops else []
    planned = plan_next(plan, completed, line.arrivals, line.deferred)
    draft.say(StepCommitted(), cells)
    say_planned(draft, planned)
    return proceed(plan, terms, draft, planned, after)


def say_planned(draft: Draft, planned: Planned) -> None:
    """Say what the next super-step has, if there is anything to say."""
    if planned.tasks or planned.deferred or planned.arrivals:
        draft.say(StepPlanned(tasks=planned.tasks, arrivals=planned.arrivals, deferred=planned.deferred))


def proceed(plan: Plan, terms: Terms, draft: Draft, planned: Planned, after: list[str]) -> Decision:
    """Start the planned tasks, or say why not: a breakpoint, nothing left, the step limit."""
    stops = terms.interrupt_before
    before = sorted({task.node for task in planned.tasks} & stops) if stops else []
    if after or before:
        draft.say(RunPaused(where="after" if after else "before", nodes=after or before))
        draft.say(RunFinished(status="paused"))
        return Decision(draft, ending=Ending("paused"))
    if not planned.tasks:
        waiting = sorted({plan.joins[key].target for key in planned.arrivals})
        changed = planned.arrivals and len(draft.state.graphs) > 1
        gained = gained_source(plan, draft.line(), planned.arrivals) if changed else ""
        if gained:
            error = GraphChangedError(gained)
            draft.say(RunFinished(status="failed", error=error_repr(error), joins_waiting=waiting))
            return Decision(draft, ending=Ending("failed", error))
        draft.say(RunFinished(status="completed", joins_waiting=waiting))
        return Decision(draft, ending=Ending("completed"))
    if steps_taken(draft) >= terms.steps_max:
        draft.say(RunFinished(status="out_of_steps"))
        error = recursion_error(terms, (task.node for task in planned.tasks))
        return Decision(draft, ending=Ending("out_of_steps", error))
    return begin_tasks(terms, draft, range(len(planned.tasks)))


def begin_tasks(terms: Terms, draft: Draft, ordinals: Iterable[int]) -> Decision:
    """Start these tasks, with which a run begins or goes on to a super-step, unless it was asked to stop here."""
    return start_tasks(draft, ordinals) if terms.drained is None else drain(draft, terms.drained)


def drain(draft: Draft, reason: str) -> Decision:
    """Say that the run stops here because it was asked to; what is due stays due."""
    draft.say(RunFinished(status="drained"))
    return Decision(draft, ending=Ending("drained", GraphDrained(reason)))


def start_tasks(draft: Draft, ordinals: Iterable[int]) -> Decision:
    """Say that these tasks of the open step start, what was sent first: streams show who ends first."""
    started, tasks = tuple(ordinals), draft.lines[draft.ns].tasks
    if len(started) > 1 and tasks[started[-1]].send >= 0 > tasks[started[0]].send:
        started = tuple(sorted(started, key=lambda ordinal: tasks[ordinal].send < 0))
    for ordinal in started:
        draft.say(NodeStarted(task=ordinal, attempt=tasks[ordinal].attempt + 1))
    return Decision(draft, start=started)


def steps_taken(draft: Draft) -> int:
    """Super-steps of nodes that the run has taken."""
    line = draft.lines[draft.ns]
    return 0 if line.head is None or line.run is None else line.head.step - line.run.base_step


def recursion_error(terms: Terms, due: Iterable[str]) -> GraphRecursionError:
    """The error of a run that used up its super-steps while these nodes are due."""
    names = sorted(set(due))
    return GraphRecursionError(
        with_code(
            f"the run took {terms.steps_max} super-steps, its recursion_limit, and {names} are still due: "
            "raise config['recursion_limit'], or continue with None as input",
            "GRAPH_RECURSION_LIMIT",
        )
    )

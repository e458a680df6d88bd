"""What the node runner reports: effects, completions, questions, failures; and what follows for step and run."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from ...events.errors import (
    GraphBubbleUp,
    ParentCommand,
    QuestionNotReproducibleError,
    error_repr,
    error_text,
    is_invalid_resume,
)
from ...events.vocabulary import (
    START,
    AnswerRefused,
    EffectRecorded,
    NodeCompleted,
    NodeFailed,
    RunFinished,
    StepFailed,
    Write,
)
from ...projections.state.fold import Draft
from ...projections.state.merge import MergeError
from ...projections.state.thread import Line, Task
from ..author.plan import Plan
from .commands import Decision, Ending, MergeWanted, Outcome, Report
from .entering import occupied
from .request import Request
from .stepping import commit_step, drain, merged_cells, start_tasks


def report(request: Request, command: Report) -> Decision:
    """Record what tasks did. When none of the step runs any more: commit the step, or end the run.

    A task that was abandoned with the run that had started it is started again, for the run that took up the step. One
    whose node failed for good and has an error handler goes on with the handler, in the same step.
    """
    line = request.line
    outcomes = [outcome for outcome in command.outcomes if is_open(line, outcome.task)]
    if not command.running and all_completed(line, outcomes):
        return finish_step(request, line, command, outcomes)
    handled = {
        outcome.task: outcome.error for outcome in outcomes if outcome.error and handler_of(request, line, outcome)
    }
    failed = next((outcome for outcome in outcomes if outcome.kind == "failed" and outcome.task not in handled), None)
    draft = request.draft()
    say_effects(draft, command.effects)
    for outcome in outcomes:
        say_outcome(request, draft, outcome)
    if failed is not None:
        error = failed.error
        if isinstance(error, ParentCommand):
            draft.say(RunFinished(status="left"))
            return Decision(draft, ending=Ending("left", error))
        draft.say(RunFinished(status="failed", error=error_repr(error)))
        return Decision(draft, ending=Ending("failed", error))
    if any(outcome.kind == "cancelled" for outcome in outcomes):
        draft.say(RunFinished(status="cancelled"))
        return Decision(draft, ending=Ending("cancelled", asyncio.CancelledError()))
    again = [outcome.task for outcome in outcomes if outcome.kind == "abandoned"]
    if command.blocked and request.terms.drained is None:
        again += [task for task, ns in command.blocked.items() if has_its_turn(draft, task, ns)]
    if request.terms.drained is None and (command.overtaken or not command.running):
        again += answered_beside(draft, {*command.running, *command.blocked, *again})
    if again or handled:
        return replace(start_tasks(draft, [*again, *handled]), causes=handled)
    if command.running:
        return Decision(draft if draft.events else None)
    if request.terms.drained is not None and not all_wait(draft):
        return drain(draft, request.terms.drained)
    draft.say(RunFinished(status="interrupted"))
    return Decision(draft, ending=Ending("interrupted"))


def answered_beside(draft: Draft, others: set[int]) -> list[int]:
    """Tasks besides these that another process recorded an answer for while this one worked on the step."""
    state, line = draft.state, draft.line()
    return [ordinal for ordinal in range(len(line.tasks)) if ordinal not in others and state.unheard(line, ordinal)]


def has_its_turn(draft: Draft, task: int, ns: str) -> bool:
    """True for a task that waited for another one's call in a history that goes on, once that is over."""
    return is_open(draft.line(), task) and not occupied(draft.state, ns)


def all_wait(draft: Draft) -> bool:
    """True when every unfinished task of the open step waits for an answer, its own or one below."""
    line = draft.line()
    open_tasks = [ordinal for ordinal, task in enumerate(line.tasks) if task.completed is None]
    return all(draft.state.waits(line, ordinal) for ordinal in open_tasks)


def finish_step(request: Request, line: Line, command: Report, outcomes: list[Outcome]) -> Decision:
    """Every task of the open step is completed: merge, commit, go on; or fail the step without poisoning it."""
    writes = all_writes(line, outcomes)
    draft = request.draft()
    try:
        cells = merged_cells(request.channels, line.cells, writes, request.merged)
    except MergeError as error:
        return fail_step(request, draft, command, outcomes, error)
    if isinstance(cells, MergeWanted):
        return Decision(merge=cells)
    say_effects(draft, command.effects)
    for outcome in outcomes:
        say_outcome(request, draft, outcome, committed=True)
    return commit_step(request.plan, request.terms, draft, cells)


def fail_step(request: Request, draft: Draft, command: Report, outcomes: list[Outcome], error: MergeError) -> Decision:
    """A conflict or a reducer's error: tasks that wrote to the channel run again, the others keep their work.

    All keep their recorded effects.
    """
    say_effects(draft, command.effects)
    for outcome in outcomes:
        if writes_to(outcome.writes, error.channel):
            say_effects(draft, outcome.effects)
        else:
            say_outcome(request, draft, outcome)
    again = [
        ordinal
        for ordinal, task in enumerate(draft.line().tasks)
        if task.completed is not None and writes_to(task.completed.writes, error.channel)
    ]
    draft.say(StepFailed(error=error_repr(error.cause), tasks=again))
    draft.say(RunFinished(status="failed", error=error_repr(error.cause)))
    return Decision(draft, ending=Ending("failed", error.cause))


def handler_of(request: Request, line: Line, outcome: Outcome) -> str:
    """Name of the error handler that takes over after this outcome; "" for none."""
    return handler_for(request.plan, line.tasks[outcome.task], outcome)


def handler_for(plan: Plan, task: Task, outcome: Outcome) -> str:
    """Name of the error handler that takes over after this outcome of the task; "" for none.

    A handler's own error fails the run, and so does an answer that the node cannot take: it must stay in the log.
    """
    error = outcome.error
    if outcome.kind != "failed" or task.handler or not isinstance(error, Exception):
        return ""
    if isinstance(error, (GraphBubbleUp, QuestionNotReproducibleError)) or is_invalid_resume(error):
        return ""
    node = plan.node(task.node)
    return "" if node is None else node.error_handler or ""


def writes_to(writes: tuple[Write, ...] | list[Write], channel: str) -> bool:
    """True when one of the writes goes to the channel."""
    return any(write.channel == channel for write in writes)


def is_open(line: Line, ordinal: int) -> bool:
    """True for a task of the open step that has not completed: only such a task is reported about."""
    return ordinal < len(line.tasks) and line.tasks[ordinal].completed is None


def all_completed(line: Line, outcomes: list[Outcome]) -> bool:
    """True when the log and these outcomes together complete every task of the open step."""
    done = {outcome.task for outcome in outcomes if outcome.kind == "completed"}
    for ordinal, task in enumerate(line.tasks):  # noqa: SIM110  # once a super-step: no generator for it
        if task.completed is None and ordinal not in done:
            return False
    return True


def all_writes(line: Line, outcomes: list[Outcome]) -> list[Write]:
    """The step's writes in path order: from the log where a task completed early, else from its outcome."""
    by_task: dict[int, tuple[Write, ...]] = {}
    for outcome in outcomes:
        by_task[outcome.task] = outcome.writes
    writes: list[Write] = []
    for ordinal, task in enumerate(line.tasks):
        if task.node == START and line.head is not None:
            writes.extend(line.head.input_writes)
        elif task.completed is not None:
            writes.extend(task.completed.writes)
        else:
            writes.extend(by_task[ordinal])
    return writes


def say_effects(draft: Draft, effects: tuple[EffectRecorded, ...]) -> None:
    """Record effects of tasks that go on."""
    for effect in effects:
        for new in unrecorded(draft, effect.task, (effect,)):
            draft.say(new)


def unrecorded(draft: Draft, task: int, effects: tuple[EffectRecorded, ...]) -> list[EffectRecorded]:
    """Those of a task's effects that the log does not have yet: they come while it goes on and again at its end."""
    known = {effect.place for effect in draft.line().tasks[task].effects if effect.value is not None}
    return [effect for effect in effects if effect.place not in known]


def unheard_below(draft: Draft, ordinal: int) -> list[AnswerRefused]:
    """Refusals of the answers that wait in graphs which a task called before, and ended without calling again."""
    state, line = draft.state, draft.lines[draft.ns]
    if not line.below or not state.answered:
        return []
    return [
        AnswerRefused(ns=below.ns, question=asked.raised.question, reason="question_changed", who=asked.answer.who)
        for called in state.called(line, ordinal)
        for below in state.live_lines(called.ns)
        for task in below.unfinished
        if not task.failed
        for asked in task.questions
        if asked.answer is not None and not asked.withdrawn
    ]


def say_outcome(request: Request, draft: Draft, outcome: Outcome, *, committed: bool = False) -> None:
    """Record one task's outcome: its effects, then what became of it. `committed`: its step is, in this commit."""
    lag = max(0, request.moment.time - outcome.finished_at) if outcome.finished_at else 0
    completed = outcome.kind == "completed"
    for effect in unrecorded(draft, outcome.task, outcome.effects) if outcome.effects else ():
        # A task of a committed step is never entered again: nobody plays back its effects, its writes have the values.
        draft.say(replace(effect, value=None) if committed else effect)
    for withdrawn in outcome.withdrawn:
        draft.say(withdrawn)
    for question in outcome.questions:
        draft.say(question)
    for answer in outcome.answered:
        draft.say(answer)
    if completed:
        for refused in unheard_below(draft, outcome.task):
            draft.record(refused)
        draft.say(
            NodeCompleted(
                task=outcome.task,
                writes=list(outcome.writes),
                routes=list(outcome.routes),
                cached=outcome.cached,
                lag=lag,
            )
        )
    elif outcome.kind == "failed" and not isinstance(outcome.error, ParentCommand):
        handled_by = handler_of(request, draft.line(), outcome)
        draft.say(
            NodeFailed(
                task=outcome.task,
                error=error_repr(outcome.error),
                traceback=outcome.traceback,
                attempt=outcome.attempt,
                handled_by=handled_by,
                handler=draft.line().tasks[outcome.task].handler,
                kind=type(outcome.error).__name__ if handled_by else "",
                message=error_text(outcome.error) if handled_by else "",
                lag=lag,
            )
        )

"""New input, continuing, and a Command given as input."""

from __future__ import annotations

from ...events.errors import EmptyInputError, UnknownCheckpointError
from ...events.vocabulary import (
    START,
    CommandApplied,
    Forked,
    NodeCompleted,
    Payload,
    PlannedTask,
    Route,
    RunFinished,
    RunPaused,
    RunStarted,
    StepAbandoned,
    StepPlanned,
    Write,
)
from ...projections.state.fold import Draft, step_writes
from ...projections.state.merge import MergeError
from ...projections.state.thread import Checkpoint, Line
from .commands import Answer, Apply, Command, Continue, Decision, Edit, Ending, MergeWanted, Settle, Start
from .fitting import check_nodes
from .request import Request
from .stepping import begin_tasks, commit_step, merged_cells, recursion_error
from .upcasting import bring_up, other_schema, say_continued

AT_REST = ("completed", "interrupted", "paused")
"""How a run ends when it is somebody else's turn: a failed or cancelled one may be tried again by its own command."""


def start(request: Request, command: Start) -> Decision:
    """New input begins at START. What is open is withdrawn, and the log says so."""
    draft = request.draft()
    request.see_graph(draft)
    if command.checkpoint:
        stand_at(request, draft, command.checkpoint)
    elif command.stand is not None:
        draft.say(Forked(version=command.stand[0], ordinal=command.stand[1], rerun=False))
    else:
        withdraw(draft)
    bring_up(request, draft, step=False)
    terms = request.terms
    draft.say(
        RunStarted(
            run=terms.run,
            fingerprint=request.plan.fingerprint,
            writes=list(command.writes),
            metadata=terms.metadata,
            durability=terms.durability,
            node=request.plan.entry,
            calling=terms.calling,
            caller=terms.caller,
            place=terms.place,
            process=terms.process,
        )
    )
    if request.plan.entry in terms.interrupt_before:
        return pause_before(draft, request.plan.entry)
    if command.routes:
        draft.say(NodeCompleted(task=0, writes=[], routes=list(command.routes)))
    return go_on(request, draft)


def pause_before(draft: Draft, node: str) -> Decision:
    """Stop at the breakpoint of an entrypoint, which runs in the step that the input opens."""
    draft.say(RunPaused(where="before", nodes=[node]))
    draft.say(RunFinished(status="paused"))
    return Decision(draft, ending=Ending("paused"))


def withdraw(draft: Draft) -> None:
    """Say that what is open is given up, if anything is."""
    line = draft.line()
    if line.tasks:
        asked = draft.state.open_questions(line.ns)
        draft.say(StepAbandoned(questions=[question.raised.question for question in asked]))


def proceed_with(request: Request, command: Continue) -> Decision:
    """`None` as input: at a checkpoint, a new branch from it; else whatever is open."""
    line = request.line
    head = line.head
    if head is None or not (line.run or line.tasks or line.cells or command.checkpoint):
        # An update by hand that wrote nothing and leads nowhere leaves a thread as new as it was.
        raise EmptyInputError(
            f"thread {request.thread!r} has nothing to continue: give it input, as in graph.invoke({{...}}, config)"
        )
    draft = request.draft()
    request.see_graph(draft)
    if command.checkpoint:
        origin = checkpoint_of(request, draft.line(), command.checkpoint)
        if not begins_branch(head, origin):
            draft.say(forked(request, origin))
    elif not draft.line().tasks and other_schema(request, draft, draft.line()) is None:
        return Decision(ending=Ending("completed"))
    say_continued(request, draft, "continue")
    if draft.line().tasks:
        return go_on(request, draft)
    draft.say(RunFinished(status="completed"))
    return Decision(draft, ending=Ending("completed"))


def forked(request: Request, origin: Checkpoint) -> Forked:
    """The event that a branch runs a checkpoint's step anew."""
    return Forked(version=origin.version, ordinal=origin.ordinal, rerun=True, metadata=request.terms.metadata)


def begins_branch(head: Checkpoint, origin: Checkpoint) -> bool:
    """True for the head where it is a branch's first checkpoint and nothing came of it yet: no need to branch again."""
    if origin.address != head.address or origin.source not in ("update", "fork"):
        return False
    return not any(
        task.completed is not None or any(asked.answer is not None for asked in task.questions) for task in origin.tasks
    )


def repeat(request: Request, command: Command) -> Decision:
    """A command whose id the log has: nothing is done twice; work that it began and a crash left is taken up.

    What came to rest rests: a second click passes no breakpoint, and what others did since is not its business.
    """
    state, line = request.state, request.line
    last = state.commands[request.command_id] == state.version
    status = line.run.status if line.run is not None else ""
    open_tasks, due = open_and_due(request)
    if last and due and status == "out_of_steps":
        return Decision(ending=Ending(status, recursion_error(request.terms, (task.node for task in line.unfinished))))
    # Where every task is completed, by work that was recorded late, the step is yet to be committed.
    left = bool(due or (line.tasks and not open_tasks))
    if isinstance(command, Edit) or not last or not left or status in AT_REST or line.head is None:
        return Decision(ending=Ending("repeated"))
    return settle(request, Settle(line.head.address))


def settle(request: Request, command: Settle) -> Decision:
    """Take up what is left of a step whose process is done with it, or dead; wait while it lives.

    What came to rest rests, unless an answer was recorded there that no task was started for.
    """
    busy = at_work(request, command)
    if busy is not None:
        return busy
    state, line = request.state, request.line
    if not state.running:
        open_tasks, due = open_and_due(request)
        moved = line.head is None or line.head.address != command.step
        rests = line.run is None or line.run.status in AT_REST
        unheard = any(state.unheard(line, ordinal) for ordinal in due) if rests and not moved else False
        if moved or not (due or (line.tasks and not open_tasks)) or (rests and not unheard):
            return Decision(ending=Ending("repeated"))
    return take_up(request)


def open_and_due(request: Request) -> tuple[list[int], list[int]]:
    """Ordinals of the open step's tasks that are not completed, and of those among them that wait for no answer."""
    state, line = request.state, request.line
    open_tasks = [ordinal for ordinal, task in enumerate(line.tasks) if task.completed is None]
    return open_tasks, [ordinal for ordinal in open_tasks if not state.waits(line, ordinal)]


def take_up(request: Request) -> Decision:
    """Go on with the open step, whatever of it waits for nothing."""
    state, line = request.state, request.line
    if not state.open_questions(line.ns):
        return proceed_with(request, Continue())
    draft = request.draft()
    request.see_graph(draft)
    check_nodes(request, draft.line())
    say_continued(request, draft, "continue")
    # What the run before left running is waited for.
    due = [ordinal for ordinal in open_and_due(request)[1] if ordinal not in request.running]
    return begin_tasks(request.terms, draft, due) if due else Decision(draft)


def at_work(request: Request, command: Answer | Settle) -> Decision | None:
    """What becomes of a command while another process seems to work on the thread; None where none does.

    That one is looked at first; while it lives, or while nobody can tell, the command waits for it.
    """
    state, run = request.state, request.state.run
    if not state.running or run is None or request.ns:
        return None
    if run.process in ("", request.terms.process):
        return None
    if command.found is None or command.found.process != run.process:
        return Decision(look=run.process, then=command)
    return None if command.found.lives is False else Decision(then=command)


def apply(request: Request, command: Apply) -> Decision:
    """A Command with an update or a goto, as input to a thread that exists: applied to the open step, then on."""
    draft = request.draft()
    request.see_graph(draft)
    if command.checkpoint:
        origin = checkpoint_of(request, draft.line(), command.checkpoint)
        draft.say(forked(request, origin))
    if not (command.writes or command.routes or draft.line().tasks):
        return Decision(ending=Ending("completed"))
    say_continued(request, draft, "command")
    apply_command(draft, command.writes, command.routes)
    if not draft.line().tasks:
        # No step to go on with: the checkpoint has the update, and that is all.
        draft.say(RunFinished(status="completed"))
        return Decision(draft, ending=Ending("completed"))
    return go_on(request, draft)


def apply_command(
    draft: Draft, writes: tuple[Write, ...], routes: tuple[Route, ...], answer: Payload | None = None
) -> None:
    """Say what a Command brings: the open step sees the writes, the targets join it, its first question is answered."""
    if writes or routes or answer is not None:
        draft.say(CommandApplied(writes=list(writes), routes=list(routes), answer=answer))
    line = draft.line()
    due = {task.node for task in line.tasks if task.send < 0}
    wanted = [route for route in routes if route.send or route.node not in due]
    if wanted:
        ordered = sorted(wanted, key=lambda route: (route.send, "" if route.send else route.node))
        tasks = [PlannedTask(route.node, route.send, route.payload, route.timeout) for route in ordered]
        arrivals = {key: list(sources) for key, sources in line.arrivals.items()}
        draft.say(StepPlanned(tasks=tasks, arrivals=arrivals, deferred=list(line.deferred)))


def go_on(request: Request, draft: Draft) -> Decision:
    """Start what is unfinished in the open step; commit the step when nothing is."""
    line = draft.line()
    check_nodes(request, line)
    at_start = bool(line.tasks) and line.tasks[0].node == START
    # What a run before left running belongs to the step it was started in: in a new one nobody waits for it.
    before, head = request.line.head, line.head
    same = before is not None and head is not None and before.address == head.address
    running = request.running if same else frozenset()
    due = [
        ordinal
        for ordinal, task in enumerate(line.tasks)
        if task.completed is None and ordinal not in running and (not at_start or request.plan.start.branches)
    ]
    if due:
        return begin_tasks(request.terms, draft, due)
    if running:
        return Decision(draft)
    try:
        cells = merged_cells(request.channels, line.cells, step_writes(line), request.merged)
    except MergeError as error:
        raise error.cause from error
    if isinstance(cells, MergeWanted):
        return Decision(merge=cells)
    return commit_step(request.plan, request.terms, draft, cells)


def checkpoint_of(request: Request, line: Line, checkpoint: str) -> Checkpoint:
    """The checkpoint of this id; raises `UnknownCheckpointError`."""
    found = line.find(checkpoint)
    if found is None:
        raise UnknownCheckpointError(request.thread, checkpoint)
    return found


def stand_at(request: Request, draft: Draft, checkpoint: str) -> None:
    """Make an earlier checkpoint the head: what is said next branches off there."""
    line = draft.line()
    origin = checkpoint_of(request, line, checkpoint)
    draft.say(Forked(version=origin.version, ordinal=origin.ordinal, rerun=False))

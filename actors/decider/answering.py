"""Answers to questions: each is bound to its question, taken once, or refused with the winner's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from msgspec.structs import replace

from ...events.errors import (
    AlreadyAnsweredError,
    AmbiguousAnswerError,
    NothingToResumeError,
    RefusedError,
    UnknownInterruptError,
)
from ...events.vocabulary import EXIT, Payload, Resumed
from ...projections.state.fold import Draft
from ...projections.state.thread import Line, Question, ThreadState
from .commands import Answer, Decision, Settle
from .fitting import check_nodes
from .request import Request
from .starting import apply_command, at_work, checkpoint_of, go_on
from .stepping import begin_tasks
from .upcasting import say_continued


def answer(request: Request, command: Answer) -> Decision:
    """Take answers to open questions and run their tasks again.

    Without an open question a bare answer passes a static breakpoint, goes on after an update by hand, or tries failed
    tasks again where none was asked, and is there for the first question that the step asks. Else it is refused: the
    question has its answer, and the work on it goes on elsewhere or with `None` as input.
    """
    line = request.line
    if command.checkpoint:
        check_place(request, line, command)
    bound = bind(request, line, command)
    busy = at_work(request, command)
    if busy is not None:
        return busy if busy.look else beside(request, command, bound)
    draft = request.draft()
    request.see_graph(draft)
    check_nodes(request, draft.line())
    say_continued(request, draft, "resume")
    say_answers(request, draft, bound)
    apply_command(draft, command.writes, command.routes, None if bound else command.bare)
    if not bound:
        return go_on(request, draft)
    due = [ordinal for ordinal in due_tasks(request, draft, bound) if ordinal not in request.running]
    return replace(begin_tasks(request.terms, draft, due), answered=tuple(bound))


def beside(request: Request, command: Answer, bound: Mapping[str, Payload]) -> Decision:
    """Record answers while another process works on the step: that one goes on with them, no body runs twice.

    What else a Command says waits until the step is free, and so do answers that no question is open for. All of a
    run that is stored at its end waits: what it has said would be lost to the first append of the one at work.
    """
    line = request.line
    at_end = request.terms.durability == EXIT
    if line.head is None or not bound or command.writes or command.routes or at_end:
        return Decision(then=command)
    check_nodes(request, line)
    draft = request.draft()
    say_answers(request, draft, bound)
    return Decision(draft, answered=tuple(bound), then=Settle(line.head.address, command.found))


def say_answers(request: Request, draft: Draft, bound: Mapping[str, Payload]) -> None:
    """Record the answers, each where its question was asked."""
    places = asked_in(request)
    for question, value in bound.items():
        ns = places.get(question, request.ns)
        draft.record(Resumed(ns=ns, question=question, value=value, who=request.terms.who))


def due_tasks(request: Request, draft: Draft, bound: Mapping[str, Payload]) -> list[int]:
    """Tasks that the answers set going: those asked, themselves or below, and those that wait for nothing."""
    state, before, line = request.state, request.line, draft.line()
    due: list[int] = []
    for ordinal, task in enumerate(line.tasks):
        if task.completed is not None:
            continue
        asked = () if ordinal >= len(before.tasks) else (*task.questions, *state.asked_below(before, ordinal))
        if any(one.raised.question in bound for one in asked) or not draft.state.waits(line, ordinal):
            due.append(ordinal)
    return due


def asked_in(request: Request) -> Mapping[str, str]:
    """The open questions that were asked in graphs below, each to the namespace of its graph."""
    if not request.line.below:
        return {}
    lines = request.state.live_lines(request.ns)
    return {asked.raised.question: line.ns for line in lines for asked in line.open_questions}


def bind(request: Request, line: Line, command: Answer) -> Mapping[str, Payload]:
    """Question id to answer, all of them open; raises the refusal that fits."""
    state = request.state
    questions = {question.raised.question: question for question in state.open_questions(request.ns)}
    if command.bare is not None:
        if len(questions) > 1:
            raise ambiguous(list(questions), strict=command.strict)
        if questions:
            ((question, asked),) = questions.items()
            check_permitted(asked, request.terms.who)
            return {question: command.bare}
        due = bool(line.tasks) and not state.running
        if state.paused_at(request.ns) or (due and (last_answered(state) is None or edited(state, request.ns))):
            return {}
        raise nothing_open(request)
    if not command.answers and not line.tasks:
        raise nothing_open(request)
    if not command.answers and command.strict:
        raise UnknownInterruptError(
            f"the map of answers names no question; open questions: {list(questions) or 'none'}",
            reason="empty_map",
            pending_ids=list(questions),
        )
    for question in command.answers:
        if question not in questions:
            raise not_open(state, question, list(questions), command.answers)
        check_permitted(questions[question], request.terms.who)
    return command.answers


def check_permitted(question: Question, who: str) -> None:
    """Refuse the answer of somebody whom a question is not for.

    Raises:
        RefusedError: the question says who may answer it, and it is not they.
    """
    permitted = question.raised.who
    if permitted and who not in permitted:
        raise RefusedError(
            f"question {question.raised.question!r} may be answered by {', '.join(permitted)}; "
            + (f"{who!r} is none of them" if who else "say who answers")
        )


def edited(state: ThreadState, ns: str = "") -> bool:
    """True when a graph, or one inside, stands where it was updated by hand: what was asked will be asked again."""
    return any(line.head is not None and line.head.source == "update" for line in state.live_lines(ns))


def ambiguous(questions: list[str], *, strict: bool) -> RefusedError:
    """The refusal of one answer where several questions are open."""
    refusal = AmbiguousAnswerError(questions)
    return UnknownInterruptError(str(refusal), reason="ambiguous", pending_ids=questions) if strict else refusal


def nothing_open(request: Request) -> RefusedError:
    """The refusal of an answer to a thread that asks nothing."""
    if request.state.version < 0:
        return NothingToResumeError(
            f"thread {request.thread!r} does not exist: an answer needs a thread that waits; check the thread_id"
        )
    last = last_answered(request.state)
    if last is not None:
        return already(request.state, last)
    work = "unfinished work: continue it with None as input" if request.line.tasks else "nothing to continue"
    return NothingToResumeError(f"thread {request.thread!r} has no open question and {work}; give it new input instead")


def not_open(state: ThreadState, question: str, open_questions: list[str], named: Iterable[str] = ()) -> RefusedError:
    """The refusal of an answer to a question that is not open: answered by whom, or never asked."""
    for answered in reversed(state.answered):
        if answered.raised.question == question:
            return already(state, answered)
    return UnknownInterruptError(
        f"question {question!r} is not open; open questions: {open_questions or 'none'}",
        interrupt_ids=[one for one in named if one not in open_questions] or [question],
        pending_ids=open_questions,
    )


def already(state: ThreadState, question: Question) -> AlreadyAnsweredError:
    """The refusal that names who answered first."""
    at = datetime.fromtimestamp(question.answered_at / 1_000_000, UTC).isoformat(timespec="milliseconds")
    unfinished = (task for line in state.live_lines() for task in line.unfinished)
    failed = next((task for task in unfinished if task.failed and question in task.questions), None)
    advice = ""
    if failed is not None:
        advice = (
            f"; node {failed.node!r} raised with that answer: mend its code and continue with None as input, ask again "
            "with invoke(None, config of an earlier checkpoint), or write its result with update_state"
        )
    return AlreadyAnsweredError(question.raised.question, question.answered_by, at, advice)


def check_place(request: Request, line: Line, command: Answer) -> None:
    """An answer sent to a checkpoint: taken at the head, refused at one whose questions had their answers."""
    place = checkpoint_of(request, line, command.checkpoint)
    head = line.head
    if head is not None and place.address == head.address:
        return
    for task in place.tasks:
        for question in reversed(task.questions):
            if question.answer is not None:
                raise already(request.state, question)
    raise NothingToResumeError(
        f"checkpoint {command.checkpoint!r} of thread {request.thread!r} asks nothing; "
        "continue from it with None as input, or answer the thread without a checkpoint_id"
    )


def last_answered(state: ThreadState) -> Question | None:
    """The question that was answered last since the last new input, if one was."""
    last = state.answered[-1] if state.answered else None
    return last if last is not None and last.answered_at > state.turn_started else None

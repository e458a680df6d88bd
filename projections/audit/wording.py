"""What a line of a thread's story says of an event. One function for each event; a test keeps the table complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from ...events.vocabulary import (
    AnswerRefused,
    CommandApplied,
    EffectRecorded,
    Forked,
    GraphSeen,
    InterruptRaised,
    NodeCompleted,
    NodeFailed,
    NodeStarted,
    QuestionDrifted,
    QuestionEscalated,
    QuestionExpired,
    QuestionReassigned,
    QuestionWithdrawn,
    Resumed,
    Route,
    RunContinued,
    RunFinished,
    RunPaused,
    RunStarted,
    StateUpcast,
    StateUpdated,
    StepAbandoned,
    StepCommitted,
    StepFailed,
    StepPlanned,
    Taken,
    ThreadErased,
    Unknown,
    ValueSaved,
    Write,
)
from .values import clipped, payload_words

Wording = Callable[[Any, int], str]
"""From an event and the number of characters a value may take, to words."""

_REASONS = {"continue": "goes on", "resume": "goes on with an answer", "command": "goes on with a command"}


def words(event: Any, characters_max: int) -> str:
    """What the event says, in at most `characters_max` characters."""
    return clipped(WORDINGS[type(event)](event, characters_max), characters_max)


def _writes(writes: Iterable[Write], characters_max: int) -> str:
    said = (
        f"{write.channel}{' replaced by' if write.overwrite else ':'} {payload_words(write.payload, characters_max)}"
        for write in writes
    )
    return "; ".join(said) or "nothing"


def _targets(routes: Iterable[Route]) -> str:
    return ", ".join(f"{route.node} (sent)" if route.send else route.node for route in routes)


def _with_routes(said: str, routes: list[Route]) -> str:
    return f"{said}; then {_targets(routes)}" if routes else said


def _graph_seen(event: GraphSeen, _: int) -> str:
    return f"graph {event.name!r} with nodes {', '.join(event.nodes)}"


def _run_started(event: RunStarted, characters_max: int) -> str:
    return f"input {_writes(event.writes, characters_max)}"


def _run_continued(event: RunContinued, _: int) -> str:
    return _REASONS.get(event.reason, event.reason)


def _command_applied(event: CommandApplied, characters_max: int) -> str:
    return _with_routes(f"wrote {_writes(event.writes, characters_max)}", event.routes)


def _run_paused(event: RunPaused, _: int) -> str:
    return f"breakpoint {event.where} {', '.join(event.nodes)}"


def _run_finished(event: RunFinished, _: int) -> str:
    said = event.status if not event.error else f"{event.status}: {event.error}"
    return f"{said}; joins that still wait: {', '.join(event.joins_waiting)}" if event.joins_waiting else said


def _value_saved(event: ValueSaved, characters_max: int) -> str:
    return f"saved {payload_words(event.value, characters_max)}"


def _taken(event: Taken, _: int) -> str:
    return f"taken over by {event.owner}, epoch {event.epoch}"


def _step_planned(event: StepPlanned, _: int) -> str:
    due = ", ".join(f"{task.node} (sent)" if task.send else task.node for task in event.tasks) or "nothing"
    return f"next {due}; deferred {', '.join(event.deferred)}" if event.deferred else f"next {due}"


def _node_started(event: NodeStarted, _: int) -> str:
    return f"attempt {event.attempt}"


def _effect_recorded(event: EffectRecorded, characters_max: int) -> str:
    if event.error is not None:
        return f"{event.name} raised {event.error}"
    if event.value is None:  # its result stands in the task's own writes
        return f"{event.name} finished"
    return f"{event.name} gave {payload_words(event.value, characters_max)}"


def _node_completed(event: NodeCompleted, characters_max: int) -> str:
    said = f"wrote {_writes(event.writes, characters_max)}"
    return _with_routes(f"{said} (from the cache)" if event.cached else said, event.routes)


def _node_failed(event: NodeFailed, _: int) -> str:
    said = f"attempt {event.attempt}: {event.error}"
    if event.handled_by:
        return f"{said}; handled by {event.handled_by}"
    return f"{said}; again at {_clock(event.retry_at)}" if event.retry_at else said


def _step_committed(event: StepCommitted, _: int) -> str:
    return "checkpoint"


def _step_failed(event: StepFailed, _: int) -> str:
    return event.error


def _step_abandoned(event: StepAbandoned, _: int) -> str:
    return f"new input; open questions withdrawn: {len(event.questions)}"


def _interrupt_raised(event: InterruptRaised, characters_max: int) -> str:
    said = f"asks {payload_words(event.value, characters_max)}"
    said = f"{said} until {_clock(event.deadline)}" if event.deadline else said
    return f"{said} of {', '.join(event.who)}" if event.who else said


def _resumed(event: Resumed, characters_max: int) -> str:
    said = f"answer {payload_words(event.value, characters_max)}"
    return f"{said} ({event.comment})" if event.comment else said


def _answer_refused(event: AnswerRefused, _: int) -> str:
    return f"answer refused: {event.reason}"


def _question_withdrawn(event: QuestionWithdrawn, _: int) -> str:
    return f"question withdrawn: {event.reason or 'no reason given'}"


def _question_expired(event: QuestionExpired, _: int) -> str:
    return "question expired"


def _question_escalated(event: QuestionEscalated, _: int) -> str:
    return f"question also brought to {', '.join(event.who)}"


def _question_reassigned(event: QuestionReassigned, _: int) -> str:
    return f"question given to {', '.join(event.who)}"


def _question_drifted(event: QuestionDrifted, characters_max: int) -> str:
    return f"answer given to another question: {payload_words(event.value, characters_max)}"


def _state_updated(event: StateUpdated, characters_max: int) -> str:
    updates = (
        _with_routes(f"as {update.as_node} wrote {_writes(update.writes, characters_max)}", update.routes)
        for update in event.updates
    )
    return " | ".join(updates) or "nothing"


def _state_upcast(event: StateUpcast, characters_max: int) -> str:
    return f"state brought to the graph's schema: {_writes(event.writes, characters_max)}"


def _forked(event: Forked, _: int) -> str:
    again = "runs again" if event.rerun else "goes on otherwise"
    return f"branch: {again} from version {event.version}, checkpoint {event.ordinal}"


def _thread_erased(event: ThreadErased, _: int) -> str:
    return f"life {event.epoch + 1} of the thread: what was before is erased" if event.epoch else "personal data erased"


def _unknown(event: Unknown, _: int) -> str:
    return f"event {event.tag} of a newer clew: upgrade to read it"


def _clock(microseconds: int) -> str:
    try:
        return datetime.fromtimestamp(microseconds / 1_000_000, UTC).isoformat(" ", "seconds")
    except (OverflowError, OSError, ValueError):  # a caller's deadline beyond the calendar
        return f"{microseconds} microseconds after 1970"


WORDINGS: dict[type, Wording] = {
    GraphSeen: _graph_seen,
    RunStarted: _run_started,
    RunContinued: _run_continued,
    CommandApplied: _command_applied,
    RunPaused: _run_paused,
    RunFinished: _run_finished,
    ValueSaved: _value_saved,
    Taken: _taken,
    StepPlanned: _step_planned,
    NodeStarted: _node_started,
    EffectRecorded: _effect_recorded,
    NodeCompleted: _node_completed,
    NodeFailed: _node_failed,
    StepCommitted: _step_committed,
    StepFailed: _step_failed,
    StepAbandoned: _step_abandoned,
    InterruptRaised: _interrupt_raised,
    Resumed: _resumed,
    AnswerRefused: _answer_refused,
    QuestionWithdrawn: _question_withdrawn,
    QuestionExpired: _question_expired,
    QuestionEscalated: _question_escalated,
    QuestionReassigned: _question_reassigned,
    QuestionDrifted: _question_drifted,
    StateUpcast: _state_upcast,
    StateUpdated: _state_updated,
    Forked: _forked,
    ThreadErased: _thread_erased,
    Unknown: _unknown,
}
"""Every event that can stand in a log, those of a newer clew included."""

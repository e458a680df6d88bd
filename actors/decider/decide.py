"""The decider's one entry: a request and a command give a decision, or a refusal is raised and nothing changes."""

from __future__ import annotations

from typing import assert_never

from ...events.errors import RefusedError, ThreadErasedError, error_repr
from ...events.vocabulary import RunFinished
from . import answering, editing, entering, reporting, starting
from .commands import Answer, Apply, Command, Continue, Decision, Edit, Ending, Enter, Report, Settle, Start, Stop
from .request import Request
from .upcasting import Wanted


def decide(request: Request, command: Command) -> Decision:
    """What the command leads to on the thread as it stands.

    Pure: the same request and command give the same events. Raises a `RefusedError` (or what merging an input raised)
    when the thread does not take the command; then nothing is to be written.
    """
    state = request.state
    if state.erased:
        raise ThreadErasedError(request.thread)
    if state.unknown:
        raise RefusedError(
            f"thread {request.thread!r} holds events of a newer clew: it can be read here, not changed; upgrade clew"
        )
    if isinstance(command, Report):
        return reporting.report(request, command)
    try:
        if request.command_id in state.commands and not isinstance(command, (Stop, Enter, Settle)):
            return starting.repeat(request, command)
        return _begun(request, command)
    except Wanted as wanted:
        return Decision(merge=wanted.upcast)


def _begun(request: Request, command: Start | Continue | Answer | Settle | Apply | Enter | Edit | Stop) -> Decision:
    match command:
        case Start():
            return starting.start(request, command)
        case Continue():
            return starting.proceed_with(request, command)
        case Answer():
            return answering.answer(request, command)
        case Settle():
            return starting.settle(request, command)
        case Apply():
            return starting.apply(request, command)
        case Enter():
            return entering.enter(request, command)
        case Edit():
            return editing.edit(request, command)
        case Stop():
            return stop(request, command)
        case _:
            assert_never(command)


def stop(request: Request, command: Stop) -> Decision:
    """End the run at its last commit: the log says that it was stopped. What another run took over is left alone."""
    current = request.state.run
    if not request.state.running or current is None or current.id != request.terms.run:
        return Decision(ending=Ending(command.status, command.error))
    draft = request.draft()
    draft.say(RunFinished(status=command.status, error="" if command.error is None else error_repr(command.error)))
    return Decision(draft, ending=Ending(command.status, command.error))

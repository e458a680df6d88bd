"""Waiting for another process: an answer is recorded beside the run of one that lives, which goes on with it.

A run that waits keeps no other answer from its thread, nor anybody who takes over: at each look they go first.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ....events.errors import StaleVersionError, StillRunningError, StoreError
from ....projections.state.thread import ThreadState
from ...decider.commands import Answer, Continue, Ending, Found, Settle
from ..run import Run
from . import processes
from .processes import QUIET_SECONDS, look_after


class LookAgain(Struct, frozen=True):
    """The dispatcher's message when a run that waits for another process is to look what that one has done."""

    run: Run
    command: Answer | Settle


class Beside:
    """What an actor does for a run whose thread another process works on."""

    def _lives(self, process: str) -> bool | None:
        return processes.lives(process)

    def _look_at(self: Any, run: Run, process: str, command: Answer | Settle) -> None:
        """Decide a command with what a look at the process finds."""
        self._decide(run, replace(command, found=Found(process, self._lives(process))))

    def _wait_beside(self: Any, run: Run, command: Answer | Settle) -> None:
        """Have the command decided when the other process has done something, or is gone."""
        now, version = run.progress.clock(), self.state.version
        if run.quiet is None or run.quiet[0] != version:
            run.quiet = (version, now)
        idle = now - run.quiet[1]
        if idle <= QUIET_SECONDS:
            self.dispatcher.later(look_after(idle), self, LookAgain(run, command))
        elif command.found is not None and command.found.lives is None:
            # Of another machine nobody knows better than that it has done nothing for so long.
            self._decide(run, replace(command, found=Found(command.found.process, False)))
        else:
            error = StillRunningError(self.thread, QUIET_SECONDS, answers_on_record(run, self.state))
            self._end(run, Ending("failed", error))

    def _look_again(self: Any, message: LookAgain) -> None:
        run = message.run
        if run.over:
            return
        if self._must_wait(run):
            self._later(message)
            return
        try:
            self.refresh()
        except StoreError:
            self._wait_beside(run, message.command)
            return
        if run.over:
            return
        command = replace(message.command, found=None)
        passing = [*takewhile(_may_pass, self.waiting)]
        if not passing:
            self._decide(run, command)
            return
        # The book is left as at a run's end: who passes keeps it. New inputs and edits stay behind, in their order.
        run.unsettled = command
        run.progress.leave()
        self._close(run.progress)
        self.run = None
        self.waiting = [*passing, run, *self.waiting[len(passing) :]]

    def _overtaken(self: Any, run: Run, expected: int) -> StaleVersionError:
        """The error of a run that others have taken the thread from; it says what stays on record."""
        return StaleVersionError(self.thread, expected, self.state.version, answers_on_record(run, self.state))


def _may_pass(run: Run) -> bool:
    """True for a run that would not wait behind another one if that were another process's."""
    return isinstance(run.command, (Answer, Continue))


def answers_on_record(run: Run, state: ThreadState) -> tuple[str, ...]:
    """The questions that the run's caller has answered, as far as the log has the answers."""
    while run.outer is not None:
        run = run.outer
    command = run.command
    if not isinstance(command, Answer):
        return ()
    given = command.answers
    if command.bare is not None and run.before is not None:
        given = [question.raised.question for question in run.before.open_questions()]
    said = {question.raised.question for question in state.answered}
    return tuple(question for question in given if question in said)

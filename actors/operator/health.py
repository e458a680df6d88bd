"""What is wrong with a store, as far as it can be seen from outside: broken logs, heads that lie, runs nobody runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from ...events.chain.store import verify_threads
from ...events.codec.values import Codec
from ...events.errors import CipherError, ClewError
from ...events.stores.saver import BaseCheckpointSaver
from ...events.stores.store import RUNNING, ThreadHead
from ...projections.inbox.summary import encode_questions
from ...projections.state.merge import Channels
from ...projections.state.thread import ThreadState
from ..engine.log import ThreadLog
from ..engine.work import processes

Level = Literal["note", "bad"]
LATE_SECONDS = 600
"""How long a running thread may commit nothing before it is noted."""


class HealthFinding(Struct, frozen=True):
    """One thing that was looked at."""

    level: Level
    """"bad" for what must not be, "note" for what somebody should look at."""
    what: str
    """What it is about: "chain", "head", "run", "question" or "version"."""
    thread: str
    message: str
    """What was found, and what to do."""


def look_at_thread(saver: BaseCheckpointSaver, head: ThreadHead, now: int) -> Iterator[HealthFinding]:
    """What is wrong with one thread; nothing where all is well.

    Args:
        saver: where it is.
        head: the thread, as the store has it.
        now: microseconds since the epoch.
    """
    thread = head.thread
    broken = False
    for checked in verify_threads(saver.store, [thread], saver.tenant, cipher=saver.cipher):
        for found in checked.findings:
            broken = True
            yield HealthFinding("bad", "chain", thread, f"version {found.version}, {found.kind}: {found.message}")
    if broken:
        return
    log = ThreadLog(saver.store, thread, saver.tenant, saver.cipher)
    try:
        state = log.load(Codec(), Channels({}))
    except CipherError:
        return
    except ClewError as error:
        yield HealthFinding("bad", "chain", thread, str(error))
        return
    if state.version != head.version:
        return  # it went on meanwhile
    yield from _of_head(head, state)
    yield from _of_run(head, state, now)
    for question in state.open_questions():
        if 0 < question.raised.deadline < now:
            yield HealthFinding(
                "note", "question", thread, f"question {question.raised.question[:8]} is past its deadline"
            )
    if state.unknown:
        yield HealthFinding(
            "note", "version", thread, "it holds events of a newer clew: it can be read, not changed; upgrade"
        )


def _of_head(head: ThreadHead, state: ThreadState) -> Iterator[HealthFinding]:
    known = head.head
    if (known.status, known.epoch) != (state.status, state.epoch):
        told, is_so = (known.status, known.epoch), (state.status, state.epoch)
        yield HealthFinding("bad", "head", head.thread, f"its head says status and epoch {told}, its log says {is_so}")
    if known.questions != encode_questions(state):
        yield HealthFinding(
            "bad", "head", head.thread, "its head lists other questions than its log: the inbox is wrong for it"
        )


def _of_run(head: ThreadHead, state: ThreadState, now: int) -> Iterator[HealthFinding]:
    run = state.run
    if head.head.status != RUNNING or run is None:
        return
    seconds = (now - head.head.updated) // 1_000_000
    lives = processes.lives(run.process) if run.process else None
    if lives is False:
        yield HealthFinding("note", "run", head.thread, "the process that ran it is dead: go on with it, clew retry")
    elif lives is None and seconds > LATE_SECONDS:
        yield HealthFinding(
            "note", "run", head.thread, f"it runs and has committed nothing for {seconds} s: does its process live?"
        )

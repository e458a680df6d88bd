"""What threads ask, from their logs: the whole question, and who answered one that is not open any more."""

from __future__ import annotations

from collections.abc import Iterator

from ...events.codec.values import Codec
from ...events.errors import AlreadyAnsweredError, ClewError
from ...events.stores.saver import THREADS_LISTED_MAX, BaseCheckpointSaver
from ...events.stores.store import WAITING
from ...projections.inbox.listing import InboxItem, inbox_items
from ...projections.state.merge import Channels
from ...projections.state.thread import Question, ThreadState
from ..decider.answering import already
from ..engine.log import ThreadLog


def inbox(saver: BaseCheckpointSaver, limit: int = THREADS_LISTED_MAX) -> list[InboxItem]:
    """The open questions of all threads that rest, the one that waits longest first. No log is read.

    Args:
        saver: where the threads are.
        limit: of how many threads at most: those whose last commit is oldest.
    """
    return inbox_items(saver.store.heads(WAITING, limit, newest_first=False, tenant=saver.tenant))


def open_questions(saver: BaseCheckpointSaver, thread: str) -> dict[str, Question]:
    """What a thread asks now, by the questions' ids: what was asked, its schema, when, who may answer.

    Raises:
        CorruptCommitError: its log is not what clew wrote.
        CipherError: it is encrypted and no key is at hand.
    """
    return {question.raised.question: question for question in _state(saver, thread).open_questions()}


def refusal_of(saver: BaseCheckpointSaver, question: str, thread: str | None = None) -> AlreadyAnsweredError | None:
    """The error that names who answered a question first; None where it is on no record.

    Looks through the logs of all threads for one that holds the question, those touched last first.

    Args:
        saver: where the threads are.
        question: its id, or the beginning of it.
        thread: the thread that asked, where it is known.
    """
    for name in (thread,) if thread is not None else _threads_with(saver, question):
        state = _state(saver, name)
        for asked in reversed(state.answered):
            if asked.raised.question.startswith(question):
                return already(state, asked)
    return None


def _threads_with(saver: BaseCheckpointSaver, text: str) -> Iterator[str]:
    """Threads in whose commits a text stands. Nothing is decoded to find out."""
    sought = text.encode("utf-8", "surrogatepass")
    for head in saver.store.heads(limit=THREADS_LISTED_MAX, tenant=saver.tenant):
        try:
            for row in saver.store.read(head.thread, tenant=saver.tenant):
                body = row.body
                if saver.cipher is not None:
                    body = saver.cipher.open(body, head.thread, row.version, saver.tenant)
                if sought in body:
                    yield head.thread
                    break
        except ClewError:  # one thread that cannot be read is not the one that is sought
            continue


def _state(saver: BaseCheckpointSaver, thread: str) -> ThreadState:
    return ThreadLog(saver.store, thread, saver.tenant, saver.cipher).load(Codec(), Channels({}))

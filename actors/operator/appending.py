"""The one append that no thread actor makes: a few events on a thread whose graph is not at hand.

It says events on a draft as the actor's decider does, by the same fold, encodes and chains them by the same code, and
expects the version that it read: an actor that works on the thread, in any process, sees it as another writer's commit.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

from ...events.codec.values import Codec
from ...events.errors import RefusedError, StaleVersionError, ThreadErasedError, UnknownThreadError
from ...events.stores.saver import BaseCheckpointSaver
from ...events.vocabulary import Commit
from ...projections.state.fold import Draft
from ...projections.state.merge import Channels
from ...projections.state.thread import ThreadState
from ..engine.log import ThreadLog

TRIES_MAX: Final = 32
"""How often it is decided anew because the thread moved on meanwhile."""


def append(saver: BaseCheckpointSaver, thread: str, say: Callable[[Draft], None], who: str) -> ThreadState:
    """Have `say` say events on the thread as it is, and append them as one commit; the state after it.

    Args:
        saver: where the thread is.
        thread: its id.
        say: pure; called again on what is there then, where another writer was faster. It raises a refusal.
        who: who does it, for the log.

    Raises:
        UnknownThreadError: there is no such thread.
        ThreadErasedError: it was erased.
        RefusedError: `say` refused, or a newer clew wrote to the thread.
        StaleVersionError: others were faster every time.
        OutcomeUnknownError: the store did not answer: look before you do it again.
    """
    log, codec, channels = ThreadLog(saver.store, thread, saver.tenant, saver.cipher), Codec(), Channels({})
    state: ThreadState | None = None
    tried = 0
    while True:
        head = saver.store.head(thread, saver.tenant)
        if head is None:
            raise UnknownThreadError(thread)
        state = log.load(codec, channels, state)
        if state.erased:
            raise ThreadErasedError(thread)
        if state.unknown:
            raise RefusedError(
                f"thread {thread!r} holds events of a newer clew: it can be read here, not changed; upgrade clew"
            )
        now = max(time.time_ns() // 1000, state.time + 1 + state.checkpoints_made // 10)
        draft = Draft(state, channels, now, os.urandom(16))
        say(draft)
        commit = Commit(draft.entropy, now, draft.events, actor=who)
        after = draft.finish()
        try:
            saver.store.append(log.entry(commit, state, after, codec, head.head.graph))
        except StaleVersionError:
            tried += 1
            if tried == TRIES_MAX:
                raise
        else:
            return after

"""Actors that share a few threads: a turn runs on a worker, or on the thread of whoever has the time.

An idle actor is an object, not a thread: a hundred thousand of them fit on two workers. A turn is exclusive: the right
to run it is a token that is taken without waiting. pykka's registry is a list searched from end to end, so actors here
are not registered in it; the runtime keeps its own dictionary.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import abstractmethod
from heapq import heappop, heappush
from itertools import count
from queue import SimpleQueue
from typing import Any

import pykka
from pykka._envelope import Envelope

WORKERS = 2
"""Dispatcher threads. More do not help under the interpreter lock: they get in each other's way."""
TURN_MAX = 64
"""Messages an actor handles in one turn on a worker before others have theirs."""

logger = logging.getLogger("clew")


class Dispatcher:
    """Runs turns of actors on a few worker threads, started at the first use."""

    def __init__(self, workers: int = WORKERS) -> None:
        self._queue: SimpleQueue[PooledActor | None] = SimpleQueue()
        self._workers_max = workers
        self._workers: list[threading.Thread] = []
        self._timed: list[tuple[float, int, PooledActor, Any]] = []
        """Messages for later, soonest first: monotonic seconds, order of coming, actor, message."""
        self._timer: threading.Thread | None = None
        self._order = count()
        self._closed = False
        self._changed = threading.Condition()
        """Guards all of these, so that nothing is queued behind the end; the timer waits for news at it."""

    def submit(self, actor: PooledActor) -> None:
        """Have the actor's turn run on a worker, soon; at once and here when there are no workers any more."""
        with self._changed:
            if not self._closed:
                self._start()
                self._queue.put(actor)
                return
        actor.turn()

    def later(self, seconds: float, actor: PooledActor, message: Any) -> None:
        """Give an actor a message after a while, and have a worker run its turn; not at all once closed."""
        with self._changed:
            if self._closed:
                return
            heappush(self._timed, (time.monotonic() + seconds, next(self._order), actor, message))
            if self._timer is None:
                self._timer = threading.Thread(target=self._run_timer, name="clew-timer", daemon=True)
                self._timer.start()
            self._changed.notify()

    def close(self) -> None:
        """End the workers once they have done what is queued; what was to come later does not."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            for _ in self._workers:
                self._queue.put(None)
        for thread in (self._timer, *self._workers):
            if thread is not None and thread is not threading.current_thread():
                thread.join(timeout=10)

    def _start(self) -> None:
        while len(self._workers) < self._workers_max:
            name = f"clew-dispatcher-{len(self._workers)}"
            worker = threading.Thread(target=self._run, name=name, daemon=True)
            worker.start()
            self._workers.append(worker)

    def _run_timer(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (not self._timed or self._timed[0][0] > time.monotonic()):
                    self._changed.wait(self._timed[0][0] - time.monotonic() if self._timed else None)
                if self._closed:
                    return
                _, _, actor, message = heappop(self._timed)
            # Not here: a turn may wait for a disk, and others want their time kept.
            actor.actor_inbox.put(message)

    def _run(self) -> None:
        while (actor := self._queue.get()) is not None:
            actor.turn(TURN_MAX)


class Inbox:
    """An actor's messages. pykka's refs put envelopes here, which wakes a worker; `offer` does without."""

    __slots__ = ("actor", "messages")

    def __init__(self, actor: PooledActor) -> None:
        self.actor = actor
        self.messages: list[Any] = []

    def put(self, envelope: Envelope[Any], /) -> None:
        """Add a message and have a worker run the actor's turn (pykka's protocol)."""
        self.messages.append(envelope)
        self.actor.dispatcher.submit(self.actor)

    def get(self) -> Envelope[Any]:
        """The next envelope (pykka's protocol)."""
        return self.messages.pop(0)

    def empty(self) -> bool:
        """True when no message waits (pykka's protocol)."""
        return not self.messages


class _Stopped:
    """What pykka asks of an Event, without the Event."""

    def __init__(self, stopped: bool) -> None:
        self._stopped = stopped

    def is_set(self) -> bool:
        return self._stopped


class PooledActor(pykka.Actor):
    """A pykka actor without a thread of its own.

    `on_receive` handles one message at a time, never two at once, in the order of arrival. Which thread runs it does
    not matter: a dispatcher worker, the thread that offered the message, a node's worker.
    """

    dispatcher: Dispatcher
    # The three that pykka declares as plain attributes are narrower or made on demand here.
    actor_inbox: Inbox

    def __init__(self, dispatcher: Dispatcher) -> None:
        # pykka's own __init__ makes a uuid4 and an Event (a kilobyte, 5 µs) that an unregistered actor does not need.
        self.dispatcher = dispatcher
        self.actor_inbox = Inbox(self)  # type: ignore[assignment]
        self._token: list[None] = [None]
        """Holds one element while nobody runs a turn; `pop` takes it, atomically under the interpreter lock."""
        self._stopped = False

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """pykka's name for the actor; unique while it lives."""
        return f"urn:clew:actor:{id(self):x}"

    @property
    def actor_stopped(self) -> _Stopped:  # type: ignore[override]
        """pykka's flag: `is_set()` once the actor was stopped."""
        return _Stopped(self._stopped)

    @property
    def actor_ref(self) -> pykka.ActorRef[Any]:
        """A pykka reference to this actor, made when asked for."""
        return pykka.ActorRef(self)

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise NotImplementedError("a pooled actor makes its inbox itself")

    @staticmethod
    def _create_future() -> Any:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        """Nothing to start: turns come with messages."""

    @abstractmethod
    def on_receive(self, message: Any) -> Any:
        """Handle one message."""

    def offer(self, message: Any) -> None:
        """Add a message and run the actor's turn on this thread, unless another thread is running it already."""
        self.actor_inbox.messages.append(message)
        self.turn()

    def turn(self, messages_max: int | None = None) -> None:
        """Handle waiting messages on this thread until there are none; return at once when another thread is at it."""
        token, messages = self._token, self.actor_inbox.messages
        while messages:
            try:
                token.pop()
            except IndexError:
                return
            try:
                handled = self._handle_waiting(messages_max)
            finally:
                token.append(None)
            if handled == messages_max:
                self.dispatcher.submit(self)
                return
        # A message that came between the last look and the token's return is seen by the loop's condition.

    def _handle_waiting(self, messages_max: int | None) -> int:
        messages = self.actor_inbox.messages
        handled = 0
        while messages and handled != messages_max:
            message = messages.pop(0)
            handled += 1
            if type(message) is Envelope:
                self._handle_envelope(message)
                continue
            try:
                self.on_receive(message)
            except BaseException as error:
                # pykka would stop every actor of the process here; one actor's trouble stays its own.
                self.on_trouble(message, error)
        while True:
            try:
                self.on_idle()
                return handled
            except BaseException as error:
                # Trouble with one thing that was left must not keep the next one waiting.
                self.on_trouble(None, error)

    def on_idle(self) -> None:
        """Called at the end of a turn, still exclusively: nothing waits in the inbox."""

    def on_trouble(self, message: Any, error: BaseException) -> None:
        """Called when handling a message raised: a bug, since refusals are delivered, not raised.

        `message` is None for what `on_idle` raised; whatever raised must be out of the way afterwards.
        """
        logger.error("unhandled error in %s", self, exc_info=error)

    def _handle_envelope(self, envelope: Envelope[Any]) -> None:
        try:
            reply = self._handle_receive(envelope.message)
        except BaseException as error:
            if envelope.reply_to is not None:
                envelope.reply_to.set_exception((type(error), error, error.__traceback__))
            else:
                self.on_trouble(envelope.message, error)
        else:
            if envelope.reply_to is not None:
                envelope.reply_to.set(reply)

    def _stop(self) -> None:
        self._stopped = True
        self.on_stop()

    def __str__(self) -> str:
        return type(self).__name__

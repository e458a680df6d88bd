"""Pooled actors: turns never overlap, messages keep their order, none is lost, and one actor's trouble is its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pykka
import pytest
from clew.actors.engine.dispatcher import Dispatcher, PooledActor


class Recorder(PooledActor):
    """Remembers what it was told, and whether two turns ever overlapped."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__(dispatcher)
        self.seen: list[tuple[int, int]] = []
        self.overlaps = 0
        self._inside = False

    def on_receive(self, message: tuple[int, int]) -> int:
        self.overlaps += self._inside
        self._inside = True
        self.seen.append(message)
        self._inside = False
        return len(self.seen)


class Troubled(PooledActor):
    """Raises whatever it is told."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__(dispatcher)
        self.troubles: list[BaseException] = []
        self.handled = 0

    def on_receive(self, message: BaseException | None) -> None:
        self.handled += 1
        if message is not None:
            raise message

    def on_trouble(self, message: object, error: BaseException) -> None:
        self.troubles.append(error)


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    opened = Dispatcher()
    yield opened
    opened.close()


def test_an_idle_actors_turn_runs_on_the_thread_that_offers(dispatcher: Dispatcher) -> None:
    threads: list[int] = []

    class Where(PooledActor):
        def on_receive(self, message: object) -> None:
            threads.append(threading.get_ident())

    Where(dispatcher).offer("here")
    assert threads == [threading.get_ident()]


def test_pykkas_refs_work_and_run_on_a_worker(dispatcher: Dispatcher) -> None:
    actor = Recorder(dispatcher)
    ref = actor.actor_ref
    assert isinstance(ref, pykka.ActorRef)
    assert ref.ask((0, 0), timeout=10) == 1
    ref.tell((0, 1))
    assert ref.ask((0, 2), timeout=10) == 3
    assert actor.seen == [(0, 0), (0, 1), (0, 2)]


def test_an_exception_reaches_who_asked(dispatcher: Dispatcher) -> None:
    actor = Troubled(dispatcher)
    with pytest.raises(ValueError, match="asked"):
        actor.actor_ref.ask(ValueError("asked"), timeout=10)
    assert actor.troubles == []


@pytest.mark.parametrize("error", [ValueError("told"), KeyboardInterrupt(), SystemExit(1)])
def test_a_raised_error_stops_neither_its_actor_nor_any_other(dispatcher: Dispatcher, error: BaseException) -> None:
    actor, other = Troubled(dispatcher), Recorder(dispatcher)
    actor.offer(error)
    actor.offer(None)
    other.offer((0, 0))
    assert actor.troubles == [error]
    assert actor.handled == 2
    assert other.seen == [(0, 0)]


def test_an_error_at_the_end_of_a_turn_stops_nobody(dispatcher: Dispatcher) -> None:
    class Restless(Troubled):
        left = 0

        def on_receive(self, message: object) -> None:
            self.left += 1

        def on_idle(self) -> None:
            if self.left:
                self.left -= 1
                raise LookupError("at the end of a turn")

    actor, others = Restless(dispatcher), [Recorder(dispatcher) for _ in range(4)]
    actor.actor_inbox.messages.extend([None, None])
    for _ in range(4):
        dispatcher.submit(actor)
    assert [other.actor_ref.ask((0, 0), timeout=10) for other in others] == [1] * 4
    assert [str(trouble) for trouble in actor.troubles] == ["at the end of a turn"] * 2


def test_a_message_for_later_comes_on_a_worker(dispatcher: Dispatcher) -> None:
    came = threading.Event()
    threads: list[str] = []

    class Timed(PooledActor):
        def on_receive(self, message: object) -> None:
            threads.append(threading.current_thread().name)
            came.set()

    dispatcher.later(0.001, Timed(dispatcher), None)
    assert came.wait(10)
    assert threads[0].startswith("clew-dispatcher")


@pytest.mark.usefixtures("eager_switching")
def test_closing_leaves_no_thread_whatever_comes_meanwhile() -> None:
    for _ in range(30):
        closing = Dispatcher()
        actor = Recorder(closing)
        closing.later(0.0, actor, (0, 0))
        busy = threading.Thread(target=lambda actor=actor: [actor.actor_ref.tell((1, n)) for n in range(20)])
        busy.start()
        closing.close()
        busy.join(10)
        assert not any(thread.is_alive() for thread in (*closing._workers, closing._timer) if thread is not None)
        assert [number for who, number in actor.seen if who == 1] == list(range(20))


@pytest.mark.usefixtures("eager_switching")
def test_nothing_is_lost_reordered_or_overlapped_under_many_producers(dispatcher: Dispatcher) -> None:
    actors = [Recorder(dispatcher) for _ in range(10)]
    messages, producers = 300, 8

    def produce(producer: int) -> None:
        for number in range(messages):
            for actor in actors:
                if (producer + number) % 2:
                    actor.offer((producer, number))
                else:
                    actor.actor_ref.tell((producer, number))

    threads = [threading.Thread(target=produce, args=(producer,)) for producer in range(producers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for actor in actors:
        actor.actor_ref.ask((-1, -1), timeout=30)
        assert actor.overlaps == 0
        assert len(actor.seen) == producers * messages + 1
        for producer in range(producers):
            assert [number for who, number in actor.seen if who == producer] == list(range(messages))

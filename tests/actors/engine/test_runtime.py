"""Which actors a runtime keeps, and how few it looks at to know."""

from typing import TypedDict

import pytest
from clew import InMemorySaver, Runtime
from clew.actors.engine.thread import ThreadActor
from clew.events.stores.saver import BaseCheckpointSaver

from tests.support.stories import on, one_node


class State(TypedDict, total=False):
    number: int


class LookedAt(ThreadActor):
    """An actor that counts how often any is asked whether it is idle."""

    looks = 0

    @property
    def idle(self) -> bool:
        LookedAt.looks += 1
        return super().idle


class Watched(Runtime):
    actor_type = LookedAt

    def use(self, saver: BaseCheckpointSaver, threads: range) -> int:
        """Run each thread once; returns how many actors were looked at."""
        LookedAt.looks = 0
        graph = one_node(lambda state: {"number": 1}, State).compile(checkpointer=saver, runtime=self)
        for number in threads:
            graph.invoke({}, on(f"thread {number}"))
        return LookedAt.looks


@pytest.mark.parametrize("kept", [10, 300])
def test_a_new_thread_beyond_the_most_looks_at_the_one_that_goes(kept: int) -> None:
    saver = InMemorySaver()
    with Watched(active_max=kept, idle_seconds=3_600) as runtime:
        assert runtime.use(saver, range(kept)) == 0
        assert runtime.use(saver, range(kept, kept + 50)) == 50
        assert runtime.health().active == kept
        assert runtime.known(saver, "thread 49") is None, "the longest unused go"
        assert runtime.known(saver, "thread 50") is not None


def test_idle_actors_go_once_their_time_is_up_and_no_younger_one_is_looked_at() -> None:
    saver = InMemorySaver()
    with Watched(idle_seconds=3_600) as runtime:
        runtime.use(saver, range(10))
        for number in range(3):
            actor = runtime.known(saver, f"thread {number}")
            assert actor is not None
            actor.last_used -= 7_200
        LookedAt.looks = 0
        assert runtime.passivate(3_600) == 3
        assert LookedAt.looks == 3
        assert runtime.passivate() == 7
        assert runtime.health().active == 0

"""Many orders of the same things: all of them, or as many as there is time for, then some at random."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

from ....events.stores.store import Store
from ..laws import comparable
from .choosing import Exhaustively
from .simulation import Graph, Move, Simulation

SCHEDULES_MAX = int(os.environ.get("CLEW_SCHEDULES", "300"))
"""Orders that `explore` tries when it is not told how many; the nightly run sets thousands."""


@final
@dataclass(frozen=True)
class Exploration:
    """What was tried."""

    schedules: int
    """Orders that were tried."""
    complete: bool
    """True when these were all there are."""
    crashes: int
    """Crashes in all of them together."""
    steps: int
    """Steps in all of them together."""


def explore(
    graph: Graph,
    *clients: Sequence[Move],
    check: Callable[[Simulation], None] | None = None,
    begin: Callable[[], None] | None = None,
    processes: int = 1,
    crashes_max: int = 1,
    schedules_max: int | None = None,
    same_end: bool | None = None,
    store: Callable[[], Store] | None = None,
) -> Exploration:
    """Run the same clients in every order of nodes, reports, answers, waits and crashes, checking each.

    Half of the orders are tried systematically, beginning with those in which nothing is late; if these are not all,
    the other half is drawn at random, always the same ones. Nothing sleeps and nothing runs beside anything else.

    Args:
        graph: any compiled graph, whose checkpointer is not used, or a function that makes one for each process.
        clients: what each says, as `Simulation` takes it.
        check: called with each simulation when it has come to its end; raises to fail.
        begin: called before each simulation: to empty a ledger, to reset a fake.
        processes: how many serve the clients.
        crashes_max: crashes in one order.
        schedules_max: orders to try, 300 if not given (or the environment variable CLEW_SCHEDULES).
        same_end: whether every order must end in the same values and the same open questions. By default where there is
            one client.
        store: makes the store of each simulation; by default one in memory.

    Raises:
        SimulationFailed: a law, the same end, or `check` does not hold; the message has the schedule and the log.
    """
    limit = SCHEDULES_MAX if schedules_max is None else schedules_max
    alike = len(clients) == 1 if same_end is None else same_end
    chooser, complete = Exhaustively(), False
    tried = crashes = steps = 0
    wanted: Any = None
    while tried < limit and not complete:
        if begin is not None:
            begin()
        simulation = Simulation(
            graph,
            *clients,
            processes=processes,
            crashes_max=crashes_max,
            store=None if store is None else store(),
        )
        simulation.run(chooser if tried * 2 < limit or wanted is None else tried)
        if wanted is None:
            wanted = end_of(simulation)
        if alike and end_of(simulation) != wanted:
            raise simulation.failure(
                f"this order ends in {end_of(simulation)}, an order in which nothing is late in {wanted}"
            )
        if check is not None:
            try:
                check(simulation)
            except Exception as error:
                raise simulation.failure(f"{type(error).__name__}: {error}") from error
        tried, crashes, steps = tried + 1, crashes + simulation.crashes, steps + len(simulation.schedule)
        if tried * 2 <= limit:
            complete = not chooser.again()
    return Exploration(tried, complete, crashes, steps)


def end_of(simulation: Simulation) -> Any:
    """How a thread stands at the end: values without ids that are made by chance, what is due, what is asked."""
    state = simulation.state
    return comparable(state.values), state.next, sorted(repr(asked.value) for asked in state.interrupts)

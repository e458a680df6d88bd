"""Testing graphs: given/when/then, every order of things, crashes everywhere, stores that fail, logs as fixtures.

`ScriptedModel` answers from a script. `given` plays one thread; `Simulation` and `explore` take its steps in any
order; `graph_machine` has Hypothesis look for an order that fails; `crash_everywhere` kills real processes.
`FaultyStore` fails at the n-th call; `StoreContract` is what a store must do, `VaultContract` what a vault of keys.
`save_log` and `load_log` keep a thread's log for a later test; `assert_fits` holds a graph to recorded threads. Install
the `testing` extra.
"""

from typing import TYPE_CHECKING

from clew.actors.kit.crash.everywhere import CrashFailed, CrashReport, SqliteFiles, crash_everywhere
from clew.actors.kit.crash.sites import SITES
from clew.actors.kit.faulty_store import Fault, FaultyStore, faulty_saver
from clew.actors.kit.fitting import assert_fits
from clew.actors.kit.machine.play import MachineFailed, replay_failure
from clew.actors.kit.readable import Said, said
from clew.actors.kit.recorded_log import RecordedLog, load_log, save_log
from clew.actors.kit.scenario import (
    Fact,
    Scenario,
    answered,
    asked,
    crashed,
    given,
    passed,
    raised,
    returned,
    started,
    updated,
)
from clew.actors.kit.script import Rule, after_tool, call, in_order, otherwise, reply_to, when
from clew.actors.kit.scripted_model import ScriptedModel
from clew.actors.kit.simulation.choosing import ScheduleMismatch
from clew.actors.kit.simulation.clock import VirtualClock
from clew.actors.kit.simulation.exploring import Exploration, explore
from clew.actors.kit.simulation.processes import Crash
from clew.actors.kit.simulation.simulation import Simulation, SimulationFailed
from clew.actors.kit.store_contract import StoreContract
from clew.actors.kit.vault_contract import VaultContract
from clew.events.later import later as _later

if TYPE_CHECKING:
    from clew.actors.kit.machine.inputs import inputs_of
    from clew.actors.kit.machine.machine import graph_machine
    from clew.actors.kit.strategies.events import commits, events
    from clew.actors.kit.strategies.same import same
    from clew.actors.kit.strategies.values import messages, values

__all__ = [
    "SITES",
    "Crash",
    "CrashFailed",
    "CrashReport",
    "Exploration",
    "Fact",
    "Fault",
    "FaultyStore",
    "MachineFailed",
    "RecordedLog",
    "Rule",
    "Said",
    "Scenario",
    "ScheduleMismatch",
    "ScriptedModel",
    "Simulation",
    "SimulationFailed",
    "SqliteFiles",
    "StoreContract",
    "VaultContract",
    "VirtualClock",
    "after_tool",
    "answered",
    "asked",
    "assert_fits",
    "call",
    "commits",
    "crash_everywhere",
    "crashed",
    "events",
    "explore",
    "faulty_saver",
    "given",
    "graph_machine",
    "in_order",
    "inputs_of",
    "load_log",
    "messages",
    "otherwise",
    "passed",
    "raised",
    "replay_failure",
    "reply_to",
    "returned",
    "said",
    "same",
    "save_log",
    "started",
    "updated",
    "values",
    "when",
]

_LATER = {
    "commits": "clew.actors.kit.strategies.events",
    "events": "clew.actors.kit.strategies.events",
    "graph_machine": "clew.actors.kit.machine.machine",
    "inputs_of": "clew.actors.kit.machine.inputs",
    "messages": "clew.actors.kit.strategies.values",
    "same": "clew.actors.kit.strategies.same",
    "values": "clew.actors.kit.strategies.values",
}

__getattr__, __dir__ = _later(__name__, _LATER)

"""R14: a recorded thread replays to the same state, byte for byte, whatever the process that replays it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from clew import START, Command, Send, StateGraph, interrupt
from clew.checkpoint import SqliteSaver

from .replayed import Log, digests
from .sizes import sized

THREADS = sized(200, 5_000)
PROCESSES = (
    ((), {"PYTHONHASHSEED": "1", "TZ": "Asia/Kolkata"}),
    (("-O",), {"PYTHONHASHSEED": "2", "LC_ALL": "tr_TR.UTF-8"}),
    (("-OO",), {"PYTHONHASHSEED": "random", "TZ": "Pacific/Chatham", "LANG": "C"}),
)


def record(path: Path) -> dict[str, str]:
    """Threads of many shapes, some finished, some waiting, some forked; the digest of each as the live run has it."""
    chance = random.Random(14)
    with SqliteSaver.from_conn_string(str(path), durability="os") as saver:
        builder = StateGraph(Log)
        builder.add_node("fan", lambda state: {"log": ["fan"], "by_name": {"fan": 1.5}})
        builder.add_node("leaf", lambda state: {"log": [f"leaf {state['n']}"], "tags": {str(state["n"]), "leaf"}})
        builder.add_node("ask", lambda state: {"log": [interrupt({"how many": len(state["log"])})]})
        builder.add_edge(START, "fan").add_edge("leaf", "ask")
        builder.add_conditional_edges("fan", lambda state: [Send("leaf", {"n": n}) for n in range(len(state["log"]))])
        graph = builder.compile(checkpointer=saver)
        for number in range(THREADS):
            config = {"configurable": {"thread_id": f"t{number}"}}
            graph.invoke({"log": ["ä"] * chance.randint(1, 4), "tags": {"in"}}, config)
            if chance.random() < 0.6:
                graph.invoke(Command(resume=chance.random()), config)
            if chance.random() < 0.3:
                graph.update_state(config, {"by_name": {"fork": number}})
        return digests(saver)


@pytest.mark.slow
def test_other_processes_replay_the_same_states(tmp_path: Path, report_figure: Callable[[str], None]) -> None:
    path = tmp_path / "threads.sqlite"
    live = record(path)
    assert len(set(live.values())) == THREADS
    for options, settings in PROCESSES:
        command = [sys.executable, *options, "-m", "tests.guarantees.replayed", str(path)]
        environment = {**os.environ, **settings}
        said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert said.returncode == 0, said.stderr
        replayed = dict(line.split() for line in said.stdout.splitlines())
        assert replayed == live, (options, settings)
    report_figure(f"R14: {THREADS} threads replayed in {len(PROCESSES)} other processes, every state byte-equal")

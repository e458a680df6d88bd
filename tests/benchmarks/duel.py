"""Two workers take turns at one case: one round of clew, one of the peer, and again (A B A B …).

Only one of them runs at a time, so neither disturbs the other, and both see the same machine over the same minutes.
"""

import json
import subprocess
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from .bench import Amount, Workload
from .measuring import Case, Played, Round

ANSWER_SECONDS_MAX = 1_800
"""Longest wait for one round, or for the warm-up before the first."""


class WorkerError(Exception):
    """A worker failed or did not answer; the message names the case and quotes the worker."""


class Worker:
    """A running worker process, as its parent sees it; used by one thread, closed by leaving the context."""

    def __init__(self, interpreter: str, case: dict[str, Any]) -> None:
        self.case = case
        command = [interpreter, str(Path(__file__).with_name("worker.py")), json.dumps(case)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._rounds: list[Round] = []
        self._description: dict[str, Any] = {}

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def get_ready(self) -> None:
        """Wait until the worker has opened its store and warmed up."""
        self._description = self._answer("ready")

    def play_round(self) -> None:
        """Let the worker play its next round, and wait for it."""
        self._order("round")
        played = self._answer("round")
        played["lap_seconds"] = tuple(played["lap_seconds"])
        self._rounds.append(Round(**played))

    def finish(self) -> Played:
        """Let the worker close its store, count its bytes and leave."""
        self._order("end")
        end = self._answer("end")
        self._process.wait(timeout=ANSWER_SECONDS_MAX)
        return Played(tuple(self._rounds), end["facts"], end["bytes"], self._description)

    def _order(self, order: str) -> None:
        if self._process.stdin is None:
            raise WorkerError(f"{self._name} has no input pipe")
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()

    def _answer(self, kind: str) -> dict[str, Any]:
        if self._process.stdout is None:
            raise WorkerError(f"{self._name} has no output pipe")
        killer = threading.Timer(ANSWER_SECONDS_MAX, self._process.kill)
        killer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            killer.cancel()
        message = json.loads(line) if line else {"error": f"no answer (exit code {self._process.wait()})"}
        if kind not in message:
            raise WorkerError(f"{self._name}: {message.get('error')}\n{message.get('traceback', '')}".rstrip())
        return message[kind]

    @property
    def _name(self) -> str:
        case = self.case
        return f"worker {case['engine']} in {case['workload']} ({case['amount']['size']}, {case['store']})"


def play(workload: Workload, amount: Amount, store: str, contestants: Sequence[tuple[str, str, str]]) -> Case:
    """Run one case to its end.

    Args:
        workload: What to do.
        amount: How much of it.
        store: Where it is kept.
        contestants: (engine, interpreter, location) of each, in the order of their turns.

    Raises:
        WorkerError: A worker failed; the others are stopped.
    """
    with ExitStack() as running:
        workers: dict[str, Worker] = {}
        for engine, interpreter, location in contestants:
            case = {"engine": engine, "workload": workload.name, "store": store, "location": location}
            worker = Worker(interpreter, case | {"amount": asdict(amount)})
            workers[engine] = running.enter_context(worker)
            worker.get_ready()
        for _ in range(amount.rounds):
            for worker in workers.values():
                worker.play_round()
        played = {engine: worker.finish() for engine, worker in workers.items()}
    return Case(workload.name, workload.unit, amount.size, store, played)

"""One process for one engine: plays a workload round by round, when the other side of its pipe says so.

Started by `duel`, as a script, by the engine's own interpreter. A line on standard input is an order, `round` or
`end`; the answer is one line of JSON on the descriptor that was standard output (prints go to standard error).
"""

import gc
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

if not __package__:  # run as a script: make the folder above importable, and only that one
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.bench import Amount, Bench, Workload
from benchmarks.engines import Engine
from benchmarks.stores import bytes_stored, durability, opened_saver
from benchmarks.workloads import BY_NAME


def main() -> int:
    """Play the case described by the one argument, a JSON object; gives the exit code."""
    answers = _take_standard_output()
    case = json.loads(sys.argv[1])
    try:
        _play(case, answers)
    except Exception as error:
        _say(answers, {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()})
        return 1
    return 0


def _play(case: dict[str, Any], answers: TextIO) -> None:
    store, location = case["store"], case["location"]
    engine = Engine(case["engine"])
    workload, amount = BY_NAME[case["workload"]], Amount(**case["amount"])
    with ExitStack() as opened:
        saver = opened.enter_context(opened_saver(engine, store, location))
        bench = Bench(engine=engine, saver=saver, store=store, amount=amount, location=location)
        playing = workload.play(bench)
        next(playing)  # up to its first yield: set-up and warm-up
        _say(answers, {"ready": _description(engine, durability(saver, store, location))})
        _obey(workload, bench, playing, answers)
    _say(answers, {"end": {"facts": bench.facts, "bytes": bytes_stored(store, location)}})


def _obey(workload: Workload, bench: Bench, playing: Iterator[None], answers: TextIO) -> None:
    for order in sys.stdin:
        if order.strip() == "end":
            return
        _say(answers, {"round": _one_round(workload, bench, playing)})


def _one_round(workload: Workload, bench: Bench, playing: Iterator[None]) -> dict[str, Any]:
    """Play one round with a clean heap before it, and collection on during it, as in a real process."""
    del bench.lap_seconds[:]
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    next(playing)
    return {
        "cpu_seconds": time.process_time() - cpu,
        "wall_seconds": time.perf_counter() - wall,
        "lap_seconds": bench.lap_seconds.tolist(),
        "units": len(bench.lap_seconds) * workload.units_per_lap(bench.amount),
    }


def _description(engine: Engine, promised: dict[str, str]) -> dict[str, Any]:
    return {"python": platform.python_version(), "versions": engine.versions(), "durability": promised}


def _take_standard_output() -> TextIO:
    """Keep the pipe for answers and send every print, of the engine or of native code, to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _say(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())

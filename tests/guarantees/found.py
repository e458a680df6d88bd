"""Logs of what the plan's lines found: `found/GRAPH/CASE.jsonl`, saved by the run that failed, replayed ever after."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clew.actors.kit.crash.lives import Case, Left, Life, Story, whole_end
from clew.actors.kit.laws import broken_laws
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.testing import RecordedLog, load_log

from . import town
from .histories import Operation

FOUND = Path(__file__).parent / "found"
TOWN = "town"
"""Folder of threads whose histories cannot be: with what clients did on them, as they were told."""
KEPT_MAX = 5
"""Logs that one run keeps."""


def problems_of(path: Path, graph: Any, moves: Any) -> list[str]:
    """Go on from a saved log as the next process would, to the conversation's end: what does not hold there."""
    log = load_log(path)
    made, saver = graph(), InMemorySaver()
    log.put_into(saver.store, made)
    wanted = lived(made, moves, InMemorySaver(), log.thread).end()
    acknowledged = [(row.version, row.digest.hex()) for row in log.rows]
    return lived(made, moves, saver, log.thread).problems(Left(Case(log.thread), acknowledged), wanted)


def lived(graph: Any, moves: Any, saver: BaseCheckpointSaver, thread: str) -> Life:
    """A process's life, in this process."""
    story = Story(graph, list(moves), lambda case: saver, whole_end)
    life = Life(story, Case(thread), ExitStack(), lambda said: None)
    life.converse()
    return life


def keep(
    problems: Sequence[str], done: Sequence[Operation], saver: BaseCheckpointSaver, folder: Path = FOUND
) -> list[Path]:
    """Save the logs of threads that anomalies name, the first few, each with what clients did on it."""
    named = [re.match(r"thread ((?:talk|gate) [\d ]*\d)", problem) for problem in problems]
    threads = dict.fromkeys(match[1] for match in named if match)
    saved: list[Path] = []
    for thread in list(threads)[:KEPT_MAX]:
        note = "; ".join(problem for problem in problems if problem.startswith(f"thread {thread}"))
        steps = [asdict(one) for one in done if one.thread == thread]
        log = RecordedLog.of(saver, thread, note=note, steps=steps, plain=True)
        saved.append(log.save(folder / TOWN / f"{thread.replace(' ', '-')}.jsonl"))
    return saved


def problems_of_town(path: Path) -> list[str]:
    """Put a saved thread of the town into a store and go on with it: what does not hold of its log then."""
    log, saver = load_log(path), InMemorySaver()
    made = town.graph(saver)
    log.put_into(saver.store, made)
    town.words(made, [log.thread])
    rows = saver.store.read(log.thread, tenant=log.tenant)
    commits = RecordedLog.of(saver, log.thread).commits(made.codec)
    return broken_laws(rows, commits, log.thread, log.tenant)

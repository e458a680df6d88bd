"""Logs of what the plan's lines found: `found/GRAPH/CASE.jsonl`, saved by the run that failed, replayed ever after."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from clew.actors.kit.crash.lives import Case, Left, Life, Story, whole_end
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.testing import load_log

FOUND = Path(__file__).parent / "found"


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

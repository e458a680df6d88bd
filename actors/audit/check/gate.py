"""The deploy gate: a graph against recorded threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ....events.privacy.cipher import Cipher
from ...doors.compiled import CompiledStateGraph
from ..source import Recording, Source
from .bodies import check_bodies
from .corpus import PAUSED, Corpus
from .guard import EffectRefused, Guard
from .paths import Situation
from .report import CheckReport, allowed_verdicts
from .standing import check_standing
from .verdicts import ThreadVerdict, Verdict
from .walk import Walk


def check_graph(
    graph: CompiledStateGraph,
    source: Source,
    *,
    threads: str | Iterable[str] = PAUSED,
    sample: int | None = None,
    bodies: bool = False,
    allow: Iterable[str] = (),
    graphs: Iterable[str] | None = None,
    configurable: Mapping[str, Any] | None = None,
    context: Any = None,
    tenant: str | None = None,
    cipher: Cipher | None = None,
    progress: Callable[[ThreadVerdict], None] | None = None,
) -> CheckReport:
    """Check what a graph would do with recorded threads, before it is deployed.

    Each thread's log is gone through event by event: every value is read, every merge and every path function is made
    again on the state that is on record, every step is planned again, and what the thread waits for is looked for in
    the graph. What nodes returned and people answered is taken from the log. Nothing is written, and no body runs,
    unless `bodies` has those run that have asked something, up to their question: recorded effects are played back, and
    new ones, sockets, programs and writes to files are refused.

    Args:
        graph: the new code.
        source: where the threads are: a graph with a saver, a saver, a store, an exported file, or a folder of such.
        threads: "paused" (with something open), "all", or ids.
        sample: so many of them, the same ones each time.
        bodies: run the nodes that have asked something up to their question.
        allow: verdicts that pass besides "same".
        graphs: names of the graphs that last worked on the threads; the graph's own name by default.
        configurable: entries of `configurable` for code that reads some; scalars are on record and need not be given.
        context: for code that reads the run's context.
        tenant: whose threads; the saver's own by default.
        cipher: what opens sealed commits; the saver's own by default.
        progress: told of each thread as it is done.

    Raises:
        EmptyCorpusError: there is no such thread; that is no pass.
        UnknownThreadError: a thread that was named is not there.
        ValueError: `allow`, `threads` or `sample` is not right.
    """
    allowed = allowed_verdicts(allow)
    names = (graph.plan.name,) if graphs is None and isinstance(threads, str) else graphs
    corpus = Corpus(source, threads, graphs=names, sample=sample, tenant=tenant, cipher=cipher)
    found: list[ThreadVerdict] = []
    for verdict in check_threads(graph, corpus, bodies=bodies, configurable=configurable, context=context):
        found.append(verdict)
        if progress is not None:
            progress(verdict)
    return CheckReport(graph.plan.name, tuple(found), allowed, bodies)


def check_threads(
    graph: CompiledStateGraph,
    threads: Iterable[Recording],
    *,
    bodies: bool = False,
    configurable: Mapping[str, Any] | None = None,
    context: Any = None,
) -> Iterator[ThreadVerdict]:
    """A verdict for each thread, one at a time."""
    for recording in threads:
        yield check_thread(graph, recording, bodies=bodies, configurable=configurable, context=context)


def check_thread(
    graph: CompiledStateGraph,
    recording: Recording,
    *,
    bodies: bool = False,
    configurable: Mapping[str, Any] | None = None,
    context: Any = None,
) -> ThreadVerdict:
    """What a graph would do with one thread; see `check_graph`."""
    situation = Situation(recording.thread, configurable or {}, graph.context_of(context))
    walk = Walk(graph, recording, situation)
    # Before the guard is up: a key may have to be fetched.
    walk.read()
    try:
        with Guard() as guard:
            walk.go()
            check_standing(walk, bodies=bodies)
            if guard.refused:  # also where the code made something of it
                walk.say(Verdict.NOT_CHECKED, f"code that only reads the state needs {guard.refused[0]}")
            elif bodies:
                check_bodies(walk, graph, guard)
    except EffectRefused as refused:  # in a reducer, a class of values, an upcaster
        walk.say(Verdict.NOT_CHECKED, f"code that only reads the state: {refused}")
    except Exception as error:  # of one thread, which must not hide what becomes of the others
        walk.say(Verdict.NOT_CHECKED, f"the check of this thread failed: {type(error).__name__}: {error}")
    return ThreadVerdict(recording.thread, tuple(walk.differences), walk.events, recording.tenant)

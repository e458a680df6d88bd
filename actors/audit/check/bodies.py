"""Nodes that wait, run again up to their question: on a copy of the thread, in memory, under the guard.

The engine itself runs them, as a resume would: recorded effects are played back, answers on record are given. What is
new is refused, and then nothing is said of the thread but that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ....events.codec.commits import ID_SIZE, decode_commit
from ....events.errors import ClewError, GraphBubbleUp, GraphChangedError, QuestionNotReproducibleError
from ....events.stores.memory import MemoryStore
from ....events.stores.saver import BaseCheckpointSaver
from ....events.stores.store import Entry, Head, Row
from ....events.vocabulary import AnswerRefused, InterruptRaised, NodeFailed, QuestionDrifted
from ....projections.audit.values import payload_words, value_words
from ....projections.state.thread import Question, ThreadState
from ...author.plan import Plan
from ...doors.compiled import CompiledStateGraph
from ...doors.setup import Setup
from ...doors.subgraphs import reachable
from ...engine.log import ThreadLog
from ...engine.runtime import Runtime
from ...memory.base import BaseStore
from ...memory.items import Op, PutOp, Result
from .guard import Guard
from .paths import beside_loops
from .standing import waiting_tasks
from .verdicts import Verdict
from .walk import Walk

WORDS_MAX = 200


def check_bodies(walk: Walk, graph: CompiledStateGraph, guard: Guard) -> None:
    """Run the nodes that have asked something, and say where they ask something else now.

    Only where nothing was found that keeps the thread from going on. Nothing is left of what they did.
    """
    hindered = (Verdict.CANNOT_DECODE, Verdict.NODE_GONE)
    if any(found.verdict in hindered for found in walk.differences):
        return
    waiting = [task for _, task in waiting_tasks(walk)]
    if not waiting:
        return
    store, last = copied(walk.plain), walk.state
    error: BaseException | None = None
    with Runtime() as runtime:
        copy = _on(graph, store, walk.recording.tenant, runtime, guard)
        try:
            _continue(copy, walk)
        except BaseException as raised:
            if isinstance(raised, (KeyboardInterrupt, SystemExit)):
                raise
            error = raised
    if guard.refused:
        node = waiting[0].node
        walk.say(Verdict.NOT_CHECKED, f"its body needs a new effect: {guard.refused[0]}", node=node)
        return
    _compare(walk, last, store, error)


def copied(rows: Iterable[Row]) -> MemoryStore:
    """A store in memory with a thread's commits."""
    store = MemoryStore()
    for row in rows:
        entry = Entry(row.thread, row.version - 1, row.digest[:ID_SIZE], row.digest, row.body, Head(), row.tenant)
        store.append(entry)
    return store


def _on(graph: CompiledStateGraph, store: MemoryStore, tenant: str, runtime: Runtime, guard: Guard) -> Any:
    """The graph with everything in it that reaches outside put out of reach."""
    memory = None if graph.store is None else ReadOnly(graph.store, guard)
    saver = BaseCheckpointSaver(store, tenant=tenant)
    return graph.copy({"checkpointer": saver, "cache": None, "store": memory, "_runtime": runtime})


def _continue(graph: CompiledStateGraph, walk: Walk) -> None:
    """Have the open step's nodes run, and nothing after them."""
    at = walk.situation
    config: Any = {"configurable": {**at.given, "thread_id": walk.recording.thread}}
    options: Any = {"context": at.context, "interrupt_after": "*"}
    if has_async(graph):
        beside_loops(lambda: graph.ainvoke(None, config, **options))
    else:
        graph.invoke(None, config, **options)


def has_async(graph: Setup) -> bool:
    """True when part of the graph, or of one inside, needs an event loop, or may (the tools of a ToolNode)."""
    plans: Iterable[Plan] = (graph.plan, *(inner.plan for inner in reachable(graph.plan)))
    nodes = [node for plan in plans for node in (plan.start, *plan.nodes.values())]
    return any(
        node.callee.is_async
        or (node.callee.acall is not None and node.subgraph is None)
        or any(branch.path.is_async for branch in node.branches)
        for node in nodes
    )


def _compare(walk: Walk, before: ThreadState, store: MemoryStore, error: BaseException | None) -> None:
    """Say what the nodes ask now, where it is not what they asked."""
    log = ThreadLog(store, walk.recording.thread, walk.recording.tenant)
    # Sealed commits are chained anew in the copy: nothing there follows from the state as it was read.
    after = log.load(walk.graph.codec, walk.graph.channels, before if walk.recording.cipher is None else None)
    rows = store.read(log.thread, after=before.version, tenant=log.tenant)
    commits = (decode_commit(row.body, walk.graph.codec, thread=log.thread, version=row.version) for row in rows)
    events = [event for commit in commits for event in commit.events]
    was = {asked.raised.question: asked for asked in before.open_questions()}
    now = {asked.raised.question: asked for asked in after.open_questions()}
    gone = [asked for question, asked in was.items() if question not in now]
    fresh = [event for event in events if isinstance(event, InterruptRaised)]
    refused = [event for event in events if isinstance(event, (AnswerRefused, QuestionDrifted))]
    if isinstance(error, QuestionNotReproducibleError):
        walk.say(Verdict.QUESTION_CHANGED, f"it asks something else than what was answered: {error}")
    elif gone or refused:
        _say_changed(walk, before, gone, refused, fresh)
    elif isinstance(error, GraphChangedError):
        walk.say(Verdict.NODE_GONE, str(error))
    elif error is not None and not _failed_before(before, error):
        what = f"it raises {type(error).__name__}: {error}" if not isinstance(error, ClewError) else str(error)
        failed = next((event for event in events if isinstance(event, NodeFailed)), None)
        walk.say(Verdict.DIVERGES, f"going on, {what}", now=None if failed is None else failed.error)


def _say_changed(
    walk: Walk,
    before: ThreadState,
    gone: list[Question],
    refused: list[AnswerRefused | QuestionDrifted],
    fresh: list[InterruptRaised],
) -> None:
    asks = [payload_words(event.value, WORDS_MAX) for event in fresh]
    answered = {
        asked.raised.question: asked for _, task in waiting_tasks(walk) for asked in task.questions if asked.answer
    }
    earlier = [answered[event.question] for event in refused if event.question in answered]
    asked = [value_words(one.raised.value.value, WORDS_MAX) for one in (*earlier, *gone)]
    if asks and asks == asked:
        what = f"it asks {', '.join(asks)} with another schema of the answer"
    elif asks:
        what = f"it asks {', '.join(asks)}" + (f" in place of {', '.join(asked)}" if asked else "")
    else:
        what = f"it does not ask {', '.join(asked)} any more"
    walk.say(Verdict.QUESTION_CHANGED, what, recorded=asked, now=asks)


def _failed_before(before: ThreadState, error: BaseException) -> bool:
    """True when a task of the thread failed with this very error: that is on record."""
    if isinstance(error, GraphBubbleUp):
        return False
    failures = [task.failed.error for line in before.live_lines() for task in line.unfinished if task.failed]
    return repr(error) in failures


class ReadOnly(BaseStore):
    """A long-term store that can be read and refuses every write."""

    def __init__(self, store: BaseStore, guard: Guard) -> None:
        self._store = store
        self._guard = guard

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """As the store, without writes."""
        return self._store.batch(self._read(ops))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As the store, without writes."""
        return await self._store.abatch(self._read(ops))

    def _read(self, ops: Iterable[Op]) -> list[Op]:
        asked = list(ops)
        for op in asked:
            if isinstance(op, PutOp):
                self._guard.refuse(f"writing {op.key!r} to the long-term store")
        return asked

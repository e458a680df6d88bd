"""What user code that only reads the state says of a recorded one: path functions, and what nodes would be given."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import copy_context
from types import FunctionType
from typing import Any, final

from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.runnables.config import var_child_runnable_config

from ....events.codec.digest import canonical_digest
from ....events.codec.values import Codec
from ....events.vocabulary import START, Command, Payload, Route, Send, Write
from ....projections.channels.cells import Cells
from ....projections.state.merge import Channels, read_values
from ....projections.state.thread import Line, Question, remaining
from ...author.hints import underlying_function
from ...author.plan import Branch, Node, StateView
from ...author.returns import Returned, beyond_view, branch_routes
from ...doors.config import RECURSION_LIMIT
from ...doors.setup import Setup
from ...doors.subgraphs import names_in
from ...engine.call import current_scope
from ...engine.context import NodeRuntime


@final
class Situation:
    """What code that is asked would have around it: the thread's config as far as it is on record."""

    def __init__(self, thread: str, given: Mapping[str, Any], context: Any) -> None:
        self.thread = thread
        self.given = given
        """Entries of `configurable`, for code that reads some."""
        self.context = context

    def config(self, line: Line) -> dict[str, Any]:
        """The config of a run, from the scalars that the log keeps of it."""
        recorded = line.run.metadata if line.run is not None else None
        scalars = recorded.value if isinstance(recorded, Payload) else {}
        configurable = {**scalars, **self.given, "thread_id": self.thread}
        return {"configurable": configurable, "metadata": dict(scalars), "tags": [], "callbacks": None}


class OutsideRun(RuntimeError):
    """A path function asks for something that only a running task has."""


class NotAnswered(LookupError):
    """A path function asks what is not on record, or was not answered."""


@final
class Answers:
    """What code that asks finds around it: the answers to the questions that are on record for its task.

    Stands where a running task's scope and call stand. There is no task here, so there is nothing else of theirs.
    """

    name = ""
    paused = False

    def __init__(self, questions: Iterable[Question], codec: Codec) -> None:
        self._answers = {asked.raised.digest: asked.answer.value for asked in questions if asked.answer is not None}
        self._codec = codec

    @property
    def call(self) -> Answers:
        """What is asked."""
        return self

    def path(self, name: str) -> str:
        """The name of a place in the task."""
        return name

    def ask(self, scope: str, value: Any, schema: Any, bind: str | None, read: Any) -> Any:
        """The answer that was given to this very question.

        Raises:
            NotAnswered: it was not asked, or not answered.
        """
        known = self._answers.get(canonical_digest((value, schema), self._codec))
        if known is None:
            raise NotAnswered(f"it asks {value!r}, which is not what was answered")
        return known.value if read is None else read(known.value)

    def __getattr__(self, name: str) -> Any:
        raise OutsideRun(f"code asked for the {name} of its task outside of a running graph")


def routes_of(
    place: Setup, node: Node, line: Line, cells: Cells, writes: Sequence[Write], at: Situation, answers: Answers
) -> list[Route]:
    """Where the node's path functions lead. Raises whatever they raise.

    Args:
        place: the node's graph.
        node: whose path functions.
        line: the open step.
        cells: its state, with what the node itself wrote in it.
        writes: what it wrote: path functions see also what of it their node does not read.
        at: what they are asked in.
        answers: for those that ask.
    """
    plan, channels = place.plan, place.channels
    extra = {} if node.name == START else beyond_view(node, Returned(list(writes)))
    routes: list[Route] = []
    config = at.config(line)
    for branch in node.branches:
        given = view_of_state(channels, cells, branch.view, line)
        if extra and type(given) is dict and branch.view.keys == node.view.keys:
            given = {**extra, **given}
        routes.extend(branch_routes(plan, node, branch, _asked(branch, given, config, at, answers)))
    return routes


def view_of_state(channels: Channels, cells: Cells, view: StateView, line: Line) -> Any:
    """What a callable would receive of the state, in the form it declares. Raises what making that form raises."""
    if view.root:
        return channels[view.keys[0]].read(cells.get(view.keys[0]))
    values = read_values(channels, cells, view.keys)
    step, base = 0 if line.head is None else line.head.step, 0 if line.run is None else line.run.base_step
    for key, kind in view.managed:
        values[key] = remaining(kind, step, base, RECURSION_LIMIT)
    return values if view.coerce is None else view.coerce(**values)


def _asked(branch: Branch, given: Any, config: Any, at: Situation, answers: Any) -> Any:
    callee = branch.path
    surrounding = var_child_runnable_config.set(config)
    scope = current_scope.set(answers)
    try:
        if callee.wants_config:
            returned = callee.call(given, config)
        else:
            returned = callee.call(given, **_injected(callee.injects, config, at))
        if inspect.isawaitable(returned):
            return beside_loops(lambda: returned)
        return returned
    finally:
        current_scope.reset(scope)
        var_child_runnable_config.reset(surrounding)


def beside_loops(make: Callable[[], Awaitable[Any]]) -> Any:
    """Run what can be awaited to its end on a loop of its own, wherever the caller is."""
    results: list[Any] = []
    errors: list[BaseException] = []

    async def awaited() -> Any:
        return await make()

    def run() -> None:
        try:
            results.append(asyncio.run(awaited()))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=copy_context().run, args=(run,), name="clew-check")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _injected(names: Iterable[str], config: Any, at: Situation) -> dict[str, Any]:
    known: dict[str, Any] = {
        "config": config,
        "writer": lambda value: None,
        "runtime": NodeRuntime(context=at.context),
    }
    return {name: known.get(name) for name in names}


def routes_itself(node: Node) -> bool:
    """True for a node whose own body may say where to go: by a Command or a Send that it returns.

    Of a Python function its annotation tells, and the names in its code and in the functions that it calls; what is no
    plain function may always.
    """
    if node.destinations or node.subgraph is not None:
        return True
    return any(_may_route(call, 0) for call in (node.callee.call, node.callee.acall) if call is not None)


def _may_route(call: Any, depth: int) -> bool:
    if isinstance(getattr(call, "__self__", None), RunnableLambda):
        forms = (getattr(call.__self__, form, None) for form in ("func", "afunc"))
        return any(_may_route(form, depth) for form in forms if form is not None)
    function = underlying_function(call)
    if function is None or isinstance(getattr(call, "__self__", None), Runnable):
        return True
    names = {*names_in(function.__code__)}
    if names & _ROUTING or depth > _DEPTH_MAX:
        return bool(names & _ROUTING)
    held = [function.__globals__.get(name) for name in names]
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # an empty cell
            held.append(cell.cell_contents)
    if any(value in (Command, Send) or isinstance(value, (Command, Send)) for value in held if _is_plain(value)):
        return True
    return any(_may_route(value, depth + 1) for value in held if isinstance(value, FunctionType))


def _is_plain(value: Any) -> bool:
    return isinstance(value, (type, Command, Send))


_ROUTING = frozenset({"Command", "Send", "goto"})
_DEPTH_MAX = 3
"""How far functions that a node calls are looked into."""

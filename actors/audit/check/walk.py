"""One thread against a graph: its log is folded with the graph's rules, and each decision on record is made again.

What nodes returned and what people answered is taken from the log; no body runs. Which routes follow, which nodes are
planned and what the state comes to is worked out anew and compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

from ....events.codec.kinds.opaque import Opaque
from ....events.errors import DecodeError, StoreError, UpcastError
from ....events.stores.store import Row
from ....events.vocabulary import (
    END,
    START,
    GraphSeen,
    NodeCompleted,
    Recorded,
    Route,
    RunStarted,
    StateUpdated,
    StepCommitted,
    StepPlanned,
    Unknown,
    Write,
)
from ....projections.audit.timeline import knowing_upcasts
from ....projections.channels.cells import Cells
from ....projections.state import namespaces
from ....projections.state.fold import Draft, draft_of, step_writes, update_writes
from ....projections.state.merge import MergeError, merge_writes
from ....projections.state.thread import Line, Task, ThreadState
from ...author.plan import Node, Plan
from ...decider.commands import Edit
from ...decider.editing import still_due
from ...decider.planning import Planned, completions, plan_next
from ...doors.setup import Setup
from ...doors.subgraphs import graphs_of, subgraph_at
from ..source import Recording
from .guard import EffectRefused
from .paths import Answers, NotAnswered, OutsideRun, Situation, routes_itself, routes_of
from .rules import RecordedStates, brought_up, changed_rules, is_earlier
from .values import channels_of, find_opaque, payloads_of
from .verdicts import Difference, Verdict
from .ways import due_words, listed, names_now, said_name, same_routes, same_tasks, target_words

DIFFERENCES_MAX = 20
"""How many differences of one verdict are kept of a thread; the first ones."""


@final
class Walk:
    """A thread's log, gone through once. `differences` has what was found, `state` where the thread stands."""

    def __init__(self, graph: Setup, recording: Recording, situation: Situation) -> None:
        graph.know_inside()
        self.graph = graph
        self.recording = recording
        self.situation = situation
        self.plain: Sequence[Row] = ()
        """The commits as they would be stored without a cipher."""
        self.differences: list[Difference] = []
        self.state = ThreadState()
        self.events = 0
        self.event: Any = None
        """The event that is looked at, and its place."""
        self.version = self.index = -1
        self._commits: list[Recorded] = []
        self._recorded: RecordedStates | None = None
        self._told: set[tuple[str, str, str]] = set()
        """What is said once: (about what, namespace, key)."""
        self._places: dict[tuple[tuple[str, ...], bytes], Setup | None] = {}
        self._changed: dict[tuple[bytes, int], Mapping[str, tuple[str, str]]] = {}

    def read(self) -> None:
        """Read the log; where it cannot be read, that is all there is to say of the thread."""
        try:
            self._commits = self.recording.commits(self.graph.codec)
            self.plain = self.recording.plain()
        except StoreError as error:
            self.say(Verdict.CANNOT_DECODE, str(error))
            self._commits = []

    def go(self) -> None:
        """Go through the log that was read, to its end."""
        for recorded in self._commits:
            self._commit(recorded)

    # -- saying what is found

    def say(self, verdict: Verdict, what: str, **facts: Any) -> None:
        """Note a difference, at the event that is looked at."""
        if sum(one.verdict is verdict for one in self.differences) >= DIFFERENCES_MAX:
            return
        event = self.event
        self.differences.append(
            Difference(
                verdict,
                what,
                version=self.version,
                index=self.index,
                event="" if event is None else type(event).__name__,
                namespace="" if event is None else event.ns,
                **facts,
            )
        )

    def say_once(self, about: str, key: str, verdict: Verdict, what: str, **facts: Any) -> None:
        """Note a difference the first time only."""
        told = (about, self.event.ns, key)
        if told not in self._told:
            self._told.add(told)
            self.say(verdict, what, **facts)

    # -- the graph in a namespace

    def place(self, ns: str, state: ThreadState) -> Setup | None:
        """The graph that runs in a namespace; None for one that is not seen in the code."""
        if not ns:
            return self.graph
        run = state.last_line(ns).run
        found = (namespaces.names(ns), b"" if run is None else run.fingerprint)
        if found not in self._places:
            self._places[found] = subgraph_at(self.graph.plan, ns, found[1])
        return self._places[found]

    def seen(self, ns: str, state: ThreadState) -> GraphSeen | None:
        """What the log says of the graph that worked in a namespace last."""
        run = state.last_line(ns).run
        return None if run is None else state.graph(run.fingerprint)

    # -- one commit

    def _commit(self, recorded: Recorded) -> None:
        commit = recorded.commit
        draft = draft_of(knowing_upcasts(self.state, recorded), recorded, self.graph.channels)
        self.version = recorded.version
        written: dict[str, set[str]] = {}
        merged_at: dict[str, int] = {}
        for self.index, self.event in enumerate(commit.events):
            event, merged = self.event, None
            self.events += 1
            self._readable(draft, event)
            for channel in channels_of(event):
                written.setdefault(event.ns, set()).add(channel)
            match event:
                case RunStarted():
                    self._started(event)
                case NodeCompleted():
                    self._completed(draft, event)
                case StepCommitted():
                    merged = self._committed(draft, event, _planned_after(commit.events, self.index))
                    merged_at[event.ns] = self.index
                case StateUpdated():
                    merged = self._updated(draft, event, _planned_after(commit.events, self.index))
                    merged_at[event.ns] = self.index
                case _:
                    pass
            draft.record(event, merged)
        self.state = draft.finish(recorded.digest, commit.command)
        for ns, index in merged_at.items():
            self.index, self.event = index, commit.events[index]
            self._compare_values(ns, written)

    def _readable(self, draft: Draft, event: Any) -> None:
        """Look at every value of an event, as code would that reads it."""
        place = self.place(event.ns, draft.state)
        # Upcasters take values of earlier classes as they were stored; what they make of them is looked at at the end.
        earlier = place is not None and bool(place.plan.schema) and self._is_earlier(draft, place, event)
        if isinstance(event, Unknown):
            self.say(Verdict.CANNOT_DECODE, f"event {event.tag} is of a newer clew: upgrade to read it")
        for name, payload in payloads_of(event):
            made = Opaque.made
            try:
                value = payload.value
            except DecodeError as error:
                self.say(Verdict.CANNOT_DECODE, f"{name} cannot be read: {error}")
                continue
            if Opaque.made != made and not earlier and (opaque := find_opaque(value)) is not None:
                self.say(Verdict.CANNOT_DECODE, f"{name} holds a value whose class is not at hand: {opaque!r}")

    def _is_earlier(self, draft: Draft, place: Setup, event: Any) -> bool:
        """True where what an event holds is of an earlier schema: that of the run that says it, else of its line."""
        seen = draft.state.graph(getattr(event, "fingerprint", b"")) if hasattr(event, "fingerprint") else None
        if seen is not None:
            return seen.schema != place.plan.schema
        return is_earlier(place, draft.state, draft.state.last_line(event.ns))

    def _started(self, event: RunStarted) -> None:
        plan = self._plan(event.ns)
        if event.node and plan is not None and plan.node(event.node) is None:
            self.say(Verdict.DIVERGES, f"the input went to {event.node!r}, which this graph does not have")

    def _plan(self, ns: str) -> Plan | None:
        place = self.place(ns, self.state)
        return None if place is None else place.plan

    # -- routes

    def _completed(self, draft: Draft, event: NodeCompleted) -> None:
        line = draft.line(event.ns)
        place = self._place_here(draft, event.ns)
        if place is None or event.task >= len(line.tasks):
            return
        task = line.tasks[event.task]
        at_start = task.node == START
        node = place.plan.runner(task.node, task.handler)
        if node is None:
            return  # whoever planned it has said so
        writes = event.writes
        if at_start:
            writes = line.head.input_writes if line.head is not None else ()
        self._known_keys(draft, place, writes, task.node)
        routes = self._routes(draft, place, node, line, writes, task)
        if routes is None:
            return
        if not self._follow(draft, place.plan, node, event.routes, routes):
            recorded, now = target_words(event.routes), target_words(routes)
            what = (
                f"after {said_name(node)} the thread went on to {listed(recorded)}, this graph goes on to {listed(now)}"
            )
            unkept = _unkept(place, node)
            if unkept:
                self.say(Verdict.NOT_CHECKED, f"{what}, without {listed(unkept)}, which no store keeps", node=task.node)
            else:
                self.say(Verdict.DIVERGES, what, node=task.node, recorded=recorded, now=now)

    def _follow(self, draft: Draft, plan: Plan, node: Node, recorded: Sequence[Route], routes: Sequence[Route]) -> bool:
        """True when the routes on record may have come from this node: its path functions', behind its own."""
        if same_routes(plan, recorded, routes):
            return True
        unchanged = self._unchanged(draft, plan)
        if not (unchanged or routes_itself(node)):
            return False
        if node.branches and not routes and not unchanged:
            return False
        return len(routes) < len(recorded) and same_routes(plan, recorded[len(recorded) - len(routes) :], routes)

    def _unchanged(self, draft: Draft, plan: Plan) -> bool:
        """True when the graph that ran was this very one."""
        run = draft.state.last_line(self.event.ns).run
        return run is not None and run.fingerprint == plan.fingerprint

    def _routes(
        self, draft: Draft, place: Setup, node: Node, line: Line, writes: Sequence[Write], task: Task
    ) -> list[Route] | None:
        """What the node's path functions say; None where that cannot be known, which is said."""
        answers = Answers(task.questions, place.codec)
        try:
            cells = merge_writes(draft.rules(line), line.cells, writes, settle=True)
            if is_earlier(place, draft.state, line):
                # No thread is ever brought up here: what the upcasters do not take, the new code never sees.
                done = brought_up(place, draft.state, line, cells, self.recording.thread)
                if done is None or done.cells is None:
                    return None
                cells, writes = done.cells, ()
            return routes_of(place, node, line, cells, writes, self.situation, answers)
        except UpcastError:
            return None
        except MergeError as error:
            self.say(Verdict.DIVERGES, str(error), node=node.name)
        except EffectRefused as refused:
            self.say(Verdict.NOT_CHECKED, f"a path function of {said_name(node)}: {refused}", node=node.name)
        except NotAnswered as error:
            self.say(Verdict.DIVERGES, f"a path function of {said_name(node)}: {error}", node=node.name)
        except Exception as error:
            run = line.run
            same_code = run is not None and run.fingerprint == place.plan.fingerprint
            outside = isinstance(error, OutsideRun) or bool(_unkept(place, node))
            # With the code that ran, what the node returned besides or the run had around it is missing.
            verdict = Verdict.NOT_CHECKED if same_code or outside else Verdict.DIVERGES
            what = f"a path function of {said_name(node)} raises {type(error).__name__}: {error}"
            self.say(verdict, what, node=node.name)
        return None

    def _place_here(self, draft: Draft, ns: str) -> Setup | None:
        place = self.place(ns, draft.state)
        if place is None:
            self._inside_gone(draft, ns)
        return place

    def _inside_gone(self, draft: Draft, ns: str) -> None:
        name = self.called_no_more(draft.state, ns)
        if name:
            what = f"node {name!r} ran a graph, and does not any more"
            self.say_once("inside", name, Verdict.DIVERGES, what, node=name)

    def called_no_more(self, state: ThreadState, ns: str) -> str:
        """The node whose graph ran in a namespace, where it has other code now and no graph is seen in it; else ""."""
        run = state.last_line(ns).run
        around = namespaces.graph_of(namespaces.calling_task(ns, "" if run is None else run.caller))
        above, name = self.place(around, state), namespaces.names(ns)[-1]
        node = None if above is None else above.plan.node(name)
        seen = self.seen(around, state)
        if node is None or seen is None or graphs_of(node):
            return ""
        return "" if seen.nodes.get(name) == node.callee.fingerprint else name

    def _known_keys(self, draft: Draft, place: Setup, writes: Iterable[Write], node: str) -> None:
        gone = [write for write in writes if write.channel not in place.plan.channels]
        for write in gone:
            if not is_earlier(place, draft.state, draft.line(self.event.ns)):
                what = f"{node!r} wrote key {write.channel!r}, which this graph does not have"
                self.say_once("key", write.channel, Verdict.DIVERGES, what, node=node)

    # -- steps

    def _committed(self, draft: Draft, event: StepCommitted, planned: StepPlanned | None) -> Cells | None:
        line = draft.line(event.ns)
        place = self.place(event.ns, draft.state)
        if place is not None:
            if line.tasks and line.tasks[0].node == START:
                completed = self._from_start(draft, place, line)
            else:
                completed = completions(line)
            self._compare_plan(place.plan, plan_next(place.plan, completed, line.arrivals, line.deferred), planned)
        return self._merged(draft, line, step_writes(line))

    def _from_start(self, draft: Draft, place: Setup, line: Line) -> list[tuple[str, Iterable[Route]]]:
        done = line.tasks[0].completed
        if done is not None or not place.plan.start.branches:
            if done is None and line.head is not None:
                self._known_keys(draft, place, line.head.input_writes, START)
            return [(START, () if done is None else done.routes)]
        writes = line.head.input_writes if line.head is not None else ()
        return [(START, self._routes(draft, place, place.plan.start, line, writes, line.tasks[0]) or ())]

    def _updated(self, draft: Draft, event: StateUpdated, planned: StepPlanned | None) -> Cells | None:
        line = draft.line(event.ns)
        if line.head is None and event.ns:
            line = draft.state.last_line(event.ns)
        place = self._place_here(draft, event.ns)
        writes = update_writes(line, event.updates)
        if place is None:
            return None
        plan = place.plan
        for update in event.updates:
            self._known_keys(draft, place, update.writes, update.as_node)
            node = plan.node(update.as_node)
            if node is None and update.as_node != END:
                self.say(
                    Verdict.DIVERGES,
                    f"the update was made as node {update.as_node!r}, which this graph does not have",
                    node=update.as_node,
                )
                return None
        if all(update.as_node != END for update in event.updates):
            edit = Edit(updates=tuple(event.updates))
            arrivals, deferred = still_due(plan, line, edit)
            completed = [(update.as_node, update.routes) for update in event.updates]
            self._compare_plan(plan, plan_next(plan, completed, arrivals, deferred), planned)
        return self._merged(draft, line, writes)

    def _merged(self, draft: Draft, line: Line, writes: Sequence[Write]) -> Cells | None:
        try:
            return merge_writes(draft.rules(line), line.cells, writes, settle=True)
        except MergeError as error:
            self.say(Verdict.DIVERGES, str(error))
            return None

    def _compare_plan(self, plan: Plan, now: Planned, planned: StepPlanned | None) -> None:
        tasks = [] if planned is None else planned.tasks
        waiting = [] if planned is None else planned.deferred
        if same_tasks(plan, tasks, now.tasks) and names_now(plan, waiting) == names_now(plan, now.deferred):
            return
        if planned is not None:
            self.index, self.event = self.index + 1, planned
        recorded, due = due_words(tasks, waiting), due_words(now.tasks, now.deferred)
        what = f"the thread went on with {listed(recorded)}, this graph goes on with {listed(due)}"
        node = next(iter(recorded), "")
        self.say(Verdict.DIVERGES, what, node=node, recorded=recorded, now=due)
        if planned is not None:
            self.index -= 1

    # -- values

    def _compare_values(self, ns: str, written: Mapping[str, set[str]]) -> None:
        """Compare the keys that were written and have another rule now."""
        line = self.state.last_line(ns)
        run, place = line.run, self.place(ns, self.state)
        if run is None or place is None or is_earlier(place, self.state, line):
            return
        known = (run.fingerprint, id(place))
        if known not in self._changed:
            self._changed[known] = changed_rules(self.state.graph(run.fingerprint), place.channels)
        if not self._changed[known]:
            return
        keys = {key: rules for key, rules in self._changed[known].items() if key in written.get(ns, ())}
        if not keys:
            return
        if self._recorded is None:
            self._recorded = RecordedStates(self._commits)
        found = self._recorded.compare(self.version, ns, self.state, place.channels, keys)
        for key, what, recorded, now in found:
            self.say_once("value", key, Verdict.DIVERGES, what, recorded=recorded, now=now)


def _planned_after(events: Sequence[Any], index: int) -> StepPlanned | None:
    """The plan that an event leads to: it is said right behind it."""
    following = events[index + 1] if index + 1 < len(events) else None
    return following if isinstance(following, StepPlanned) and following.ns == events[index].ns else None


def _unkept(place: Setup, node: Node) -> list[str]:
    """The keys that a node's path functions read and no store has."""
    read = {key for branch in node.branches for key in branch.view.keys}
    return sorted(read & place.channels.untracked)

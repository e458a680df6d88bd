"""Calling a user's upcasters: a state of an earlier schema, with its open step, in the form that the graph has now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from ....events.errors import UpcastError
from ....events.vocabulary import START, Payload, Recast, Route, StateUpcast, Write
from ....projections.channels.channel import Channel
from ....projections.channels.payload_value import shallow_copy
from ....projections.channels.reducers import is_stand_in
from ....projections.state.merge import Channels
from ....projections.state.thread import Task
from ....projections.state.upcast import upcast_cells
from ...author.checks import checked
from ...author.plan import Plan, Upcaster
from ...author.returns import write_of
from ...author.schemas import ROOT
from ...decider.commands import Upcast, UpcastWanted


class Encoding(Protocol):
    """What an upcast needs of a run: its graph, and its codec, which refuses what cannot be stored."""

    @property
    def plan(self) -> Plan:
        """The graph."""
        ...

    @property
    def channels(self) -> Channels:
        """Its channels."""
        ...

    def payload(self, value: Any, path: str) -> Payload:
        """A payload of a value, encoded."""
        ...

    def encode_writes(self, writes: Iterable[Write]) -> None:
        """Encode writes."""
        ...

    def encode_route(self, route: Route) -> None:
        """Encode a Send's argument."""
        ...


def upcast(run: Encoding, wanted: UpcastWanted) -> Upcast:
    """What the upcasters between the state's version and the graph's make of it. Never raises."""
    try:
        return _Upcasting(run, wanted).upcast()
    except Exception as error:
        return Upcast(wanted.place, error=error)


class _Upcasting:
    """One state on its way to the graph's version."""

    def __init__(self, run: Encoding, wanted: UpcastWanted) -> None:
        self.run = run
        self.plan: Plan = run.plan
        self.wanted = wanted
        self.steps: Sequence[tuple[int, Upcaster]] = [
            (version, self.plan.upcasters[version]) for version in range(wanted.schema, self.plan.schema)
        ]
        self.changed: list[set[str]] = []
        """Of each step: the keys whose values its function changed."""
        self.lost: dict[str, str] = {
            key: rule.name
            for key, rule in wanted.rules.items()
            if is_stand_in(rule) and wanted.cells.get(key) is not None
        }
        """Keys whose reducer this code does not have, so that their value cannot be worked out: key to reducer."""

    def upcast(self) -> Upcast:
        """The event, with everything in it encoded, and the state."""
        wanted, run = self.wanted, self.run
        writes = self._state()
        recasts = [recast for ordinal, task in enumerate(wanted.tasks) if (recast := self._task(ordinal, task))]
        run.encode_writes([*writes, *(write for recast in recasts for write in recast.writes)])
        for route in (route for recast in recasts for route in recast.routes):
            run.encode_route(route)
        cells = self._try("a channel of the graph", upcast_cells, run.channels, wanted.cells, writes)
        return Upcast(
            wanted.place, StateUpcast(fingerprint=self.plan.fingerprint, writes=writes, recasts=recasts), cells
        )

    # -- the state

    def _state(self) -> list[Write]:
        rules, cells = self.wanted.rules, self.wanted.cells
        now = {
            key: self._try(f"reading key {key!r}", rule.read, cells.get(key))
            for key, rule in rules.items()
            if key not in self.lost and rule.holds_value(cells.get(key))
        }
        for version, upcaster in self.steps:
            now = self._step(version, upcaster, now)
        unknown = sorted(now.keys() & self.changed[-1] - self.plan.channels.keys())
        if unknown:
            raise self._error(f"the upcasters give {unknown}, no keys of this graph: it has {[*self.plan.channels]}")
        changed = set[str]().union(*self.changed)
        lost = next((key for key in self.lost if key not in changed and self._changes_rule(key)), None)
        if lost is not None:
            raise self._error(self._advice(lost))
        written = {key: value for key, value in now.items() if key in changed or self._changes_rule(key)}
        return [Write(write.channel, write.payload, True) for write in self._writes(written)]

    def _step(self, version: int, upcaster: Upcaster, now: dict[str, Any]) -> dict[str, Any]:
        """The state one version on."""
        given = {key: shallow_copy(value) for key, value in now.items()}
        bare = given.keys() == {ROOT}
        made = self._call(version, upcaster.state, given[ROOT] if bare else {**given})
        update = self._update(version, made)
        self.changed.append({key for key, value in update.items() if key not in given or value is not given[key]})
        known = self.plan.earlier.get(version + 1)
        following = {**now, **update}
        return following if known is None else {key: value for key, value in following.items() if key in known}

    def _changes_rule(self, key: str) -> bool:
        """True for a key of the graph whose rule, or whose absence, was another one before."""
        rule, channel = self.wanted.rules.get(key), self.plan.channels.get(key)
        return rule is not None and channel is not None and rule is not channel and not _equal(rule, channel)

    # -- what is on record of the open step

    def _task(self, ordinal: int, task: Task) -> Recast | None:
        if task.node == START:
            writes = self.wanted.input_writes
            return Recast(ordinal, self._recast("the input that waits", writes)) if writes else None
        done = task.completed
        if done is None:
            return None if task.payload is None else Recast(ordinal, payload=self._sent(task.node, task.payload))
        writes = self._recast(f"what node {task.node!r} wrote in the open step", done.writes)
        return Recast(ordinal, writes, [self._route(route) for route in done.routes], task.payload)

    def _recast(self, what: str, writes: Sequence[Write]) -> list[Write]:
        """Writes of one task in the new form. A key that was written twice is two updates, in order."""
        for (version, upcaster), changed in zip(self.steps, self.changed, strict=True):
            if upcaster.updates is not None:
                writes = [
                    write for update in _updates(writes) for write in self._new_form(version, upcaster.updates, update)
                ]
            elif changed & {write.channel for write in writes}:
                keys = sorted(changed & {write.channel for write in writes})
                raise self._error(f"{what} has the keys {keys}, which change; {self._with_updates(version)}")
        for key in (write.channel for write in writes):
            last = self.steps[-1]
            if last[1].updates is None and (key not in self.plan.channels or self._changes_rule(key)):
                raise self._error(
                    f"{what} has key {key!r}, which is no longer there as it was; {self._with_updates(last[0])}"
                )
        return [write for write in writes if write.channel in self.plan.channels]

    def _with_updates(self, version: int) -> str:
        return f"give the upcaster from version {version} a function for that, Upcaster(..., updates=function)"

    def _new_form(self, version: int, function: Callable[[Any], Any], update: Mapping[str, Write]) -> list[Write]:
        values = {key: write.payload.value for key, write in update.items()}
        bare = values.keys() == {ROOT}
        made = self._update(version, self._call(version, function, values[ROOT] if bare else values))
        return [Write(key, Payload(value), key in update and update[key].overwrite) for key, value in made.items()]

    def _route(self, route: Route) -> Route:
        if not route.send or route.payload is None:
            return route
        return Route(route.node, self._sent(route.node, route.payload), True, route.timeout)

    def _sent(self, node: str, payload: Payload) -> Payload:
        value = payload.value
        for version, upcaster in self.steps:
            function = upcaster.sends.get(node)
            if function is None:
                raise self._error(
                    f"node {node!r} was sent an argument, which is no part of the state; give the upcaster from "
                    f"version {version} a function for it, Upcaster(..., sends={{{node!r}: function}})"
                )
            value = self._call(version, function, value)
        return self.run.payload(value, f"Send({node!r})")

    # -- calling

    def _call(self, version: int, function: Callable[[Any], Any], given: Any) -> Any:
        name = getattr(function, "__name__", repr(function))
        return self._try(f"upcaster {name!r} from version {version}", function, given)

    def _update(self, version: int, made: Any) -> dict[str, Any]:
        if version == self.plan.schema - 1 and self.plan.root is not None:
            return {self.plan.root: made}
        if made is None or isinstance(made, Mapping):
            return dict(made or {})
        raise self._error(f"the upcaster from version {version} gave {made!r}; return a dict of the keys that change")

    def _writes(self, values: Mapping[str, Any]) -> list[Write]:
        plan = self.plan
        writes = [write_of(plan, key, value) for key, value in values.items() if key in plan.channels]
        return self._try("a check of the values", checked, plan.checks, writes, "upcasters") if plan.checks else writes

    def _advice(self, key: str) -> str:
        return (
            f"key {key!r} was merged by {self.lost[key]!r}, which this code does not have; annotate the parameter of "
            f"the upcaster from version {self.wanted.schema} with a class that declares the key as it was"
        )

    def _try(self, what: str, function: Callable[..., Any], *given: Any) -> Any:
        try:
            return function(*given)
        except Exception as error:
            left_out = "".join(f"; {self._advice(key)}" for key in self.lost)
            raise self._error(f"{what} raised {type(error).__name__}: {error}{left_out}") from error

    def _error(self, reason: str) -> UpcastError:
        return UpcastError(self.wanted.thread, self.wanted.schema, self.plan.schema, reason)


def _updates(writes: Iterable[Write]) -> list[dict[str, Write]]:
    updates: list[dict[str, Write]] = []
    for write in writes:
        if not updates or write.channel in updates[-1]:
            updates.append({})
        updates[-1][write.channel] = write
    return updates


def _equal(rule: Channel[Any], channel: Channel[Any]) -> bool:
    return rule.name == channel.name and rule == channel

"""Events as people read and compare them: the facts of each by name, one line each, and a diff of two lists.

Pure. Ids, digests and times are left out where they say nothing to a reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

from ...events.vocabulary import (
    Commit,
    Forked,
    GraphSeen,
    InterruptRaised,
    NodeFailed,
    NodeStarted,
    Payload,
    PlannedTask,
    Recast,
    Route,
    RunStarted,
    StepPlanned,
    Update,
    Write,
)

_NUMBERS = {"call", "calling", "lag", "ordinal"}
_BYTES = {"code", "digest", "fingerprint"}
HIDDEN = frozenset({"caller", "durability", "metadata", "place", "process", "run", "traceback"} | _NUMBERS | _BYTES)
"""Fields that no line shows: they follow from others, or differ from run to run."""
VALUE_MAX = 120
"""Characters of a value that a line shows."""


class Names:
    """What the numbers in events stand for: follows a log and remembers the open step's nodes and the questions."""

    def __init__(self) -> None:
        self._nodes: dict[str, list[str]] = {}
        self._questions: dict[str, Any] = {}

    def follow(self, event: Any) -> None:
        """Take note of an event, before its facts are asked for."""
        if isinstance(event, StepPlanned):
            known = self._nodes.setdefault(event.ns, [])
            known += [task.node for task in event.tasks]
        elif isinstance(event, RunStarted):
            self._nodes[event.ns] = [event.node or "__start__"]
        elif isinstance(event, InterruptRaised):
            self._questions[event.question] = event.value.value
        elif type(event).__name__ in ("StepCommitted", "StateUpdated", "Forked"):
            self._nodes[event.ns] = []

    def node(self, ns: str, task: int) -> str:
        """The node of a task of the open step, or its number where the log does not say."""
        nodes = self._nodes.get(ns, [])
        return nodes[task] if task < len(nodes) else f"task {task}"

    def asked(self, question: str) -> Any:
        """What a question asks."""
        return self._questions.get(question, question)


def facts(event: Any, names: Names) -> dict[str, Any]:
    """An event's facts by name, as plain values: `task` as `node`, writes as a dict, routes as names of nodes.

    A question's id comes with `asked`, what it asks. What has its default is left out.
    """
    said: dict[str, Any] = {}
    for field in event.__struct_fields__:
        value = getattr(event, field)
        if field == "task" and not isinstance(event, GraphSeen):
            said["node"] = names.node(event.ns, value)
        elif field == "question" and not isinstance(event, InterruptRaised):
            said["question"], said["asked"] = value, names.asked(value)
        else:
            said[field] = _plain(value)
    if "tasks" in said and not isinstance(event, StepPlanned):
        said["nodes"] = [names.node(event.ns, task) for task in said.pop("tasks")]
    return said


def _plain(value: Any) -> Any:
    if isinstance(value, Payload):
        return value.value
    if isinstance(value, list) and value and isinstance(value[0], Write):
        return {write.channel: write.payload.value for write in value}
    if isinstance(value, list) and value and isinstance(value[0], (Route, PlannedTask)):
        return [(item.node, _plain(item.payload)) if item.send else item.node for item in value]
    if isinstance(value, list) and value and isinstance(value[0], Recast):
        return {recast.task: _plain(recast.writes) for recast in value}
    if isinstance(value, list) and value and isinstance(value[0], Update):
        return {update.as_node: _plain(update.writes) for update in value}
    return value


def line_of(event: Any, names: Names) -> str:
    """One line: the event's name and the facts that tell something."""
    said = facts(event, names)
    shown = {key: value for key, value in said.items() if key not in _quiet(event) and not _empty(value)}
    if "asked" in shown:
        shown.pop("question", None)
    if "ns" in shown:
        shown["ns"] = "|".join(part.partition(":")[0] for part in shown["ns"].split("|"))
    return _line(type(event).__name__, shown)


def _quiet(event: Any) -> frozenset[str]:
    if isinstance(event, GraphSeen):
        return frozenset(event.__struct_fields__) - {"name"}
    if isinstance(event, InterruptRaised):
        return HIDDEN | {"question", "deadline"} if event.deadline == 0 else HIDDEN | {"question"}
    if isinstance(event, NodeStarted | NodeFailed) and event.attempt == 1:
        return HIDDEN | {"attempt"}
    return HIDDEN - {"ordinal"} if isinstance(event, Forked) else HIDDEN


def _empty(value: Any) -> bool:
    return value is None or value is False or (isinstance(value, (str, list, dict, bytes, tuple)) and not value)


def _line(name: str, shown: Mapping[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={_clipped(value)}' for key, value in shown.items())})"


def _clipped(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= VALUE_MAX else f"{text[: VALUE_MAX - 1]}…"


def event_lines(events: Iterable[Any], names: Names | None = None) -> list[str]:
    """One line for each event."""
    known = Names() if names is None else names
    lines = []
    for event in events:
        known.follow(event)
        lines.append(line_of(event, known))
    return lines


def log_lines(commits: Sequence[Commit]) -> list[str]:
    """A log, one line for each event, the version in front of each commit."""
    names = Names()
    return [
        f"{version if first else '':>4}  {line}"
        for version, commit in enumerate(commits)
        for first, line in zip(
            [True] + [False] * (len(commit.events) - 1), event_lines(commit.events, names), strict=True
        )
    ]


@final
class Said:
    """An event as a test expects it: its class, and those of its facts that matter."""

    def __init__(self, kind: type, facts: Mapping[str, Any]) -> None:
        self.kind = kind
        self.facts = dict(facts)

    def fits(self, event: Any, said: Mapping[str, Any]) -> bool:
        """True for an event of this class with these facts."""
        return type(event) is self.kind and all(key in said and said[key] == value for key, value in self.facts.items())

    def __repr__(self) -> str:
        return _line(self.kind.__name__, self.facts)


def said(kind: type, **facts: Any) -> Said:
    """An event of this class with these facts, whatever its other ones: `said(NodeCompleted, node="draft")`.

    The facts are the event's fields in plain values: `node` for a task's number, `writes` as a dict, `routes` and
    `tasks` as names of nodes (`(name, argument)` for a Send), `value` as the user's value, `asked` for what the
    question of an answer asks.

    Raises:
        TypeError: the class has no such field.
    """
    fields = {*getattr(kind, "__struct_fields__", ()), "asked", "node", "nodes"}
    unknown = sorted(set(facts) - fields)
    if unknown:
        raise TypeError(f"{kind.__name__} has no facts {unknown}; it has {sorted(fields)}")
    return Said(kind, facts)


def expected(item: Any) -> Said | Any:
    """What a test gives as an event: a `Said`, an event's class, or an event."""
    if isinstance(item, type):
        return Said(item, {})
    return item


def fits(item: Any, event: Any, said_facts: Mapping[str, Any]) -> bool:
    """True where an expected item describes the event. Of an event given whole, the lag does not count."""
    if isinstance(item, Said):
        return item.fits(event, said_facts)
    if type(item) is not type(event):
        return False
    fields = [field for field in item.__struct_fields__ if field != "lag"]
    return all(getattr(item, field) == getattr(event, field) for field in fields)


def diff(wanted: Sequence[Any], events: Sequence[Any], names: Names | None = None) -> list[str]:
    """The events against what was wanted, line by line: "  " as wanted, "- " wanted and missing, "+ " not wanted."""
    known = Names() if names is None else names
    lines, said_facts = [], []
    for event in events:
        known.follow(event)
        lines.append(line_of(event, known))
        said_facts.append(facts(event, known))
    like = [[fits(item, event, of) for event, of in zip(events, said_facts, strict=True)] for item in wanted]
    longest = [[0] * (len(events) + 1) for _ in range(len(wanted) + 1)]
    for row in range(len(wanted) - 1, -1, -1):
        for column in range(len(events) - 1, -1, -1):
            together = longest[row + 1][column + 1] + 1 if like[row][column] else 0
            longest[row][column] = max(together, longest[row + 1][column], longest[row][column + 1])
    shown: list[str] = []
    row = column = 0
    while row < len(wanted) or column < len(events):
        if row < len(wanted) and column < len(events) and like[row][column]:
            shown.append(f"  {lines[column]}")
            row, column = row + 1, column + 1
        elif row < len(wanted) and (column == len(events) or longest[row + 1][column] >= longest[row][column + 1]):
            shown.append(f"- {_expected_line(wanted[row])}")
            row += 1
        else:
            shown.append(f"+ {lines[column]}")
            column += 1
    return shown


def _expected_line(item: Any) -> str:
    return repr(item) if isinstance(item, Said) else line_of(item, Names())

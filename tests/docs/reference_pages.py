"""Writes the reference pages of events and of the test kit from the code: `python -m tests.docs.reference_pages`."""

from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path

import clew.testing
from clew.actors.kit import plugin
from clew.events.vocabulary import (
    EVENT_TYPES,
    VOCABULARY_VERSION,
    Commit,
    Limits,
    PlannedTask,
    Recast,
    Route,
    Update,
    Write,
)

REFERENCE = Path(__file__).parents[2] / "docs/reference"
PAGE = REFERENCE / "events.md"
TESTING = REFERENCE / "testing.md"
GROUPS = {
    "A thread by hand": "given Scenario started returned asked raised answered updated crashed passed Fact said Said",
    "Any order": "Simulation explore Exploration SimulationFailed ScheduleMismatch VirtualClock",
    "Hypothesis": "graph_machine replay_failure MachineFailed inputs_of events commits values messages same",
    "Crashes": "crash_everywhere SITES SqliteFiles CrashReport CrashFailed",
    "Stores": "Fault FaultyStore faulty_saver Crash StoreContract VaultContract",
    "Logs": "save_log load_log RecordedLog assert_fits",
    "Models": "ScriptedModel Rule reply_to after_tool when otherwise in_order call",
}
"""What `clew.testing` has, in the order of the page."""

INTRODUCTION = f"""# Events

What the log of a thread can say, version {VOCABULARY_VERSION} of the vocabulary. One commit is one row of the store: an
envelope and a list of events, as msgpack arrays in the order of the fields below. Tags are for ever; a new field comes
last and has a default. `python -m tests.docs.reference_pages` writes this page from the code.

Every event also has `ns`, the namespace of the sub-graph it belongs to ("" for the root graph), and `lag`, the
microseconds from when it happened to when its commit was made.
"""


def events_page() -> str:
    """The page's text."""
    parts = [INTRODUCTION, "## The commit\n", _section(Commit, ""), "## Events\n"]
    parts += [_section(event, f" (tag {event.__struct_config__.tag})") for event in EVENT_TYPES]  # type: ignore[attr-defined]
    parts += [
        "## Parts of events\n",
        *(_section(part, "") for part in (Write, Route, Limits, PlannedTask, Update, Recast)),
    ]
    return "\n".join(parts)


def _section(struct: type, suffix: str) -> str:
    lines = [f"### {struct.__name__}{suffix}\n", f"{inspect.cleandoc(struct.__doc__ or '')}\n"]
    fields = _fields(struct)
    if fields:
        lines += ["| field | type | meaning |", "|---|---|---|"]
        lines += [f"| `{name}` | `{kind}` | {meaning} |" for name, kind, meaning in fields]
        lines.append("")
    return "\n".join(lines)


def _fields(struct: type) -> list[tuple[str, str, str]]:
    """(name, type, meaning) of a Struct's own fields; the meaning is the text below the field in the source."""
    definition = ast.parse(textwrap.dedent(inspect.getsource(struct))).body[0]
    if not isinstance(definition, ast.ClassDef):
        return []
    fields: list[tuple[str, str, str]] = []
    for statement in definition.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            kind = ast.unparse(statement.annotation).replace("|", "\\|")
            fields.append((statement.target.id, kind, ""))
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and fields:
            name, kind, _ = fields[-1]
            fields[-1] = (name, kind, " ".join(str(statement.value.value).split()))
    return fields


def kit_page() -> str:
    """The text of the page of `clew.testing`."""
    parts = [
        "# The test kit\n",
        "What `clew.testing` has. Each function and class says the rest in its docstring; the guides are "
        "[here](../index.md). `python -m tests.docs.reference_pages` writes this page from the code.\n",
    ]
    for title, names in GROUPS.items():
        parts += [f"## {title}\n", "| name | what it is |", "|---|---|"]
        parts += [f"| `{name}` | {_first_sentence(name)} |" for name in names.split()]
        parts.append("")
    parts += ["## The pytest plug-in\n", inspect.cleandoc(plugin.__doc__ or "").partition("\n\n")[2] + "\n"]
    return "\n".join(parts)


def _first_sentence(name: str) -> str:
    value = getattr(clew.testing, name)
    if name == "SITES":
        return ", ".join(f"`{site}`" for site in value)
    text = inspect.cleandoc(vars(value).get("__doc__") or "" if isinstance(value, type) else value.__doc__ or "")
    return " ".join(text.partition("\n\n")[0].split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(events_page())
    TESTING.write_text(kit_page())

"""The README's table: which rows it has, in which words, and how it gets there. Formats only, as `report` does."""

from collections.abc import Sequence
from pathlib import Path

from .engines import CLEW, PEER
from .measuring import CONVERSATION, Case
from .report import duration, size

BEGIN = "<!-- benchmark table: written by tests/benchmarks/run.py --readme -->"
END = "<!-- end of the benchmark table -->"

ROWS: tuple[tuple[str, str, int], ...] = (
    ("ask, pause, answer, finish (fresh thread)", "interrupt-resume", 1),
    ("a super-step of a chain of 100", "sequential-nodes", 100),
    ("a task among 1,000 `Send`s side by side", "fan-out", 1_000),
    ("a sub-graph of 2 steps among 100 side by side", "fan-out-graphs", 100),
    ("the same among 1,000", "fan-out-graphs", 1_000),
    ("a sub-graph of 8 steps, 100 one after the other", "sub-graphs", 100),
    ("a super-step that writes 3 keys of 300", "wide-state", 300),
    ("a round of a loop of 50 tool calls", "tool-loop", 50),
    ("a token of a model's answer of 1,000, streamed", "stream-messages", 1_000),
    ("a chunk of 1,000 that a node emits", "stream-custom", 1_000),
    ("a thread of three 10 ms waits, 200 at once", "async-threads", 200),
)
"""What a row says, and the workload and size that it is taken from; a line for each store."""
LAST_TURN = ("the last of 1,600 turns of 500 bytes", 1_600)
STORES = {"memory": "memory", "sqlite": "SQLite", "postgres": "Postgres"}


def table(cases: Sequence[Case]) -> str:
    """The rows of those cases that both engines ran."""
    known = {(case.workload, case.size, case.store): case.figures() for case in cases if {CLEW, PEER} <= {*case.played}}
    lines = ["| | store | clew | LangGraph | ratio |", "|---|---|---:|---:|---:|"]
    for title, workload, amount in ROWS:
        stores = [store for store in STORES if (workload, amount, store) in known]
        for place, store in enumerate(stores):
            lines.append(_line("" if place else title, store, known[workload, amount, store]))
    title, amount = LAST_TURN
    for store in STORES:
        figures = known.get((CONVERSATION, amount, store))
        if figures is not None:
            lines += _conversation(title, store, figures)
    return "\n".join(lines) + "\n"


def write(cases: Sequence[Case], readme: Path) -> None:
    """Put the table between its marks in the README.

    Raises:
        ValueError: the marks are not there, in this order; nothing was written.
    """
    text = readme.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{readme} lacks the line {BEGIN!r} or, after it, {END!r}: put both where the table belongs")
    readme.write_text(f"{before}{BEGIN}\n\n{table(cases)}\n{END}{after}", encoding="utf-8")


def _line(title: str, store: str, figures: dict[str, float]) -> str:
    costs = [
        f"{duration(figures[f'{engine}.median_seconds'])} "
        f"({duration(figures[f'{engine}.low_seconds'])} - {duration(figures[f'{engine}.high_seconds'])})"
        for engine in (CLEW, PEER)
    ]
    ratio = f"{figures['ratio']:.1f} x ({figures['ratio_low']:.1f} - {figures['ratio_high']:.1f})"
    return f"| {title} | {STORES[store]} | {costs[0]} | {costs[1]} | {ratio} |"


def _conversation(title: str, store: str, figures: dict[str, float]) -> list[str]:
    costs = [duration(figures[f"{engine}.last_turn_seconds"]) for engine in (CLEW, PEER)]
    lines = [f"| {title} | {STORES[store]} | {costs[0]} | {costs[1]} | {figures['ratio_last_turn']:,.0f} x |"]
    ours, theirs = (figures.get(f"{engine}.stored_bytes") for engine in (CLEW, PEER))
    if ours and theirs:
        text = size(figures["clew.text_bytes"])
        said = f"what those turns ({text} of text) take on disk"
        lines.append(f"| {said} | {STORES[store]} | {size(ours)} | {size(theirs)} | {theirs / ours:,.0f} x |")
    return lines

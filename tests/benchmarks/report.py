"""The figures of a run as Markdown tables and as JSON. Formats only: `measuring` and `limits` make the numbers."""

from collections.abc import Iterable, Sequence
from typing import Any

from .engines import CLEW, PEER, RAW
from .limits import STORED_PER_SUPER_STEP, STORED_PER_TEXT_BYTE, Finding, active_over_values
from .measuring import CONVERSATION, EARLY_TURN, GROWTH, WINDOW_TURNS, Case

Row = Sequence[str]
NONE = "-"


def markdown(environment: dict[str, Any], cases: Sequence[Case], found: Sequence[Finding]) -> str:
    """Give the whole report: costs, conversations, paused threads, the store's floor, limits, environment."""
    parts = [
        _costs(cases),
        _conversations(cases),
        _growths(cases),
        _paused(cases),
        _floors(cases),
        _limits(found),
        _environment(environment, cases),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_json(environment: dict[str, Any], cases: Sequence[Case], found: Sequence[Finding]) -> dict[str, Any]:
    """Give the same as plain values; a limit that was not run has `measured: null`."""
    return {
        "environment": environment,
        "cases": [
            {
                "workload": case.workload,
                "unit": case.unit,
                "size": case.size,
                "store": case.store,
                "figures": case.figures(),
                "engines": {engine: played.description for engine, played in case.played.items()},
                "rounds": {
                    engine: [
                        {"unit_seconds": one.unit_seconds, "cpu_seconds": one.cpu_seconds, "units": one.units}
                        for one in played.rounds
                    ]
                    for engine, played in case.played.items()
                },
            }
            for case in cases
        ],
        "limits": [
            {
                "claim": one.limit.claim,
                "store": one.limit.store,
                "at_least": one.limit.at_least,
                "at_most": one.limit.at_most,
                "measured": one.measured,
                "verdict": one.verdict,
            }
            for one in found
        ],
    }


def duration(seconds: float | None) -> str:
    """Format seconds with three digits in the unit that fits: `42.0 µs`, `1.25 ms`, `3.10 s`."""
    if seconds is None:
        return NONE
    for scale, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= scale:
            return f"{_three_digits(seconds / scale)} {unit}"
    return f"{_three_digits(seconds / 1e-6)} µs"


def size(stored_bytes: float | None) -> str:
    """Format bytes in decimal units: `512 B`, `1.94 MB`."""
    if stored_bytes is None:
        return NONE
    for scale, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if stored_bytes >= scale:
            return f"{_three_digits(stored_bytes / scale)} {unit}"
    return f"{stored_bytes:.0f} B"


def table(head: Row, rows: Iterable[Row]) -> str:
    """Give a Markdown table; the first column is left-aligned, the others right-aligned."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def _three_digits(number: float) -> str:
    digits = 2 if number < 9.995 else 1 if number < 99.95 else 0
    return f"{number:,.{digits}f}"


def _costs(cases: Sequence[Case]) -> str:
    head = ("workload", "store", CLEW, PEER, "ratio", f"CPU {CLEW}", f"CPU {PEER}", f"stored {CLEW}", f"stored {PEER}")
    rows = [_cost_row(case) for case in cases if RAW not in case.played and case.workload != GROWTH]
    title = (
        "Cost of one unit: the median of the rounds' medians (in brackets the lowest and highest). The ratio's "
        "brackets are over pairs of rounds played one after the other. CPU is the worker's own, a server's not in it."
    )
    return f"{title}\n\n{table(head, rows)}" if rows else ""


def _cost_row(case: Case) -> Row:
    figures = case.figures()
    return [
        f"{case.workload} {case.size:,}, per {case.unit}",
        case.store,
        *(_with_spread(figures, engine) for engine in (CLEW, PEER)),
        _ratio(figures),
        *(duration(figures.get(f"{engine}.cpu_seconds")) for engine in (CLEW, PEER)),
        *(size(figures.get(f"{engine}.stored_bytes")) for engine in (CLEW, PEER)),
    ]


def _conversations(cases: Sequence[Case]) -> str:
    head = ("conversation", "store", "engine", f"turn {EARLY_TURN}", "last turn", "ratio", "exponent", "total")
    rows = [
        _conversation_row(case, engine) for case in cases if case.workload == CONVERSATION for engine in case.played
    ]
    title = (
        f"Long conversation: a turn is the median of {WINDOW_TURNS} turns around it, the ratio is the last turn's, the "
        "exponent is that of total time over turns. "
        f"Allowed on disk: {STORED_PER_TEXT_BYTE} x text + {STORED_PER_SUPER_STEP} bytes a super-step."
    )
    return f"{title}\n\n{table((*head, 'text', 'super-steps', 'stored', 'allowed'), rows)}" if rows else ""


def _conversation_row(case: Case, engine: str) -> Row:
    figures = {
        name.removeprefix(f"{engine}."): value
        for name, value in case.figures().items()
        if name.startswith(f"{engine}.")
    }
    text, steps = figures["text_bytes"], figures["super_steps"]
    return [
        f"{case.size:,} turns",
        case.store,
        engine,
        duration(figures["early_turn_seconds"]),
        duration(figures["last_turn_seconds"]),
        f"{case.figures()['ratio_last_turn']:.1f} x" if engine == CLEW and len(case.played) == 2 else NONE,
        f"{figures['exponent']:.2f}",
        duration(figures["total_seconds"]),
        size(text),
        f"{steps:,.0f}",
        size(figures.get("stored_bytes")),
        size(STORED_PER_TEXT_BYTE * text + STORED_PER_SUPER_STEP * steps),
    ]


def _growths(cases: Sequence[Case]) -> str:
    lines = [
        f"{case.store} {duration(figures['clew.median_seconds'])} beside "
        f"{duration(figures['clew.early_turn_seconds'])} ({figures['clew.growth']:.2f} x)"
        for case in cases
        if case.workload == GROWTH and (figures := case.figures())
    ]
    title = f"Turns up to turn 1,600 of a thread, each timed next to one around turn {EARLY_TURN} of another"
    return f"{title}: {', '.join(lines)}." if lines else ""


def _paused(cases: Sequence[Case]) -> str:
    head = ("paused threads", "store", "active: each", "over values", "objects each", "OS threads")
    rows = [_paused_row(case) for case in cases if case.workload == "paused-threads"]
    title = "Threads waiting at a question in one process: resident memory and Python objects for each."
    return f"{title}\n\n{table((*head, 'at rest: each', 'objects each'), rows)}" if rows else ""


def _paused_row(case: Case) -> Row:
    figures = case.figures()
    return [
        f"{case.size:,}",
        case.store,
        size(figures["clew.active_bytes_per_thread"]),
        size(active_over_values(figures)),
        f"{figures['clew.active_blocks_per_thread']:.1f}",
        f"{figures['clew.operating_system_threads']:.0f}",
        f"{figures['clew.resting_bytes_per_thread']:.0f} B",
        f"{figures['clew.resting_blocks_per_thread']:.2f}",
    ]


def _floors(cases: Sequence[Case]) -> str:
    floors = [
        f"{case.store} {_with_spread(figures, RAW)}"
        for case in cases
        if RAW in case.played and (figures := case.figures())
    ]
    return f"One durable commit of a 500-byte row through the driver alone: {', '.join(floors)}." if floors else ""


def _limits(found: Sequence[Finding]) -> str:
    rows = [
        [
            one.limit.claim,
            one.limit.store,
            _bound(one),
            NONE if one.measured is None else f"{one.measured:,.2f}",
            one.verdict,
        ]
        for one in found
    ]
    return table(("limit", "store", "bound", "measured", "verdict"), rows) if rows else ""


def _bound(finding: Finding) -> str:
    low, high = finding.limit.at_least, finding.limit.at_most
    return f"≥ {low:g}" if low is not None else f"≤ {high:,g}" if high is not None else NONE


def _environment(environment: dict[str, Any], cases: Sequence[Case]) -> str:
    lines = [f"- {name}: {value}" for name, value in environment.items()]
    seen = {
        f"- {engine} on {case.store}: {_flat(played.description)}"
        for case in cases
        for engine, played in case.played.items()
    }
    return "\n".join(["Environment:", "", *lines, *sorted(seen)])


def _flat(description: dict[str, Any]) -> str:
    parts = [f"Python {description.get('python', NONE)}"]
    for group in ("versions", "durability"):
        parts += [f"{name} {value}" for name, value in description.get(group, {}).items()]
    return ", ".join(parts)


def _ratio(figures: dict[str, float]) -> str:
    if "ratio" not in figures:
        return NONE
    return f"{figures['ratio']:.1f} x ({figures['ratio_low']:.1f} - {figures['ratio_high']:.1f})"


def _with_spread(figures: dict[str, float], engine: str) -> str:
    if f"{engine}.median_seconds" not in figures:
        return NONE
    middle, low, high = (duration(figures[f"{engine}.{name}_seconds"]) for name in ("median", "low", "high"))
    return f"{middle} ({low} - {high})"

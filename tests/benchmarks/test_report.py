"""The benchmark's sums, verdicts and tables, from numbers that are fixed."""

import json
from pathlib import Path

import pytest

from .engines import CLEW, PEER, RAW, Engine, missing_modules
from .limits import LIMITS, Finding, findings
from .measuring import WINDOW_TURNS, Case, Played, Round, exponent, window
from .readme import BEGIN, END, write
from .report import as_json, duration, markdown, size

ENVIRONMENT = {"system": "a test"}


def _round(*lap_seconds: float, units: int | None = None, cpu_seconds: float = 0.0) -> Round:
    return Round(lap_seconds, units or len(lap_seconds), sum(lap_seconds), cpu_seconds)


def _cycle(ours: list[Round], theirs: list[Round], store: str = "memory") -> Case:
    played = {CLEW: Played(tuple(ours)), PEER: Played(tuple(theirs))}
    return Case("interrupt-resume", "cycle", 1, store, played)


def _conversation(lap_seconds: list[float], stored_bytes: int | None = None) -> Case:
    facts = {"text_bytes": 500.0 * len(lap_seconds), "super_steps": float(len(lap_seconds))}
    played = {CLEW: Played((_round(*lap_seconds),), facts, stored_bytes)}
    return Case("long-conversation", "turn", len(lap_seconds), "sqlite", played)


def _paused(active: float, resting_blocks: float, threads: float) -> Case:
    facts = {
        "active_bytes_per_thread": active,
        "active_blocks_per_thread": 30.0,
        "resting_bytes_per_thread": 12.0,
        "resting_blocks_per_thread": resting_blocks,
        "value_bytes": 449.0,
        "operating_system_threads": threads,
    }
    return Case("paused-threads", "thread paused", 10_000, "sqlite", {CLEW: Played((_round(0.001),), facts)})


def _growth(early_seconds: float, last_seconds: float) -> Case:
    played = Played((_round(*[last_seconds] * 41),), {"early_turn_seconds": early_seconds})
    return Case("turn-growth", "last turn", 1_600, "sqlite", {CLEW: played})


def _verdicts(cases: list[Case]) -> dict[tuple[str, str], str]:
    return {(one.limit.claim, one.limit.store): one.verdict for one in findings(cases)}


def test_a_cost_is_the_median_of_the_rounds_medians_and_its_spread_their_extremes():
    figures = _cycle([_round(1, 2, 9), _round(3, 3, 3), _round(7, 4, 4)], [_round(8), _round(8), _round(8)]).figures()
    assert figures["clew.median_seconds"] == 3
    assert (figures["clew.low_seconds"], figures["clew.high_seconds"]) == (2, 4)
    assert figures["clew.total_seconds"] == 36


def test_a_ratio_is_of_medians_and_its_spread_over_rounds_played_in_turn():
    figures = _cycle([_round(1.0), _round(2.0), _round(2.0)], [_round(8.0), _round(8.0), _round(6.0)]).figures()
    assert figures["ratio"] == 4
    assert (figures["ratio_low"], figures["ratio_high"]) == (3, 8)


def test_a_lap_over_many_units_is_shared_among_them():
    chain = Case("sequential-nodes", "super-step", 100, "memory", {CLEW: Played((_round(0.5, 0.5, units=200),))})
    assert chain.figures()["clew.median_seconds"] == pytest.approx(0.005)


def test_processor_time_is_counted_for_each_unit():
    played = Played((_round(1, 1, cpu_seconds=0.6), _round(1, 1, cpu_seconds=0.2)))
    assert Case("interrupt-resume", "cycle", 1, "memory", {CLEW: played}).figures()["clew.cpu_seconds"] == 0.2


def test_one_engine_alone_has_no_ratio():
    assert "ratio" not in _conversation([1.0] * 100).figures()


@pytest.mark.parametrize(("turn", "middle"), [(100, 100), (1, 21), (200, 180)])
def test_a_turn_is_the_median_of_a_whole_window_that_never_leaves_the_conversation(turn: int, middle: int):
    assert WINDOW_TURNS == 41
    assert window([float(number) for number in range(1, 201)], turn) == middle


def test_flat_turns_have_exponent_one_and_growing_turns_more():
    assert exponent([1.0] * 400) == pytest.approx(1.0)
    assert exponent([float(turn) for turn in range(1, 401)]) == pytest.approx(2.0, abs=0.01)


def test_a_last_turn_dearer_than_allowed_is_missed():
    claim = next(limit.claim for limit in LIMITS if "last turn" in limit.claim)
    assert _verdicts([_growth(1.0, 1.3)])[claim, "sqlite"] == "reached"
    assert _verdicts([_growth(1.0, 1.31)])[claim, "sqlite"] == "missed"


def test_a_conversations_last_turn_is_compared_with_the_peers_last_turn():
    played = {
        CLEW: Played((_round(*[1.0] * 100),), {"text_bytes": 1.0, "super_steps": 1.0}),
        PEER: Played((_round(*[2.0] * 50, *[9.0] * 50),), {"text_bytes": 1.0, "super_steps": 1.0}),
    }
    case = Case("long-conversation", "turn", 100, "memory", played)
    assert case.figures()["ratio_last_turn"] == 9
    assert "| 100 turns | memory | clew | 1.00 s | 1.00 s | 9.0 x |" in markdown(ENVIRONMENT, [case], [])


def test_stored_bytes_are_held_against_text_and_super_steps():
    allowed = 1_600 * (1.5 * 500 + 600)
    claim = next(limit.claim for limit in LIMITS if "bytes stored" in limit.claim)
    assert _verdicts([_conversation([1.0] * 1_600, int(allowed))])[claim, "sqlite"] == "reached"
    assert _verdicts([_conversation([1.0] * 1_600, int(allowed) + 1)])[claim, "sqlite"] == "missed"


@pytest.mark.parametrize(("store", "times"), [("memory", 6.0), ("sqlite", 3.0), ("postgres", 2.0)])
def test_a_cycle_must_be_faster_than_the_peers_by_its_stores_factor(store: str, times: float):
    claim = next(limit.claim for limit in LIMITS if "cycle" in limit.claim)
    assert _verdicts([_cycle([_round(1.0)], [_round(times)], store)])[claim, store] == "reached"
    assert _verdicts([_cycle([_round(1.0)], [_round(times - 0.01)], store)])[claim, store] == "missed"


@pytest.mark.parametrize(
    ("case", "missed"),
    [
        (_paused(active=4_545, resting_blocks=0.5, threads=8), []),
        (_paused(active=4_546, resting_blocks=0.5, threads=8), ["over the state's values"]),
        (_paused(active=4_545, resting_blocks=1.0, threads=8), ["at rest"]),
        (_paused(active=4_545, resting_blocks=0.0, threads=10_004), ["operating-system threads"]),
    ],
)
def test_a_paused_thread_is_held_to_its_memory_and_has_no_thread_of_its_own(case: Case, missed: list[str]):
    found = [one for one in findings([case]) if one.verdict == "missed"]
    assert len(found) == len(missed)
    assert all(words in one.limit.claim for words, one in zip(missed, found, strict=True))


def test_what_was_not_run_is_neither_reached_nor_missed():
    assert {one.verdict for one in findings([])} == {"not run"}
    assert {one.verdict for one in findings([_conversation([1.0] * 100)])} == {"not run"}


def test_the_tables_show_each_figure_with_its_unit():
    floor = Case("raw-commit", "commit", 500, "sqlite", {RAW: Played((_round(0.000144),))})
    cases = [
        _cycle([_round(0.001)], [_round(0.0042)]),
        _conversation([0.002] * 1_600, 1_234_567),
        _paused(3_000, 0.01, 6),
        _growth(0.002, 0.0021),
        floor,
    ]
    text = markdown(ENVIRONMENT, cases, findings(cases))
    assert (
        "| interrupt-resume 1, per cycle | memory | 1.00 ms (1.00 ms - 1.00 ms) | 4.20 ms (4.20 ms - 4.20 ms) |" in text
    )
    assert "| 4.2 x (4.2 - 4.2) |" in text
    assert "| 1,600 turns | sqlite | clew | 2.00 ms | 2.00 ms | - | 1.00 | 3.20 s | 800 kB | 1,600 | 1.23 MB |" in text
    assert "| 10,000 | sqlite | 3.00 kB | 2.55 kB | 30.0 | 6 | 12 B | 0.01 |" in text
    assert "around turn 100 of another: sqlite 2.10 ms beside 2.00 ms (1.05 x)." in text
    assert "through the driver alone: sqlite 144 µs (144 µs - 144 µs)." in text
    assert "| interrupt-resume cycle: times faster than langgraph | memory | ≥ 6 | 4.20 | missed |" in text


def test_every_table_row_has_as_many_cells_as_its_head():
    cases = [_cycle([_round(0.001)], [_round(0.0042)]), _conversation([0.002] * 1_600, 5), _paused(3_000, 0.01, 6)]
    tables = [part for part in markdown(ENVIRONMENT, cases, findings(cases)).split("\n\n") if part.startswith("|")]
    assert len(tables) == 4
    for lines in (part.strip().splitlines() for part in tables):
        assert len({line.count("|") for line in lines}) == 1


def test_the_json_holds_the_same_figures_and_verdicts():
    cases = [_cycle([_round(1.0)], [_round(7.0)])]
    again = json.loads(json.dumps(as_json(ENVIRONMENT, cases, findings(cases))))
    assert again["cases"][0]["figures"]["ratio"] == 7
    assert again["limits"][0] == {
        "claim": LIMITS[0].claim,
        "store": "memory",
        "at_least": 6.0,
        "at_most": None,
        "measured": 7.0,
        "verdict": "reached",
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.0000423, "42.3 µs"), (0.00125, "1.25 ms"), (0.4, "400 ms"), (3.1, "3.10 s"), (1234.0, "1,234 s")],
)
def test_a_duration_is_shown_with_three_digits_in_the_unit_that_fits(seconds: float | None, text: str):
    assert duration(seconds) == text


@pytest.mark.parametrize(("stored", "text"), [(None, "-"), (512, "512 B"), (1_940_000, "1.94 MB"), (5e9, "5.00 GB")])
def test_a_size_is_shown_in_decimal_units(stored: float | None, text: str):
    assert size(stored) == text


def test_a_finding_says_missed_only_beyond_its_bound():
    limit = LIMITS[0]
    assert [Finding(limit, value).verdict for value in (5.99, 6.0, 6.01)] == ["missed", "reached", "reached"]


def test_an_engine_refuses_a_name_it_does_not_have():
    with pytest.raises(AttributeError, match="'raw' has no 'StateGraph'"):
        _ = Engine(RAW).StateGraph


def test_clew_lacks_no_module_the_workloads_need():
    assert missing_modules(CLEW, ["memory", "sqlite", "postgres"]) == []


def test_the_readmes_table_has_the_rows_that_both_engines_ran_and_stands_between_its_marks(tmp_path: Path):
    chain = Case("sequential-nodes", "super-step", 100, "sqlite", _cycle([_round(0.001)], [_round(0.003)]).played)
    alone = Case("tool-loop", "round", 50, "memory", {CLEW: Played((_round(1.0),))})
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write([_cycle([_round(1.0)], [_round(8.0)]), chain, alone], readme)
    assert readme.read_text().splitlines() == [
        "before",
        BEGIN,
        "",
        "| | store | clew | LangGraph | ratio |",
        "|---|---|---:|---:|---:|",
        "| ask, pause, answer, finish (fresh thread) | memory "
        "| 1.00 s (1.00 s - 1.00 s) | 8.00 s (8.00 s - 8.00 s) | 8.0 x (8.0 - 8.0) |",
        "| a super-step of a chain of 100 | SQLite "
        "| 1.00 ms (1.00 ms - 1.00 ms) | 3.00 ms (3.00 ms - 3.00 ms) | 3.0 x (3.0 - 3.0) |",
        "",
        END,
        "after",
    ]


def test_a_readme_without_the_marks_is_left_alone(tmp_path: Path):
    readme = tmp_path / "README.md"
    readme.write_text("no table here")
    with pytest.raises(ValueError, match="put both where the table belongs"):
        write([], readme)
    assert readme.read_text() == "no table here"


def test_the_repositorys_readme_has_the_marks():
    text = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    assert text.index(BEGIN) < text.index(END)

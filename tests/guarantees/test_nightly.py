"""The command that runs the plan at night: every line has its tests, and their figures come into the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import nightly

PRINTED = """
....                                                                     [100%]
====================== figures, reported and not asserted ======================
R1: 26 graphs, 520 kills
R10: 40,000 bytes flipped
R1: 26 graphs, 520 kills
R16 with R17: sqlite: 3 kills
"""


def test_every_line_has_something_that_runs_it() -> None:
    for line in nightly.LINES:
        files = [word for word in nightly.command(line) if word.endswith(".py")]
        assert len(files) == (line != nightly.MUTATION)
        assert all((nightly.ROOT / file).is_file() for file in files)


def test_a_lines_figures_are_its_own_each_once() -> None:
    assert nightly.figures(1, PRINTED) == ["26 graphs, 520 kills (2 times)"]
    assert nightly.figures(10, PRINTED) == ["40,000 bytes flipped"]
    assert nightly.figures(16, PRINTED) == ["sqlite: 3 kills"]
    said = "\nlease: 9 of 10 changes noticed (90.0 %), 1 not, of which 0 without a reason\n"
    assert nightly.figures(20, said) == ["lease: 9 of 10 changes noticed (90.0 %), 1 not, of which 0 without a reason"]


def test_what_came_of_a_line_stands_in_its_row_and_nothing_else_changes() -> None:
    page = nightly.PAGE.read_text(encoding="utf-8")
    for line in nightly.LINES:
        changed = nightly.written(page, line, "all | well (7 s)").splitlines()
        [(before, after)] = [pair for pair in zip(page.splitlines(), changed, strict=True) if pair[0] != pair[1]]
        assert after.endswith("| all / well (7 s) |")
        assert after.split("|")[:-2] == before.split("|")[:-2]


@pytest.mark.parametrize("wrong", ["R21", "R0"])
def test_a_line_that_is_not_there_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        nightly.main([wrong])
    assert "R1 to R20" in capsys.readouterr().err


def test_a_line_that_fails_says_why_and_keeps_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("| [R4](x) | answers | 50 | 1,000 | as it was |\n", encoding="utf-8")
    monkeypatch.setattr(nightly, "PAGE", page)
    monkeypatch.setattr(nightly, "command", lambda line: ["sh", "-c", f"echo boom; echo 'R{line}: 3 done'; exit $CODE"])
    monkeypatch.setenv("CODE", "1")
    assert nightly.main(["R4"]) == 1
    assert "boom" in capsys.readouterr().out
    assert "as it was" in page.read_text(encoding="utf-8")
    monkeypatch.setenv("CODE", "0")
    assert nightly.main(["r4", "--part", "20"]) == 0
    assert page.read_text(encoding="utf-8").endswith("| one case in 20: 3 done (0 s) |\n")

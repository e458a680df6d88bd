"""The incident is what the document tells: every command of it runs, and prints what stands there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from clew import Command, SqliteSaver

from .console import differs, run, steps

DOCUMENT = Path(__file__).parents[2] / "docs/how-to/investigate-an-incident.md"
BUG, MENDED = 'refund["paid"] * 2  # the bug', 'refund["paid"]'


def write(code: str) -> None:
    Path("refunds.py").write_text(code)
    sys.modules.pop("refunds", None)


@pytest.mark.slow
def test_the_incident_is_told_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("CLEW_WHO", "ops")
    code = DOCUMENT.read_text().split("```python\n")[1].split("```")[0]
    assert BUG in code
    write(code)
    from refunds import builder  # type: ignore[import-not-found]

    with SqliteSaver.from_conn_string("refunds.db") as saver:
        service = builder.compile(checkpointer=saver, name="refunds")
        for number, paid in ((17, 120), (18, 40)):
            service.invoke({"paid": paid}, {"configurable": {"thread_id": f"refund-{number}"}})
        service.invoke(Command(resume=True), {"configurable": {"thread_id": "refund-17", "who": "ann"}})
    environment: dict[str, str] = {}
    wrong = []
    for command, wanted in steps(DOCUMENT):
        if command.startswith("clew fork"):
            write(code.replace(BUG, MENDED))
        printed = run(command, environment)
        if trouble := differs(wanted, printed):
            wrong.append(f"$ {command}\n{trouble}")
    sys.modules.pop("refunds", None)
    assert wrong == [], "\n".join(wrong)

"""A process is lost, another one goes on: `kill -9` at a question and in the middle of a step, on SQLite and Postgres.

The programs are in `programs/`, made to be run by hand too. What they really did stands in a ledger: a file that no
store can take back.
"""

import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from clew import PostgresSaver, SqliteSaver
from clew.events.vocabulary import NodeCompleted, Resumed

from tests.support.programs import outcome, program
from tests.support.stories import commits, events, interview

ANSWERERS = 8
DEADLINE_SECONDS = 30.0

pytestmark = pytest.mark.slow
Saver = SqliteSaver | PostgresSaver


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def test_a_process_killed_at_its_question_is_answered_in_another(address: str, ledger: Path, durable: Saver) -> None:
    with program("transfer.py", address, "rent", "start", "750", "--ledger", str(ledger)) as first:
        assert first.says()["asks"] == "Transfer 750 EUR?"
        first.kill()

    done = outcome("transfer.py", address, "rent", "answer", "yes", "ann")

    assert done["receipt"] == "sent 750 EUR"
    assert ledger.read_text().splitlines() == ["reserved 750 EUR", "sent 750 EUR"], "nothing was done twice"
    assert interview(durable, "rent") == [("Transfer 750 EUR?", "yes", "ann")]


def test_what_a_sibling_had_finished_is_not_done_again_after_a_kill(address: str, ledger: Path, durable: Saver) -> None:
    with program("errands.py", address, "saturday", "begin", str(ledger)) as first:
        assert first.line().startswith("at the barber's")
        wait_for_letter(durable)
        first.kill()

    assert outcome("errands.py", address, "saturday", "go-on")["done"] == ["hair", "letter"]

    assert sorted(ledger.read_text().splitlines()) == [
        "posted the letter",
        "sat down at the barber's",
        "sat down at the barber's",
    ]


def test_of_a_killed_run_that_stores_at_its_end_nothing_is_left(address: str, ledger: Path, durable: Saver) -> None:
    with program("errands.py", address, "saturday", "begin-exit", str(ledger)) as first:
        assert first.line().startswith("at the barber's")
        while "posted the letter" not in ledger.read_text():
            time.sleep(0.01)
        first.kill()
    assert commits(durable, "saturday") == []

    done = outcome("errands.py", address, "saturday", "begin-exit", str(ledger), typed="\n")

    assert done["done"] == ["hair", "letter"]
    (only,) = commits(durable, "saturday")
    assert sum(isinstance(event, NodeCompleted) for event in only.events) == 2
    with program("errands.py", address, "saturday", "begin-exit", str(ledger)) as second:
        assert second.line().startswith("at the barber's")
        second.kill()
    assert commits(durable, "saturday") == [only], "the thread is as it was before the run that was killed"


def wait_for_letter(saver: Saver) -> None:
    """Wait until the log of the other process has the finished errand."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not events(saver, "saturday", NodeCompleted):
        assert time.monotonic() < deadline, "the finished sibling was never recorded"
        time.sleep(0.01)


def test_of_eight_processes_that_answer_at_once_one_wins(address: str, ledger: Path, durable: Saver) -> None:
    with program("transfer.py", address, "rent", "start", "750", "--ledger", str(ledger)) as first:
        first.says()
        first.kill()

    names = [f"clerk {number}" for number in range(ANSWERERS)]
    with ExitStack() as running:
        clerks = {
            name: running.enter_context(program("transfer.py", address, "rent", "answer", "yes", name, "--together"))
            for name in names
        }
        for name, clerk in clerks.items():
            assert clerk.says() == {"ready": name}
        for clerk in clerks.values():
            clerk.type()
        outcomes = {name: clerk.says() for name, clerk in clerks.items()}

    [winner] = [name for name, said in outcomes.items() if "receipt" in said]
    refused = [said for name, said in outcomes.items() if name != winner]
    assert [said["winner"] for said in refused] == [winner] * (ANSWERERS - 1)
    assert all(f"was answered by '{winner}'" in said["refused"] for said in refused)
    assert ledger.read_text().splitlines() == ["reserved 750 EUR", "sent 750 EUR"]
    assert [event.who for event in events(durable, "rent", Resumed)] == [winner]

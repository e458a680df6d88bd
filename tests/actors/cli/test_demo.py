"""`clew demo`: the question, the process that is lost at it, the answer, and the log, at a terminal and without one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clew import START, MessagesState, SqliteSaver, StateGraph
from clew.actors.cli.commands import clew
from click.testing import CliRunner, Result

from .terminal import COLUMNS, Terminal

QUESTION = "What should somebody know who builds an AI agent?"
ANSWER = "Keep a person in the loop."
DEMO = [sys.executable, "-P", "-m", "clew.actors.cli.main", "demo"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and nothing in the environment that changes what is printed."""
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def demo(*words: str) -> Result:
    """Run the command in this process, without a terminal."""
    return CliRunner().invoke(clew, ["demo", *words])


def at_terminal(folder: Path, *words: str, **environment: str) -> Terminal:
    return Terminal([*DEMO, *words], folder, {**ENVIRONMENT, **environment})


def events(result: Result) -> list[str]:
    """The events that the printed log lists."""
    log = result.stdout.partition("== The log")[2].partition("== The state")[0]
    return re.findall(r"\d\d:\d\d:\d\d\W+(\w+)", log)


def test_without_a_terminal_the_question_is_shown_and_waits(folder: Path) -> None:
    result = demo()
    assert result.exit_code == 0, result.output
    assert QUESTION in result.stdout
    assert 'clew demo --answer "TEXT"' in result.stdout
    assert [file.name for file in folder.iterdir() if file.suffix == ".db"] == ["clew-demo.db"]


def test_an_answer_given_at_once_runs_the_thread_to_its_end(folder: Path) -> None:
    result = demo("--answer", ANSWER)
    assert result.exit_code == 0, result.output
    assert QUESTION in result.stdout
    said = events(result)
    assert said[:2] == ["GraphSeen", "RunStarted"]
    assert said[-1] == "RunFinished"
    assert said.index("InterruptRaised") < said.index("Resumed") < said.index("EffectRecorded")


def test_an_answer_given_later_goes_on_where_the_thread_stopped(folder: Path) -> None:
    demo()
    result = demo("--answer", ANSWER)
    assert result.exit_code == 0, result.output
    assert "Folded its 3 commits" in result.stdout
    assert "next is tools" in result.stdout
    assert events(result).count("RunStarted") == 1
    rebuilt = result.stdout.partition("== The state")[2]
    assert re.search(r"next +\[\]", rebuilt)
    assert re.search(rf"tool +{re.escape(ANSWER)}", rebuilt)
    assert f'the expert says: "{ANSWER}"' in " ".join(rebuilt.split())


def test_a_finished_thread_is_shown_again_and_asks_nothing(folder: Path) -> None:
    demo("--answer", ANSWER)
    result = demo()
    assert result.exit_code == 0, result.output
    assert "nothing is left to do" in result.stdout
    assert events(result)[-1] == "RunFinished"


def test_a_second_answer_is_not_taken_and_names_the_winner(folder: Path) -> None:
    demo("--answer", ANSWER)
    result = demo("--answer", "Something else")
    assert result.exit_code == 1
    assert f"process {os.getpid()} gave one at" in result.stderr
    assert "Something else" not in result.stdout


def test_reset_erases_the_thread_and_begins_a_new_one(folder: Path) -> None:
    secret = "the answer that must be gone"
    demo("--answer", secret)
    result = demo("--reset")
    assert result.exit_code == 0, result.output
    assert "Thread 'demo-2' begins" in result.stdout
    assert secret not in result.stdout
    assert not any(secret.encode() in file.read_bytes() for file in folder.iterdir())
    assert "Thread 'demo-2' found" in demo().stdout


def test_reset_of_an_empty_file_just_begins(folder: Path) -> None:
    result = demo("--reset")
    assert result.exit_code == 0, result.output
    assert "Thread 'demo' begins" in result.stdout


def test_store_and_thread_are_chosen_and_repeated_in_what_to_type_next(folder: Path) -> None:
    result = demo("--store", "my threads.db", "--thread", "t 1")
    assert result.exit_code == 0, result.output
    assert "clew demo --store 'my threads.db' --thread 't 1' --answer \"TEXT\"" in result.stdout
    assert (folder / "my threads.db").exists()
    assert "Thread 't 1' found" in demo("--store", "my threads.db", "--thread", "t 1").stdout


@pytest.mark.slow
@pytest.mark.parametrize("on_path", [True, False])
def test_what_to_type_next_is_what_the_shell_finds(folder: Path, on_path: bool) -> None:
    script = shutil.which("clew", path=str(Path(sys.executable).parent))
    assert script is not None, "the package's entry point is not installed beside this Python"
    path = str(Path(script).parent) if on_path else os.defpath
    environment = {**ENVIRONMENT, "PATH": path}
    done = subprocess.run([script, "demo"], capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert f'  {"clew" if on_path else script} demo --answer "TEXT"\n' in done.stdout


def test_a_thread_of_another_graph_is_left_alone(folder: Path) -> None:
    with SqliteSaver.from_conn_string("shop.db") as saver:
        builder = StateGraph(MessagesState).add_node("node", lambda state: {"messages": ["an order"]})
        graph = builder.add_edge(START, "node").compile(checkpointer=saver, name="shop")
        config = {"configurable": {"thread_id": "customer"}}
        graph.invoke({"messages": []}, config)  # type: ignore[arg-type]
        result = demo("--store", "shop.db", "--thread", "customer", "--reset")
        assert result.exit_code == 1
        assert "belongs to graph 'shop'" in result.stderr
        assert graph.get_state(config).values["messages"][0].text == "an order"  # type: ignore[arg-type]


@pytest.mark.parametrize(("content", "says"), [(b"no database at all", "no SQLite database"), (None, "cannot open")])
def test_a_file_that_cannot_be_used_is_said_on_standard_error(folder: Path, content: bytes | None, says: str) -> None:
    store = Path("missing/folder.db" if content is None else "notes.txt")
    if content is not None:
        store.write_bytes(content)
    result = demo("--store", str(store))
    assert result.exit_code == 1
    assert says in result.stderr
    assert "Traceback" not in result.output
    assert content is None or store.read_bytes() == content


def test_wrong_usage_exits_with_2(folder: Path) -> None:
    assert demo("--anwser", "x").exit_code == 2
    assert demo("--store", ".").exit_code == 2


def test_help_tells_each_option_and_the_exit_codes(folder: Path) -> None:
    group, result = CliRunner().invoke(clew, ["--help"]), demo("--help")
    assert "demo" in group.stdout
    assert group.exit_code == result.exit_code == 0
    for option in ("--store", "--thread", "--answer", "--reset", "--help", "Exit codes"):
        assert option in result.stdout
    assert max(len(line) for line in (group.stdout + result.stdout).splitlines()) <= COLUMNS


def test_plain_output_has_no_escape_sequences_and_fits_80_columns(folder: Path) -> None:
    result = demo("--answer", "With \x1b[31mcolours\x1b[0m, [red]markup[/red] and " + "a long word " * 20)
    assert "\x1b" not in result.output
    assert "[red]markup[/red]" in result.stdout
    lines = [line for line in result.stdout.splitlines() if not line.startswith("  clew")]
    assert max(len(line) for line in lines) <= COLUMNS


def test_an_answer_that_the_output_cannot_spell_is_still_taken(folder: Path) -> None:
    result = CliRunner(charset="ascii").invoke(clew, ["demo", "--answer", "Größe"])
    assert result.exit_code == 0, result.output
    assert events(result)[-1] == "RunFinished"


@pytest.mark.slow
def test_a_process_killed_at_its_question_is_taken_up_by_the_next_one(folder: Path) -> None:
    with at_terminal(folder) as first:
        first.read_until("Your answer: ")
        assert f"kill -9 {first.process.pid}" in first.text
        first.kill()
    result = demo("--answer", ANSWER)
    assert result.exit_code == 0, result.output
    assert "next is tools" in result.stdout
    said = " ".join(result.stdout.split())
    assert f"[process {first.process.pid}]" in said
    assert f"[process {os.getpid()}]" in said
    assert events(result).count("RunStarted") == 1
    assert events(result)[-1] == "RunFinished"


@pytest.mark.slow
def test_ctrl_c_leaves_the_question_open_and_the_next_one_answers_at_the_prompt(folder: Path) -> None:
    with at_terminal(folder) as first:
        first.read_until("Your answer: ")
        first.press_until("\x03", "Left.")
        assert first.end() == 130
        assert "go on with\n" in re.sub(r"\x1b\[[\d;]*m", "", first.text)
        assert "Traceback" not in first.text
    with at_terminal(folder) as second:
        second.read_until("Your answer: ")
        second.type(f"{ANSWER}\n")
        assert second.end() == 0
        assert "completed" in second.text


@pytest.mark.slow
def test_of_two_people_at_their_prompts_one_answer_counts(folder: Path) -> None:
    with at_terminal(folder) as first:
        first.read_until("Your answer: ")
        with at_terminal(folder) as second:
            second.read_until("Your answer: ")
            first.type("mine\n")
            assert first.end() == 0
            second.type("no, mine\n")
            assert second.end() == 1
            assert f"process {first.process.pid}" in second.text.partition("no, mine")[2]
            assert "Traceback" not in second.text


@pytest.mark.slow
def test_a_terminal_gets_colours_unless_no_color_is_set(folder: Path) -> None:
    with at_terminal(folder) as coloured:
        coloured.read_until("Your answer: ")
    with at_terminal(folder, NO_COLOR="1") as plain:
        plain.read_until("Your answer: ")
    colour = re.compile(r"\x1b\[(\d+;)*3\d")
    assert colour.search(coloured.text)
    assert not colour.search(plain.text)
    written = re.sub(r"\x1b\[[\d;]*m", "", coloured.text)
    assert max(len(line) for line in written.splitlines()) <= COLUMNS

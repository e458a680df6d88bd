"""Programs of the shape that LangGraph's tutorial teaches run on clew with nothing changed but the modules they import.

The modules are replaced as the table in docs/how-to/coming-from-langgraph.md says; the programs talk to OpenAI's real
client over the loopback. What they must print, `<step>.printed.txt`, is what the same files printed on LangGraph 1.2.22
(langchain-core 1.7.2) against the same server.
"""

from __future__ import annotations

import os
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
from clew.testing import after_tool, call, reply_to

from tests.support.packages import require
from tests.support.wire_server import KEY, WireServer

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "tutorial"
STEPS = ["step_4", "step_5", "step_6"]
SCRIPT = [
    reply_to("expert", ["I will ask.", call("human_assistance", query="How to build an AI agent?")]),
    reply_to("released", call("human_assistance", name="Python", birthday="5 October 1969")),
    reply_to("learning", ["I will look.", call("lookup", query="agent graphs")]),
    reply_to("build", call("lookup", query="example agents")),
    after_tool("human_assistance", lambda messages: f"The person said: {messages[-1].text}"),
    after_tool("lookup", lambda messages: f"I found: {messages[-1].text}"),
]


def replacements() -> dict[str, str]:
    """The table of modules in the how-to page."""
    page = (ROOT / "docs" / "how-to" / "coming-from-langgraph.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `(lang[\w.]+)` \| `(clew[\w.]*)` \|", page, re.MULTILINE))


def moved_over(program: str) -> str:
    """The program with the modules of its import lines replaced."""
    modules = replacements()
    pattern = rf"^from ({'|'.join(map(re.escape, modules))}) import "
    return re.sub(pattern, lambda found: f"from {modules[found[1]]} import ", program, flags=re.MULTILINE)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WireServer]:
    """A server in OpenAI's place, and an environment in which its client finds it."""
    require("langchain_openai", 'pip install "clew[testing]"')
    require("langchain_tavily", "pip install --no-deps langchain-tavily, and pip install aiohttp requests")
    for name in [name for name in os.environ if name.startswith(("OPENAI_", "LANGSMITH_", "LANGCHAIN_"))]:
        monkeypatch.delenv(name)
    with WireServer(SCRIPT) as running:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", running.openai_url)
        monkeypatch.setenv("TAVILY_API_KEY", KEY)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield running


@pytest.mark.parametrize("step", STEPS)
def test_the_tutorials_code_prints_the_same_with_only_import_lines_changed(
    step: str, server: WireServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = (PROGRAMS / f"{step}.txt").read_text(encoding="utf-8")
    file = tmp_path / f"{step}.py"
    file.write_text(moved_over(program), encoding="utf-8")
    runpy.run_path(str(file))
    assert capsys.readouterr().out == (PROGRAMS / f"{step}.printed.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("step", STEPS)
def test_only_import_lines_change(step: str) -> None:
    program = (PROGRAMS / f"{step}.txt").read_text(encoding="utf-8")
    moved = moved_over(program)
    pairs = zip(program.splitlines(), moved.splitlines(), strict=True)
    changed = [before for before, after in pairs if before != after]
    assert changed
    assert all(line.startswith("from lang") for line in changed)
    assert not re.search(r"langgraph|langchain\.", moved)

"""The plug-in that runs the documents is itself held to what it promises, in a small project of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run_documents(tmp_path: Path):
    """Write documents below a fresh root and run pytest there with the plug-in; returns (exit code, output)."""

    def run(**documents: str) -> tuple[int, str]:
        (tmp_path / "docs").mkdir(exist_ok=True)
        (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p tests.docs.documents -p no:cacheprovider -q\n")
        for name, text in documents.items():
            folder = tmp_path if name == "README" else tmp_path / "docs"
            (folder / f"{name}.md").write_text(text)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        command = [sys.executable, "-m", "pytest", "README.md", "docs"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


def block(code: str) -> str:
    return f"text\n\n```python\n{code}\n```\n"


def test_a_block_that_fails_fails_the_run_and_names_its_line(run_documents):
    code, output = run_documents(README=block("answer = 1") + block("assert answer == 2"))
    assert code == 1
    assert "1 failed, 1 passed" in output
    assert "README.md:9" in output or "line:8" in output


def test_blocks_share_a_module_in_one_document_and_nothing_across_documents(run_documents):
    readme = block(
        "import os\nfrom pathlib import Path\nos.environ['LEFT'] = 'x'\nPath('left.txt').write_text('x')\nshared = 1"
    )
    readme += block("assert shared == 1 and Path('left.txt').exists()")
    other = block(
        "import os\nassert 'LEFT' not in os.environ\nassert os.listdir() == []\nassert 'shared' not in globals()"
    )
    code, output = run_documents(README=readme, other=other)
    assert code == 0, output
    assert "3 passed" in output


def test_a_block_sees_its_own_type_hints_and_source(run_documents):
    code, output = run_documents(
        README=block(
            "from __future__ import annotations\nimport typing, inspect\nclass Name(str): ...\n"
            "class State(typing.TypedDict):\n    name: Name\n"
            "def greet(): ...\n"
            "assert typing.get_type_hints(State) == {'name': Name}\nassert 'def greet' in inspect.getsource(greet)"
        )
    )
    assert code == 0, output


def test_a_skip_needs_a_reason(run_documents):
    skipped = "<!--- skip: next{} -->\n" + block("raise SystemError")
    code, output = run_documents(README=skipped.format(' "needs a real model"'))
    assert code == 0, output
    assert "1 skipped" in output
    code, output = run_documents(README=skipped.format(""))
    assert code == 2
    assert "gives no reason" in output


def test_an_invisible_block_runs(run_documents):
    readme = "<!--- invisible-code-block: python\nmodel = 'scripted'\n-->\n" + block("assert model == 'scripted'")
    code, output = run_documents(README=readme)
    assert code == 0, output
    assert "2 passed" in output

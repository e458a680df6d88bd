"""What the tutorials show as output is what their code prints; `...` stands for what differs from run to run."""

from __future__ import annotations

import doctest
import io
from contextlib import redirect_stdout, suppress
from pathlib import Path
from unittest import SkipTest

import pytest
from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.example import Example
from sybil.parsers.markdown import CodeBlockParser

from .documents import MarkdownModule, ReasonedSkipParser, Workplace

TUTORIALS = sorted((Path(__file__).parents[2] / "docs" / "tutorials").glob("*.md"))
PRINTED = "__printed__"
"""Name under which a document's module keeps what its last Python block printed."""
run_block = PythonEvaluator()
is_same = doctest.OutputChecker().check_output


def run_and_keep(example: Example) -> None:
    """Run a Python block and keep what it prints for the block that shows it."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        run_block(example)
    example.namespace[PRINTED] = printed.getvalue()


def compare(example: Example) -> str | None:
    """A `text` block is the output of the Python block before it."""
    shown, printed = trimmed(example.parsed), trimmed(example.namespace.pop(PRINTED, ""))
    if is_same(shown, printed, doctest.ELLIPSIS):
        return None
    return f"the tutorial shows\n{shown}\nand its code prints\n{printed}"


def trimmed(text: str) -> str:
    """The text without spaces at the ends of lines, which editors take away."""
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines()) + "\n"


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_shows_what_its_code_prints(tutorial: Path) -> None:
    parsers = [CodeBlockParser("python", run_and_keep), ReasonedSkipParser(), CodeBlockParser("text", compare)]
    sybil = Sybil(parsers=parsers, path=str(tutorial.parent), document_types={".md": MarkdownModule})
    document = sybil.parse(tutorial)
    workplace = Workplace()
    workplace.enter(document.namespace)
    try:
        for example in document.examples():
            with suppress(SkipTest):
                example.evaluate()
    finally:
        workplace.leave(document.namespace)

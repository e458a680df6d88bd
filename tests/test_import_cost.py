"""What an import costs, counted in modules: a count does not depend on how busy the machine is."""

from __future__ import annotations

import pytest

from tests.test_layout import run_python

LANGCHAIN = (
    "from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage; "
    "from langchain_core.tools import BaseTool, tool; "
    "from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda; "
)
"""What every program with messages and tools pays to langchain-core."""
GRAPH = "START, END, Command, InMemorySaver, MessagesState, StateGraph, interrupt"
TOOLS = f"{GRAPH}, SqliteSaver, ToolNode, tools_condition"


def modules(statement: str) -> list[str]:
    """The modules that a statement imports beyond langchain-core's."""
    code = f"import sys\n{LANGCHAIN}\nbefore = {{*sys.modules}}\n{statement}\nprint(*({{*sys.modules}} - before))"
    return sorted(run_python(code).split())


def test_importing_clew_imports_next_to_nothing() -> None:
    found = run_python("import sys\nbefore = {*sys.modules}\nimport clew\nprint(*({*sys.modules} - before))").split()
    assert [name for name in found if name.startswith(("langchain", "langsmith", "pydantic", "msgspec", "pykka"))] == []
    assert len([name for name in found if name.startswith("clew")]) <= 12


@pytest.mark.parametrize(("names", "at_most"), [(GRAPH, 110), (TOOLS, 145)])
def test_writing_a_graph_imports_neither_the_doors_nor_the_actors(names: str, at_most: int) -> None:
    found = modules(f"from clew import {names}")
    heavy = ("clew.actors.doors.", "clew.actors.follow", "clew.actors.run_stream", "clew.projections.drawing", "pykka")
    assert [name for name in found if name.startswith(heavy)] == []
    assert len([name for name in found if name.startswith("clew")]) <= at_most


def test_a_saver_alone_shows_what_it_has() -> None:
    code = "from clew.checkpoint import InMemorySaver\nprint([*InMemorySaver().list(None)])"
    assert run_python(code).strip() == "[]"

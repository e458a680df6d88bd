"""The loopback LangSmith server takes what langchain-core's tracer posts, whichever way it posts it."""

from __future__ import annotations

import pytest
from clew.actors.kit.scripted_model import ScriptedModel
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

from tests.support.langsmith_server import LangSmithServer, tracing_to, tree


@tool
def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


def fail(value: str) -> str:
    raise ValueError(value)


@pytest.mark.parametrize("way", ["compressed", "multipart", "batch"])
def test_a_trace_arrives_whole_however_it_is_posted(way):
    model = ScriptedModel([("hello", "hi")])
    chain = RunnableLambda(lambda text: model.invoke(text).text) | RunnableLambda(
        lambda text: double.invoke({"number": len(text)})
    )
    with LangSmithServer(way) as server, tracing_to(server):
        # The client's first posts may go before its background thread has switched compression on.
        RunnableLambda(str).invoke("first")
        server.traces()
        assert chain.invoke("hello", {"run_name": "greet", "metadata": {"who": "me"}}) == 4
        with pytest.raises(ValueError, match="no"):
            RunnableLambda(fail).invoke("no")
        _, first, second = server.traces()
    assert tree(first) == [
        "chain greet",
        "  chain RunnableLambda",
        "    llm ScriptedModel",
        "  chain RunnableLambda",
        "    tool double",
    ]
    assert tree(second) == ["chain fail failed"]
    assert all(run.finished for run in [*first, *second])
    assert first[0].metadata["who"] == "me"
    assert first[0].fields["inputs"] == {"input": "hello"}
    assert first[4].fields["outputs"] == {"output": 4}
    assert way in server.ways
    assert server.complaints == []

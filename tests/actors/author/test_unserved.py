"""What the engine does not do yet is refused when the graph is compiled, never left out in silence."""

from __future__ import annotations

import pytest
from clew import START, MessagesState, StateGraph


async def node(state: MessagesState) -> None:
    """Never called."""


def builder(**options: object) -> StateGraph:
    return StateGraph(MessagesState).add_node("node", node, **options).add_edge(START, "node")


@pytest.mark.parametrize(("promise", "value"), [("timeout", 1.0)])
def test_a_promise_that_is_not_served_is_refused_with_the_nodes_name(promise: str, value: object) -> None:
    with pytest.raises(NotImplementedError, match=f"{promise} of 'node'"):
        builder(**{promise: value}).compile()


def test_a_default_for_every_node_is_refused_too() -> None:
    with pytest.raises(NotImplementedError, match="timeout of 'every node'"):
        builder().set_node_defaults(timeout=1.0).compile()

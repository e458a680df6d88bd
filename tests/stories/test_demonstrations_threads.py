"""Demonstrations of threads that are lost in the peer.

Each docstring says what LangGraph 1.2.22 does with the same program, each test what clew does.
"""

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from clew import Command, InMemorySaver, MessagesState, Send, SqliteSaver, StateGraph, interrupt
from clew.errors import GraphChangedError, InvalidUpdateError, UnknownCheckpointError
from clew.events.vocabulary import NodeStarted, StepCommitted, StepFailed
from langchain_core.messages import AIMessage, HumanMessage

from tests.support.stories import at_once, commits, events, on, one_node

TURNS = 100
LETTERS = 1_000
"""Characters of a person's message, and of its reply."""


class Chat(TypedDict, total=False):
    said: Annotated[list[str], operator.add]


def reply(state: Chat) -> Chat:
    return {"said": [f"reply to {state['said'][-1]}"]}


def test_turns_sent_at_once_are_all_in_the_conversation():
    """Three people write to one thread at the same moment.

    LangGraph: three clean results, and two of the turns are missing from the latest state.
    """
    saver = InMemorySaver()
    graph = one_node(reply, Chat).compile(checkpointer=saver)

    turns = at_once({name: lambda name=name: graph.invoke({"said": [name]}, on("room")) for name in ("a", "b", "c")})

    said = graph.get_state(on("room")).values["said"]
    assert sorted(said[::2]) == ["a", "b", "c"]
    assert [line.removeprefix("reply to ") for line in said[1::2]] == said[::2], "each reply stands below its message"
    for name, state in turns.items():
        assert state["said"] == said[: len(state["said"])], "every caller saw the one conversation grow"
        assert state["said"][-1] == f"reply to {name}"
    history = list(graph.get_state_history(on("room")))
    parents = [state.parent_config for state in history[:-1]]
    assert parents == [state.config for state in history[1:]], "one line, no branches"


def test_a_long_conversation_takes_what_its_text_takes(tmp_path: Path, report_figure: Callable[[str], None]):
    """A hundred turns of two kilobytes on SQLite.

    LangGraph: 36 MB, because every step stores the whole conversation; it grows with the square of the turns.
    """

    def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(state["messages"][-1].text[::-1])]}

    file = tmp_path / "threads.db"
    with SqliteSaver.from_conn_string(str(file)) as saver:
        graph = one_node(answer, MessagesState).compile(checkpointer=saver)
        for turn in range(TURNS):
            graph.invoke({"messages": [HumanMessage(f"{turn:03}" + "x" * (LETTERS - 3))]}, on("talk"))
        assert len(graph.get_state(on("talk")).values["messages"]) == 2 * TURNS
        steps = len(events(saver, "talk", StepCommitted))

    text = TURNS * 2 * LETTERS
    stored = sum(part.stat().st_size for part in tmp_path.iterdir())
    report_figure(f"100 turns of 2,000 characters on SQLite: {stored:,} bytes (LangGraph 1.2.22: 36 million)")
    assert stored <= 1.5 * text + 600 * steps, f"{stored:,} bytes for {text:,} bytes of text in {steps} super-steps"


class Order(TypedDict, total=False):
    item: str
    approved: bool


def ask_manager(state: Order) -> Order:
    return {"approved": interrupt(f"Order {state['item']}?")}


def test_a_renamed_node_keeps_its_question_and_says_how_to_go_on():
    """Rename a node while a thread waits in it, and answer.

    LangGraph: the question vanishes, next is empty, and the resume reports success and does nothing.
    """
    saver = InMemorySaver()
    one_node(ask_manager, Order).compile(checkpointer=saver).invoke({"item": "a chair"}, on("order"))

    def ask_anyone(state: Order) -> Order:
        return ask_manager(state)

    renamed = one_node(ask_anyone, Order)
    deployed = renamed.compile(checkpointer=saver)
    before = len(commits(saver, "order"))

    with pytest.raises(GraphChangedError, match=r"waits in node 'ask_manager'.*compile\(aliases="):
        deployed.invoke(Command(resume=True), on("order"))

    assert len(commits(saver, "order")) == before, "a refusal writes nothing"
    waiting = deployed.get_state(on("order"))
    assert waiting.next == ("ask_manager",)
    assert [question.value for question in waiting.interrupts] == ["Order a chair?"]
    migrated = renamed.compile(checkpointer=saver, aliases={"ask_manager": "ask_anyone"})
    assert migrated.invoke(Command(resume=True), on("order")) == {"item": "a chair", "approved": True}


class Price(TypedDict, total=False):
    price: int
    checks: Annotated[list[str], operator.add]


def pricing(second: Any) -> StateGraph:
    """Two nodes at once: `list_price` and a `discount`, given as a function."""
    builder = StateGraph(Price).add_node("list_price", lambda _: {"price": 10, "checks": ["list"]})
    builder.add_node("discount", second).add_node("audit", lambda _: {"checks": ["audit"]})
    for name in ("list_price", "discount", "audit"):
        builder.add_edge("__start__", name)
    return builder


def test_conflicting_writes_leave_a_thread_that_can_be_read_and_goes_on_once_the_code_is_right():
    """Two nodes of one step write a key that takes one value; then read the state, mend the code, continue.

    LangGraph: get_state and invoke(None) raise from then on, with the mended code too, until the step is thrown away.
    """
    saver = InMemorySaver()
    wrong = pricing(lambda _: {"price": 9}).compile(checkpointer=saver)

    with pytest.raises(InvalidUpdateError, match="'price'"):
        wrong.invoke({}, on("offer"))

    read = wrong.get_state(on("offer"))
    assert set(read.next) == {"discount", "list_price"}, "those that wrote the key run again; audit has its work done"
    assert read.values == {"checks": ["audit"]}
    assert len(events(saver, "offer", StepFailed)) == 1
    with pytest.raises(InvalidUpdateError):
        wrong.invoke(None, on("offer"))

    mended = pricing(lambda _: {"checks": ["discount"]}).compile(checkpointer=saver)
    assert mended.invoke(None, on("offer")) == {"price": 10, "checks": ["audit", "discount", "list"]}
    started = [event.task for event in events(saver, "offer", NodeStarted)]
    assert sorted(started) == [0, 1, 1, 1, 2, 2, 2], "audit ran once, the two others three times"


def test_a_mistyped_checkpoint_is_refused_and_the_conversation_stays():
    """Continue from a checkpoint id that does not exist.

    LangGraph: an empty conversation begins and becomes the latest; the real one is hidden behind it.
    """
    saver = InMemorySaver()
    graph = one_node(reply, Chat).compile(checkpointer=saver)
    graph.invoke({"said": ["hello"]}, on("room"))
    right = graph.get_state(on("room")).config["configurable"]["checkpoint_id"]
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")

    for given in ({"said": ["again"]}, None, Command(update={"said": ["again"]})):
        with pytest.raises(UnknownCheckpointError, match=f"'room' has no checkpoint '{wrong}'; get_state_history"):
            graph.invoke(given, on("room", checkpoint_id=wrong))

    assert graph.get_state(on("room")).values == {"said": ["hello", "reply to hello"]}
    graph.invoke({"said": ["again"]}, on("room", checkpoint_id=right))
    assert graph.get_state(on("room")).values["said"][-1] == "reply to again"


class Route(TypedDict, total=False):
    visited: Annotated[list[str], operator.add]


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(lambda name: Command(update={"visited": ["sort"]}, goto=name), id="goto"),
        pytest.param(lambda name: Command(update={"visited": ["sort"]}, goto=Send(name, {})), id="send"),
        pytest.param(lambda name: {"visited": ["sort", name]}, id="path function"),
    ],
)
def test_a_misspelt_route_is_an_error_that_names_it_and_can_be_mended(how: Any):
    """Route to "revew" where the node is called "review".

    LangGraph: a line in the log, and the run ends as if all were well.
    """

    def graph(target: str, saver: InMemorySaver) -> Any:
        builder = StateGraph(Route).add_node("sort", lambda _: how(target))
        builder.add_node("review", lambda _: {"visited": ["review"]}).add_edge("__start__", "sort")
        if isinstance(how(target), dict):
            builder.add_conditional_edges("sort", lambda state: state["visited"][-1])
        return builder.compile(checkpointer=saver)

    saver = InMemorySaver()
    with pytest.raises(InvalidUpdateError, match=r"'sort'.*'revew'.*'review'"):
        graph("revew", saver).invoke({}, on("letter"))

    waiting = graph("revew", saver).get_state(on("letter"))
    assert waiting.next == ("sort",)
    assert "revew" in waiting.tasks[0].error
    assert graph("review", saver).invoke(None, on("letter"))["visited"][-1] == "review"

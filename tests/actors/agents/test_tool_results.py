"""Tools that return messages, Commands and lists: what is passed on, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from clew import Command, Send, ToolNode, add_messages, interrupt
from clew.errors import InvalidUpdateError
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.messages.tool import ToolOutputMixin
from langchain_core.tools import tool

from .tool_graphs import THREAD, Follower, State, asking_for, called, contents, run_alone, tools_graph


def said(content: str = "done", id: str = "call_1", **fields: Any) -> ToolMessage:
    return ToolMessage(content, tool_call_id=id, **fields)


def giving(make: Callable[[], Any]) -> Any:
    """A tool named `give` that returns what `make` makes."""

    @tool
    def give() -> Any:
        """Give it."""
        return make()

    return give


@tool
def plain() -> str:
    """Say plain."""
    return "plain"


@pytest.fixture(params=[False, True], ids=["unwatched", "watched"])
def returned(request: pytest.FixtureRequest):
    """What a ToolNode returns, by itself, for one call of a tool that returns what it is told to."""

    def run(make: Callable[[], Any], given: Any = None, **options: Any) -> Any:
        config = {"callbacks": [Follower()] if request.param else None}
        return ToolNode([giving(make)], **options).invoke(given or asking_for(called("give")), config)

    return run


def test_a_message_is_passed_on_with_the_tools_name(returned):
    [message] = returned(lambda: said(artifact={"rows": 3}))["messages"]
    assert (message.content, message.name, message.artifact) == ("done", "give", {"rows": 3})


def test_a_message_that_has_a_name_keeps_it(returned):
    [message] = returned(lambda: said(name="other"))["messages"]
    assert message.name == "other"


def test_the_tools_own_message_is_not_changed(returned):
    own = said()
    returned(lambda: own)
    returned(lambda: Command(update={"messages": [own]}))
    assert own.name is None


def test_a_command_is_passed_on_in_a_list(returned):
    [command] = returned(lambda: Command(update={"messages": [said()], "cart": ["tea"]}, goto="after"))
    assert command == Command(update={"messages": [said(name="give")], "cart": ["tea"]}, goto="after")


def test_messages_and_commands_are_mixed_in_call_order():
    calls = [called("plain", "1"), called("give", "2"), called("plain", "3")]
    make = lambda: Command(update={"messages": [said(id="2")]})  # noqa: E731
    first, command, last = run_alone([plain, giving(make)], *calls)
    assert contents(first) == ["plain"]
    assert isinstance(command, Command)
    assert [message.tool_call_id for message in last["messages"]] == ["3"]


def test_in_a_graph_they_are_one_update_of_the_node():
    make = lambda: Command(update={"messages": [said(id="2")], "customer": "Ada"})  # noqa: E731
    graph = tools_graph(ToolNode([plain, giving(make)]), State)
    [chunk] = graph.stream(asking_for(called("plain", "1"), called("give", "2"), cart=[]), THREAD)
    assert list(chunk) == ["tools"]
    values = graph.get_state(THREAD).values
    assert (contents(values), values["customer"]) == (["plain", "done"], "Ada")


def test_a_command_that_only_goes_on_needs_no_message(returned):
    assert returned(lambda: Command(goto="after")) == [Command(goto="after")]


def test_a_command_for_the_parent_graph_needs_no_message(returned):
    command = Command(graph=Command.PARENT, update={"customer": "Ada"}, goto="after")
    assert returned(lambda: command) == [command]


def test_a_command_that_clears_the_history_needs_no_message(returned):
    clear = {"messages": [RemoveMessage("__remove_all__")]}
    assert returned(lambda: Command(update=clear)) == [Command(update=clear)]


def test_messages_of_an_update_may_be_dicts_or_one_message(returned):
    as_dict = {"role": "tool", "content": "x", "tool_call_id": "call_1"}
    [command] = returned(lambda: Command(update={"messages": [as_dict]}))
    assert command.update == {"messages": [as_dict]}
    [command] = returned(lambda: Command(update={"messages": said()}))
    assert command.update["messages"].content == "done"


UNANSWERED = {
    "no message": lambda: Command(update={"cart": ["tea"]}),
    "no messages": lambda: Command(update={"messages": []}),
    "another call's": lambda: Command(update={"messages": [said(id="call_2")]}),
    "a person's": lambda: Command(update={"messages": [HumanMessage("call_1")]}),
    "a list without": lambda: [Command(update={"cart": ["tea"]})],
    "a list of another call's": lambda: [said(id="call_2")],
}


@pytest.mark.parametrize("make", UNANSWERED.values(), ids=UNANSWERED.keys())
def test_a_call_left_without_an_answer_is_refused(returned, make):
    with pytest.raises(ValueError, match="tool 'give' came to 0 messages that answer its call 'call_1'"):
        returned(make)


def test_it_is_refused_before_anything_is_written():
    graph = tools_graph(ToolNode([giving(UNANSWERED["no message"])]), State)
    with pytest.raises(ValueError, match="came to 0 messages"):
        graph.invoke(asking_for(called("give"), cart=["milk"]), THREAD)
    assert graph.get_state(THREAD).values["cart"] == ["milk"]


def test_a_refused_result_may_be_told_to_the_model(returned):
    [message] = returned(UNANSWERED["no message"], handle_tool_errors=True)["messages"]
    assert (message.status, "came to 0 messages" in message.content) == ("error", True)


def test_a_list_is_passed_on_part_by_part(returned):
    command, update = returned(lambda: [Command(update={"cart": ["tea"]}), said()])
    assert command == Command(update={"cart": ["tea"]})
    assert contents(update) == ["done"]


def test_a_list_of_one_message_is_that_message(returned):
    assert contents(returned(lambda: [said()])) == ["done"]


TWICE = {
    "two messages": lambda: [said("a"), said("b")],
    "a message and a command": lambda: [said("a"), Command(update={"messages": [said("b")]})],
}


@pytest.mark.parametrize("make", TWICE.values(), ids=TWICE.keys())
def test_a_list_that_answers_twice_is_refused(returned, make):
    with pytest.raises(ValueError, match="came to 2 messages that answer its call"):
        returned(make)


class Odd(ToolOutputMixin):
    """Something that langchain-core passes on and no state can hold."""


@pytest.mark.parametrize("make", [Odd, lambda: [said(), Odd()]], ids=["alone", "in a list"])
def test_an_output_of_another_type_is_refused(returned, make):
    with pytest.raises(TypeError, match="return a ToolMessage, a Command or a list of them"):
        returned(make)


def test_a_list_of_anything_else_is_content(returned):
    [content] = contents(returned(lambda: [Command(goto="x"), "text"]))
    assert content == str([Command(goto="x"), "text"])


def test_an_update_has_the_form_of_the_nodes_input(returned):
    with pytest.raises(ValueError, match="update is a list, and the node's input is a state"):
        returned(lambda: Command(update=[said()]))
    as_list = [AIMessage("", tool_calls=[called("give")])]
    with pytest.raises(ValueError, match="update is a dict, and the node's input is a bare list"):
        returned(lambda: Command(update={"messages": [said()]}), as_list)
    [command] = returned(lambda: Command(update=[said()]), as_list)
    assert [message.name for message in command.update] == ["give"]


def test_a_list_of_messages_as_the_state_takes_commands():
    graph = tools_graph(ToolNode([giving(lambda: Command(update=[said()]))]), Annotated[list, add_messages])
    done = graph.invoke([AIMessage("", tool_calls=[called("give")])], THREAD)
    assert contents(done) == ["done"]


def test_commands_that_only_send_to_the_parent_graph_become_one():
    # A graph is left once: of two commands for its parent, one would be lost.
    @tool
    def hand_over(to: str) -> Any:
        """Hand over."""
        return Command(graph=Command.PARENT, update={"customer": to}, goto=[Send(to, {"x": 1})])

    calls = [called("hand_over", "1", to="left"), called("plain", "2"), called("hand_over", "3", to="right")]
    update, command = run_alone([hand_over, plain], *calls)
    assert command.goto == [Send("left", {"x": 1}), Send("right", {"x": 1})]
    assert command.update == [("customer", "left"), ("customer", "right")]
    assert contents(update) == ["plain"]


def test_two_commands_that_write_one_plain_key_are_a_conflict():
    @tool
    def rename(to: str) -> Any:
        """Rename the customer."""
        return Command(update={"customer": to, "messages": [said(id=to)]})

    graph = tools_graph(ToolNode([rename]), State)
    with pytest.raises(InvalidUpdateError, match="customer"):
        graph.invoke(asking_for(called("rename", "a", to="a"), called("rename", "b", to="b")), THREAD)
    assert graph.get_state(THREAD).next == ("tools",)


def test_langchain_cores_own_invoke_passes_a_command_on():
    command = Command(goto="after")
    assert giving(lambda: command).invoke(called("give")) == command


def test_a_result_that_no_store_can_hold_is_refused_with_its_path():
    graph = tools_graph(ToolNode([giving(lambda: said(artifact=lambda: 1))]), State)
    with pytest.raises(TypeError, match=r"messages.*artifact"):
        graph.invoke(asking_for(called("give")), THREAD)


def test_a_result_that_cannot_be_recorded_is_passed_on_and_its_tool_may_run_again(caplog: pytest.LogCaptureFixture):
    runs: list[int] = []

    def make() -> Any:
        runs.append(1)
        return Command(update={"no channel of the state": object(), "messages": [said()]})

    @tool
    def ask() -> str:
        """Ask."""
        return interrupt("?")

    graph = tools_graph(ToolNode([giving(make), ask]), State)
    assert contents(graph.invoke(asking_for(called("give")), THREAD)) == ["done"]
    assert caplog.text == ""
    graph.invoke(asking_for(called("give", "call_1"), called("ask", "call_2")), THREAD)
    assert "tool 'give' finished and runs again when the node does" in caplog.text
    assert contents(graph.invoke(Command(resume="yes"), THREAD))[-2:] == ["done", "yes"]
    assert len(runs) == 3

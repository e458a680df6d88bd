"""Section 22, ToolNode, statement by statement, and golden trace O."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest
from clew.errors import InvalidUpdateError
from clew.graph import REMOVE_ALL_MESSAGES, START, MessagesState, StateGraph, add_messages
from clew.prebuilt import InjectedState, InjectedStore, ToolNode, ToolRuntime
from clew.prebuilt.tool_node import ToolCallRequest, ToolInvocationError, msg_content_output
from clew.runtime import Runtime
from clew.store.memory import InMemoryStore
from clew.types import Command, Send, interrupt
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage, ToolCall, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import InjectedToolCallId, ToolException, tool
from pydantic import BaseModel

from .callers import Caller, run

THREAD = {"configurable": {"thread_id": "1"}}
PATIENCE_SECONDS = 10


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def boom(reason: str) -> str:
    """Fail."""
    raise ValueError(reason)


def called(name: str, id: str = "1", /, **arguments: Any) -> ToolCall:
    return ToolCall(name=name, args=arguments, id=id, type="tool_call")


def asking(*calls: ToolCall) -> AIMessage:
    return AIMessage("", id="ai", tool_calls=[*calls])


def giving(returned: Any) -> Any:
    """A tool `give` that returns this."""

    @tool
    def give() -> Any:
        """Give it."""
        return returned

    return give


def said(text: str = "done", id: str = "1") -> ToolMessage:
    return ToolMessage(text, tool_call_id=id)


def tools_graph(node: Any, state: Any = MessagesState, **options: Any) -> Any:
    return StateGraph(state).add_node("tools", node).add_edge(START, "tools").compile(**options)


# --- construction


def test_plain_functions_become_tools_and_the_defaults_are_these():
    def double(number: int) -> int:
        """Double a number."""
        return 2 * number

    node = ToolNode([add, double])
    assert list(node.tools_by_name) == ["add", "double"]
    assert (node.name, node.tags, node.messages_key) == ("tools", None, "messages")
    assert ToolNode([add], name="own", tags=["t"]).get_name() == "own"
    assert node.invoke([asking(called("double", number=4))])[0].content == "8"


def test_it_works_outside_a_graph_with_a_runtime_under_one_key_or_with_none(caller: Caller):
    @tool
    def who(runtime: ToolRuntime) -> str:
        """Say who asks."""
        return f"{runtime.context} {runtime.store is not None}"

    state = {"messages": [asking(called("who"))]}
    alone = caller.invoke(ToolNode([who]), state)
    assert alone["messages"][0].content == "None False"
    config = {"configurable": {"__pregel_runtime": Runtime(context="me", store=InMemoryStore())}}
    assert caller.invoke(ToolNode([who]), state, config)["messages"][0].content == "me True"


# --- 22.1 input and output


class Model(BaseModel):
    messages: list[AnyMessage]


@dataclass
class Record:
    messages: list[AnyMessage]


@pytest.mark.parametrize("form", [lambda m: {"messages": m}, lambda m: Model(messages=m), lambda m: Record(m)])
def test_a_dict_model_or_dataclass_gives_an_update(caller: Caller, form: Any):
    result = caller.invoke(ToolNode([add]), form([asking(called("add", a=1, b=2))]))
    assert result == {"messages": [ToolMessage("3", name="add", tool_call_id="1")]}


def test_a_list_of_messages_gives_a_list(caller: Caller):
    result = caller.invoke(ToolNode([add]), [asking(called("add", a=1, b=2))])
    assert result == [ToolMessage("3", name="add", tool_call_id="1")]


def test_a_list_of_tool_calls_gives_an_update(caller: Caller):
    result = caller.invoke(ToolNode([add]), [called("add", a=1, b=2), called("add", "2", a=3, b=4)])
    assert [message.content for message in result["messages"]] == ["3", "7"]


def test_a_call_with_its_state_gives_an_update_and_the_tool_sees_that_state(caller: Caller):
    @tool
    def name(name: Annotated[str, InjectedState("name")]) -> str:
        """Tell the name."""
        return name

    given = {"__type": "tool_call_with_context", "tool_call": called("name"), "state": {"name": "Ann", "messages": []}}
    assert caller.invoke(ToolNode([name]), given)["messages"][0].content == "Ann"


def test_the_messages_may_stand_under_another_key(caller: Caller):
    result = caller.invoke(ToolNode([add], messages_key="chat"), {"chat": [asking(called("add", a=1, b=2))]})
    assert [message.content for message in result["chat"]] == ["3"]


def test_the_last_ai_message_counts_wherever_it_stands(caller: Caller):
    earlier = AIMessage("", tool_calls=[called("boom", reason="no")])
    messages = [earlier, said(), asking(called("add", "2", a=1, b=2)), HumanMessage("well?")]
    assert [message.content for message in caller.invoke(ToolNode([add, boom]), messages)] == ["3"]


def test_no_message_no_ai_message_and_no_calls(caller: Caller):
    node = ToolNode([add])
    for empty in ({"messages": []}, {}, []):
        with pytest.raises(ValueError, match="no message"):
            caller.invoke(node, empty)
    with pytest.raises(ValueError, match="AIMessage"):
        caller.invoke(node, {"messages": [HumanMessage("hi")]})
    assert caller.invoke(node, {"messages": [AIMessage("hi")]}) == {"messages": []}


def test_calls_run_at_once_and_answers_keep_their_order(caller: Caller):
    met = threading.Barrier(2)

    @tool
    def meet(name: str) -> str:
        """Wait for the other one."""
        met.wait(PATIENCE_SECONDS)
        return name

    calls = [called("meet", "1", name="a"), called("meet", "2", name="b")]
    assert [message.content for message in caller.invoke(ToolNode([meet]), [asking(*calls)])] == ["a", "b"]


def test_with_a_command_the_output_mixes_commands_and_updates(caller: Caller):
    command = Command(update={"messages": [said()], "color": "red"})
    state = {"messages": [asking(called("give", "1"), called("add", "2", a=1, b=2))]}
    first, second = caller.invoke(ToolNode([giving(command), add]), state)
    assert first.update["color"] == "red"
    assert second == {"messages": [ToolMessage("3", name="add", tool_call_id="2")]}


def test_commands_that_send_to_the_parent_are_merged_into_one(caller: Caller):
    command = Command(graph=Command.PARENT, goto=[Send("other", {"n": 1})])
    state = {"messages": [asking(called("give", "1"), called("give", "2"))]}
    [merged] = caller.invoke(ToolNode([giving(command)]), state)
    assert (merged.graph, merged.goto) == (Command.PARENT, [Send("other", {"n": 1})] * 2)


BLOCKS = [{"type": "text", "text": "hi"}]


@pytest.mark.parametrize(
    ("returned", "content"),
    [
        ("text", "text"),
        (BLOCKS, BLOCKS),
        (None, "null"),
        ({"a": 1, "b": "é"}, '{"a": 1, "b": "é"}'),
        ([1, 2], "[1, 2]"),
        (1.5, "1.5"),
        (True, "true"),
        ({1}, "{1}"),
        ([{"type": "foo"}], '[{"type": "foo"}]'),
    ],
)
def test_content_is_kept_or_becomes_json_or_its_str(returned: Any, content: Any):
    [message] = ToolNode([giving(returned)]).invoke([asking(called("give"))])
    assert message.content == content
    assert msg_content_output(returned) == content


def test_a_message_has_name_call_id_and_status(caller: Caller):
    good, bad = caller.invoke(ToolNode([add]), [asking(called("add", "x", a=1, b=2), called("add", "y", a="?", b=2))])
    assert (good.name, good.tool_call_id, good.status) == ("add", "x", "success")
    assert (bad.name, bad.tool_call_id, bad.status) == ("add", "y", "error")


# --- 22.2 errors


@pytest.mark.parametrize("handling", [{}, {"handle_tool_errors": False}, {"handle_tool_errors": True}])
def test_an_unknown_tool_is_an_error_message_that_lists_the_tools(caller: Caller, handling: dict[str, Any]):
    [message] = caller.invoke(ToolNode([add, boom], **handling), [asking(called("nope"))])
    assert message.status == "error"
    assert all(name in message.content for name in ("nope", "add", "boom"))


def test_by_default_wrong_arguments_are_told_and_a_tools_own_errors_propagate(caller: Caller):
    @tool
    def refuse() -> str:
        """Refuse."""
        raise ToolException("no")

    node = ToolNode([add, boom, refuse])
    [message] = caller.invoke(node, [asking(called("add", a="x"))])
    assert message.status == "error"
    assert "a: " in message.content
    assert "b: Field required" in message.content
    with pytest.raises(ValueError, match="bang"):
        caller.invoke(node, [asking(called("boom", reason="bang"))])
    with pytest.raises(ToolException):
        caller.invoke(node, [asking(called("refuse"))])


def test_injected_arguments_are_hidden_from_the_error():
    @tool
    def note(number: int, state: Annotated[dict, InjectedState], id: Annotated[str, InjectedToolCallId]) -> str:
        """Note a number."""
        return "noted"

    [message] = ToolNode([note]).invoke([asking(called("note", number="x", state="forged"))])
    assert "number" in message.content
    assert "forged" not in message.content


def own_value(error: ValueError) -> str:
    return f"value {error}"


def own_union(error: KeyError | ValueError) -> str:
    return "union"


def own_any(error) -> str:  # type: ignore[no-untyped-def]
    return "any"


@pytest.mark.parametrize(
    ("handling", "content"),
    [
        (True, "ValueError('bang')"),
        ("sorry", "sorry"),
        (ValueError, "ValueError('bang')"),
        ((KeyError, ValueError), "ValueError('bang')"),
        (own_value, "value bang"),
        (own_union, "union"),
        (own_any, "any"),
    ],
)
def test_a_handled_error_is_told(caller: Caller, handling: Any, content: str):
    node = ToolNode([boom], handle_tool_errors=handling)
    [message] = caller.invoke(node, [asking(called("boom", reason="bang"))])
    assert content in message.content
    assert message.status == "error"


@pytest.mark.parametrize("handling", [False, KeyError, (KeyError, TypeError)])
def test_what_is_not_handled_propagates(caller: Caller, handling: Any):
    node = ToolNode([boom], handle_tool_errors=handling)
    with pytest.raises(ValueError, match="bang"):
        caller.invoke(node, [asking(called("boom", reason="bang"))])


def test_false_lets_wrong_arguments_propagate_too():
    with pytest.raises(ToolInvocationError):
        ToolNode([add], handle_tool_errors=False).invoke([asking(called("add", a="x"))])


def test_a_handler_for_no_exception_is_refused():
    def wrong(error: str) -> str:
        return error

    with pytest.raises(ValueError, match="exception"):
        ToolNode([add], handle_tool_errors=wrong)


def test_a_pause_and_a_parent_command_are_never_handled(caller: Caller, saver: Any):
    @tool
    def ask() -> str:
        """Ask."""
        return interrupt("sure?")

    graph = tools_graph(ToolNode([ask], handle_tool_errors=True), checkpointer=saver)
    paused = caller.invoke(graph, {"messages": [asking(called("ask"))]}, THREAD)
    assert [question.value for question in paused["__interrupt__"]] == ["sure?"]
    done = caller.invoke(graph, Command(resume="yes"), THREAD)
    assert done["messages"][-1].content == "yes"


# --- 22.3 injection


class State(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]
    name: str


def test_the_whole_state_and_one_field_are_injected_and_hidden(caller: Caller):
    @tool
    def look(
        n: int,
        state: Annotated[dict, InjectedState],
        name: Annotated[str, InjectedState("name")],
        other: Annotated[str, InjectedState("other")] = "default",
    ) -> str:
        """Look around."""
        return f"{n} {sorted(state)} {name} {other}"

    assert list(look.tool_call_schema.model_json_schema()["properties"]) == ["n"]
    graph = tools_graph(ToolNode([look]), State)
    done = caller.invoke(graph, {"messages": [asking(called("look", n=1))], "name": "Ann"})
    assert done["messages"][-1].content == "1 ['messages', 'name'] Ann default"


def test_a_missing_field_is_a_key_or_attribute_error(caller: Caller):
    @tool
    def look(other: Annotated[str, InjectedState("other")]) -> str:
        """Look."""
        return other

    with pytest.raises(KeyError, match="other"):
        caller.invoke(ToolNode([look]), {"messages": [asking(called("look"))]})
    with pytest.raises(AttributeError, match="other"):
        caller.invoke(ToolNode([look]), Record([asking(called("look"))]))


def test_the_store_is_injected_and_its_lack_an_error(caller: Caller):
    @tool
    def recall(store: Annotated[Any, InjectedStore()]) -> str:
        """Recall."""
        return store.get(("facts",), "color").value["is"]

    store = InMemoryStore()
    store.put(("facts",), "color", {"is": "red"})
    state = {"messages": [asking(called("recall"))]}
    done = caller.invoke(tools_graph(ToolNode([recall]), store=store), state)
    assert done["messages"][-1].content == "red"
    with pytest.raises(ValueError, match="store"):
        caller.invoke(tools_graph(ToolNode([recall])), state)


def test_the_call_id_is_injected(caller: Caller):
    @tool
    def own_id(id: Annotated[str, InjectedToolCallId]) -> str:
        """Tell the id."""
        return id

    assert caller.invoke(ToolNode([own_id]), [asking(called("own_id", "c7"))])[0].content == "c7"


def test_the_runtime_has_everything_around_the_call(caller: Caller):
    seen: list[ToolRuntime] = []

    @tool
    def look(surroundings: ToolRuntime[dict, State]) -> str:
        """Look around."""
        seen.append(surroundings)
        surroundings.stream_writer("wrote")
        surroundings.emit_output_delta("half")
        return "seen"

    @tool
    def by_name(runtime) -> str:  # type: ignore[no-untyped-def]
        """Look around."""
        return type(runtime).__name__

    graph = tools_graph(ToolNode([look, by_name]), State, store=InMemoryStore())
    state = {"messages": [asking(called("look", "c1"), called("by_name", "c2"))], "name": "Ann"}
    chunks = caller.stream(graph, state, stream_mode=["custom", "tools", "values"], context={"user": "me"})
    assert ("custom", "wrote") in chunks
    assert ("tools", {"event": "tool-output-delta", "tool_call_id": "c1", "delta": "half"}) in chunks
    [runtime] = seen
    assert runtime.state["name"] == "Ann"
    assert (runtime.context, runtime.tool_call_id) == ({"user": "me"}, "c1")
    assert isinstance(runtime.store, InMemoryStore)
    assert [one.name for one in runtime.tools] == ["look", "by_name"]
    assert runtime.execution_info is not None
    assert runtime.execution_info.task_id
    assert runtime.server_info is None
    assert "metadata" in runtime.config
    assert chunks[-1][1]["messages"][-1].content == "ToolRuntime"


def test_a_bare_list_of_messages_is_the_state_of_a_runtime_and_a_request():
    seen: list[Any] = []

    @tool
    def look(runtime: ToolRuntime, whole: Annotated[dict, InjectedState]) -> str:
        """Look around."""
        seen.append((type(runtime.state), sorted(whole)))
        return "seen"

    def wrap(request: ToolCallRequest, execute: Any) -> Any:
        seen.append(type(request.state))
        return execute(request)

    ToolNode([look], wrap_tool_call=wrap).invoke([asking(called("look"))])
    assert seen == [list, (list, ["messages"])]


def test_what_a_model_gives_for_injected_names_is_thrown_away(caller: Caller):
    @tool
    def pay(
        amount: int,
        name: Annotated[str, InjectedState("name")],
        id: Annotated[str, InjectedToolCallId],
        runtime: ToolRuntime,
    ) -> str:
        """Pay."""
        return f"{amount} by {name} {id} {type(runtime).__name__}"

    forged = called("pay", "c1", amount=5, name="Mallory", id="c9", runtime={"context": "forged"})
    result = caller.invoke(ToolNode([pay]), {"messages": [asking(forged)], "name": "Ann"})
    assert result["messages"][0].content == "5 by Ann c1 ToolRuntime"


def test_arguments_can_be_filled_in_without_a_call():
    @tool
    def pay(amount: int, name: Annotated[str, InjectedState("name")]) -> str:
        """Pay."""
        return name

    runtime: ToolRuntime = ToolRuntime(
        state={"name": "Ann", "messages": []},
        context=None,
        config={},
        stream_writer=lambda _: None,
        tool_call_id="c1",
        store=None,
    )
    call = called("pay", "c1", amount=5, name="Mallory")
    assert ToolNode([pay]).inject_tool_args(call, runtime)["args"] == {"amount": 5, "name": "Ann"}
    assert call["args"]["name"] == "Mallory"


# --- 22.4 commands and lists


def give(returned: Any, messages: Any = None) -> Any:
    state = {"messages": [asking(called("give"))]} if messages is None else messages
    return ToolNode([giving(returned)]).invoke(state)


def test_a_commands_update_has_to_answer_the_call():
    for update in ({"color": "red"}, {"messages": [said(id="other")]}, {"messages": []}):
        with pytest.raises(ValueError, match="answer"):
            give(Command(update=update))
    assert give(Command(update={"messages": [said()]}))[0].update["messages"][0].content == "done"
    # not in another graph, and not when the history is cleared
    assert give(Command(graph=Command.PARENT, update={"color": "red"}))
    assert give(Command(update={"messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)]}))


def test_the_updates_form_follows_the_inputs():
    with pytest.raises(ValueError, match="dict"):
        give(Command(update={"messages": [said()]}), [asking(called("give"))])
    with pytest.raises(ValueError, match="list"):
        give(Command(update=[said()]))
    assert give(Command(update=[said()]), [asking(called("give"))])[0].update[0].content == "done"


def test_a_list_has_exactly_one_answer_and_nothing_else_than_messages_and_commands():
    command, update = give([Command(update={"color": "red"}), said()])
    assert (command.update, update["messages"][0].content) == ({"color": "red"}, "done")
    for wrong in ([Command(update={"color": "red"})], [said("a"), said("b")]):
        with pytest.raises(ValueError, match="answer"):
            give(wrong)
    node = ToolNode([add], wrap_tool_call=lambda request, execute: [execute(request), 3])
    with pytest.raises(TypeError):
        node.invoke({"messages": [asking(called("add", a=1, b=2))]})


def test_two_commands_that_write_one_plain_key_conflict_at_the_steps_end(caller: Caller):
    @tool
    def rename(to: str, id: Annotated[str, InjectedToolCallId]) -> Any:
        """Rename."""
        return Command(update={"name": to, "messages": [said(id=id)]})

    graph = tools_graph(ToolNode([rename]), State)
    calls = [called("rename", "1", to="a"), called("rename", "2", to="b")]
    with pytest.raises(InvalidUpdateError, match="name"):
        caller.invoke(graph, {"messages": [asking(*calls)]})


# --- 22.5 wrappers


def test_a_wrapper_receives_call_tool_state_and_runtime(caller: Caller):
    seen: list[ToolCallRequest] = []

    def wrap(request: ToolCallRequest, execute: Any) -> Any:
        seen.append(request)
        return execute(request)

    state = {"messages": [asking(called("add", "1", a=1, b=2), called("nope", "2"))]}
    result = caller.invoke(ToolNode([add], wrap_tool_call=wrap), state)
    assert [message.status for message in result["messages"]] == ["success", "error"]
    known, unknown = sorted(seen, key=lambda request: request.tool_call["id"] or "")
    assert (known.tool, known.tool_call["args"], known.state) == (add, {"a": 1, "b": 2}, state)
    assert isinstance(known.runtime, ToolRuntime)
    assert unknown.tool is None


def test_a_request_can_be_overridden_and_the_given_one_stays(caller: Caller):
    def wrap(request: ToolCallRequest, execute: Any) -> Any:
        changed = request.override(tool_call={**request.tool_call, "args": {"a": 10, "b": 20}})
        assert request.tool_call["args"] == {"a": 1, "b": 2}
        return execute(changed)

    [message] = caller.invoke(ToolNode([add], wrap_tool_call=wrap), [asking(called("add", a=1, b=2))])
    assert message.content == "30"


@pytest.mark.parametrize("times", [0, 1, 3])
def test_execute_may_be_called_any_number_of_times(caller: Caller, times: int):
    runs: list[int] = []

    @tool
    def count() -> str:
        """Count."""
        runs.append(1)
        return "counted"

    def wrap(request: ToolCallRequest, execute: Any) -> Any:
        for _ in range(times):
            execute(request)
        return said("wrapped", request.tool_call["id"] or "")

    [message] = caller.invoke(ToolNode([count], wrap_tool_call=wrap), [asking(called("count"))])
    assert (message.content, len(runs)) == ("wrapped", times)


def test_the_async_wrapper_serves_async_callers_and_falls_back_to_the_sync_one():
    async def later(request: ToolCallRequest, execute: Any) -> Any:
        message = await execute(request)
        return message.model_copy(update={"content": f"later {message.content}"})

    def now(request: ToolCallRequest, execute: Any) -> Any:
        return said(f"now {execute(request).content}", request.tool_call["id"] or "")

    state = [asking(called("add", a=1, b=2))]
    both = ToolNode([add], wrap_tool_call=now, awrap_tool_call=later)
    assert both.invoke(state)[0].content == "now 3"
    assert run(both.ainvoke(state))[0].content == "later 3"
    assert run(ToolNode([add], wrap_tool_call=now).ainvoke(state))[0].content == "now 3"


def test_a_wrappers_error_goes_through_the_handling(caller: Caller):
    def wrap(request: ToolCallRequest, execute: Any) -> Any:
        raise ValueError("wrapped")

    state = [asking(called("add", a=1, b=2))]
    with pytest.raises(ValueError, match="wrapped"):
        caller.invoke(ToolNode([add], wrap_tool_call=wrap), state)
    [message] = caller.invoke(ToolNode([add], wrap_tool_call=wrap, handle_tool_errors=True), state)
    assert "wrapped" in message.content
    assert message.status == "error"


# --- golden trace O


def test_golden_trace_o(caller: Caller):
    @tool
    def info(kind: str) -> Any:
        """Tell."""
        return {"dict": {"a": 1}, "none": None}[kind]

    node = ToolNode([add, boom, info])
    calls = [
        called("add", "1", a=1, b=2),
        called("add", "2", a="x"),
        called("nope", "3"),
        called("info", "4", kind="dict"),
        called("info", "5", kind="none"),
    ]
    good, bad, unknown, as_json, nothing = caller.invoke(node, {"messages": [asking(*calls)]})["messages"]
    assert (good.content, good.status) == ("3", "success")
    assert bad.status == "error"
    assert "a" in bad.content
    assert "b" in bad.content
    assert unknown.status == "error"
    assert "add, boom, info" in unknown.content
    assert as_json.content == '{"a": 1}'
    assert nothing.content == "null"
    with pytest.raises(ValueError, match="bang"):
        caller.invoke(node, {"messages": [asking(called("boom", reason="bang"))]})


def test_a_tools_config_has_tags_also_where_there_are_none(caller: Caller):
    seen: list[Any] = []

    @tool
    def look(config: RunnableConfig, runtime: ToolRuntime) -> str:
        """Look around."""
        seen.append((config["tags"], runtime.config["tags"]))
        return "seen"

    graph = StateGraph(MessagesState).add_node("tools", ToolNode([look])).add_edge(START, "tools").compile()
    given = {"messages": [AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "1"}])]}
    caller.invoke(graph, given)
    caller.invoke(graph, given, {"tags": ["t"]})
    assert seen == [([], []), (["t"], ["t"])]

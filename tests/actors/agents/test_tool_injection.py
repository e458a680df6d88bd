"""What tools get from the graph instead of the model, and that the model has no say in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest
from clew import START, Command, MessagesState, Overwrite, StateGraph, ToolNode, add_messages
from clew.config import get_config, get_stream_writer
from clew.prebuilt import InjectedState, InjectedStore, InjectedToolCallId, ToolRuntime
from clew.runtime import Runtime
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, InjectedToolArg, tool
from pydantic import BaseModel, Field

from .tool_graphs import THREAD, Follower, State, answers, asking_for, called, contents, run_alone, tools_graph


@tool
def whole(state: Annotated[dict, InjectedState]) -> str:
    """Tell the state's keys."""
    return f"{type(state).__name__} {sorted(state)}"


@tool
def one_field(customer: Annotated[str, InjectedState("customer")]) -> str:
    """Tell the customer."""
    return customer


@tool
def optional_field(customer: Annotated[str, InjectedState("customer")] = "nobody") -> str:
    """Tell the customer, if there is one."""
    return customer


@tool
def call_id(id: Annotated[str, InjectedToolCallId]) -> str:
    """Tell the call's id."""
    return id


@tool
def everything(runtime: ToolRuntime) -> str:
    """Tell what the runtime has."""
    return f"{runtime.state['customer']} {runtime.context} {runtime.tool_call_id} {[one.name for one in runtime.tools]}"


@tool
def by_another_name(rest: ToolRuntime[Any, State]) -> str:
    """Tell what the runtime has."""
    return rest.state["customer"]


@tool
def by_name_alone(text: str, runtime) -> str:  # type: ignore[no-untyped-def]
    """Tell what the runtime has."""
    return f"{text} {runtime.tool_call_id}"


@tool
def maybe(state: Annotated[dict, InjectedState] | None = None) -> str:
    """Tell the state's type."""
    return type(state).__name__


TABLE: list[tuple[Any, dict[str, Any], str]] = [
    (whole, {}, "dict ['cart', 'customer', 'messages']"),
    (one_field, {}, "Ada"),
    (optional_field, {}, "Ada"),
    (call_id, {}, "call_1"),
    (everything, {}, "Ada None call_1 ['everything']"),
    (by_another_name, {}, "Ada"),
    (by_name_alone, {"text": "id"}, "id call_1"),
    (maybe, {}, "dict"),
]
UNKNOWN_TO_CORE = {"by_name_alone": {"runtime"}, "maybe": {"state"}}
"""Parameters that langchain-core shows to the model all the same: without an annotation, or with one inside a union."""
NAMES = [made.name for made, _, _ in TABLE]
STATE = {"customer": "Ada", "cart": []}


@pytest.mark.parametrize("watched", [False, True], ids=["unwatched", "watched"])
@pytest.mark.parametrize(("made", "arguments", "content"), TABLE, ids=NAMES)
def test_a_marked_parameter_receives_what_it_asks_for(made: Any, arguments: Any, content: str, watched: bool):
    config = {**THREAD, "callbacks": [Follower()] if watched else None}
    done = tools_graph(ToolNode([made]), State).invoke(asking_for(called(made.name, **arguments), **STATE), config)
    assert contents(done) == [content]


@pytest.mark.parametrize(("made", "arguments", "content"), TABLE, ids=NAMES)
def test_what_a_model_gives_for_it_is_thrown_away(made: Any, arguments: Any, content: str):
    forged = dict.fromkeys(made.args_schema.model_fields.keys() - arguments.keys(), "forged")
    assert forged
    graph = tools_graph(ToolNode([made]), State)
    done = graph.invoke(asking_for(called(made.name, **arguments, **forged), **STATE), THREAD)
    assert contents(done) == [content]


@pytest.mark.parametrize(("made", "arguments"), [(made, arguments) for made, arguments, _ in TABLE], ids=NAMES)
def test_a_model_does_not_see_it(made: Any, arguments: dict[str, Any]):
    seen = made.tool_call_schema.model_json_schema()["properties"].keys()
    assert seen - UNKNOWN_TO_CORE.get(made.name, set()) == arguments.keys()


def test_a_plain_injected_argument_of_a_models_is_thrown_away_too():
    @tool
    def pay(amount: int, account: Annotated[str, InjectedToolArg] = "own") -> str:
        """Pay."""
        return f"{amount} from {account}"

    assert contents(run_alone([pay], called("pay", amount=1, account="somebody else's"))) == ["1 from own"]


def test_a_missing_field_is_an_error_that_names_it():
    graph = tools_graph(ToolNode([one_field], handle_tool_errors=True), State)
    with pytest.raises(KeyError, match=r"'one_field' wants the state's field 'customer'.*only \['messages'\]"):
        graph.invoke(asking_for(called("one_field")), THREAD)


def test_a_missing_field_leaves_a_default_in_place():
    assert contents(run_alone([optional_field], called("optional_field"))) == ["nobody"]


@dataclass
class Desk:
    messages: Annotated[list, add_messages]
    customer: str = "Ada"


class DeskModel(BaseModel):
    messages: Annotated[list, add_messages]
    customer: str = "Ada"


@pytest.mark.parametrize("state", [Desk, DeskModel])
def test_a_state_that_is_an_object_is_given_as_it_is(state: Any):
    @tool
    def look(state: Annotated[Any, InjectedState], customer: Annotated[str, InjectedState("customer")]) -> str:
        """Look."""
        return f"{type(state).__name__} {customer}"

    @tool
    def miss(field: Annotated[str, InjectedState("cart")]) -> str:
        """Look for what is not there."""
        return field

    assert contents(tools_graph(ToolNode([look]), state).invoke(asking_for(called("look")), THREAD))[0].endswith("Ada")
    with pytest.raises(AttributeError, match=r"'cart'.*has none"):
        tools_graph(ToolNode([miss]), state).invoke(asking_for(called("miss")), THREAD)


def test_a_bare_list_of_messages_is_all_the_state_there_is():
    @tool
    def talk(messages: Annotated[list, InjectedState("messages")]) -> str:
        """Count the messages."""
        return f"{len(messages)} messages"

    given = [HumanMessage("hi"), AIMessage("", tool_calls=[called("whole", "1"), called("talk", "2")])]
    assert contents(ToolNode([whole, talk]).invoke(given)) == ["dict ['messages']", "2 messages"]
    with pytest.raises(ValueError, match="bare list of messages"):
        ToolNode([one_field]).invoke([AIMessage("", tool_calls=[called("one_field")])])


@tool
def with_store(text: str, store: Annotated[Any, InjectedStore()]) -> str:
    """Tell the store."""
    return f"{text} {store}"


def test_the_store_is_the_graphs():
    graph = tools_graph(ToolNode([with_store]), store="the graph's store")
    assert contents(graph.invoke(asking_for(called("with_store", text="a")), THREAD)) == ["a the graph's store"]


def test_a_graph_without_a_store_is_an_error_whatever_is_handled():
    graph = tools_graph(ToolNode([with_store], handle_tool_errors=True))
    with pytest.raises(ValueError, match=r"'with_store' wants the store.*compile\(store="):
        graph.invoke(asking_for(called("with_store", text="a")), THREAD)


def test_context_config_and_task_come_with_the_runtime():
    found: dict[str, Any] = {}

    @tool
    def look(runtime: ToolRuntime) -> str:
        """Look around."""
        found["runtime"] = runtime
        found["config"] = get_config()
        return "looked"

    graph = tools_graph(ToolNode([look]), State)
    graph.invoke(asking_for(called("look"), customer="Ada"), {**THREAD, "tags": ["mine"]}, context={"user": "u-1"})
    runtime = found["runtime"]
    assert runtime.context == {"user": "u-1"}
    assert runtime.state["customer"] == "Ada"
    assert runtime.config["configurable"]["thread_id"] == "1"
    assert "mine" in runtime.config["tags"]
    assert found["config"]["configurable"] == runtime.config["configurable"]
    assert runtime.execution_info.thread_id == "1"
    assert runtime.execution_info.checkpoint_ns.startswith("tools:")


def test_a_tool_writes_into_the_custom_stream():
    @tool
    def write(text: str, runtime: ToolRuntime) -> str:
        """Write."""
        runtime.stream_writer(f"runtime {text}")
        get_stream_writer()(f"writer {text}")
        runtime.emit_output_delta("shown in a tools stream only")
        return "written"

    graph = tools_graph(ToolNode([write]))
    calls = [called("write", "1", text="a"), called("write", "2", text="b")]
    chunks = list(graph.stream(asking_for(*calls), THREAD, stream_mode="custom"))
    assert sorted(chunks) == ["runtime a", "runtime b", "writer a", "writer b"]


def test_an_output_delta_names_its_call():
    shown: list[Any] = []
    runtime: ToolRuntime[Any, Any] = ToolRuntime(
        state={}, context=None, config={}, stream_writer=print, tool_call_id="call_7", store=None
    )
    runtime.stream_to(shown.append)
    runtime.emit_output_delta({"rows": 3})
    assert shown == [{"event": "tool-output-delta", "tool_call_id": "call_7", "delta": {"rows": 3}}]


def test_outside_of_a_graph_the_config_may_give_a_runtime():
    @tool
    def look(runtime: ToolRuntime, store: Annotated[Any, InjectedStore]) -> str:
        """Look around."""
        return f"{runtime.context} {store} {runtime.config['configurable']['user']}"

    config: RunnableConfig = {
        "configurable": {"__pregel_runtime": Runtime(context="the context", store="the store"), "user": "u-1"}
    }
    done = ToolNode([look]).invoke(asking_for(called("look")), config)
    assert contents(done) == ["the context the store u-1"]


def test_a_config_given_to_the_node_reaches_what_tools_call():
    @tool
    def look() -> str:
        """Look at the surrounding config."""
        return get_config()["configurable"]["user"]

    assert contents(ToolNode([look]).invoke(asking_for(called("look")), {"configurable": {"user": "u-1"}})) == ["u-1"]


class Cart(BaseModel):
    item: str = Field(description="What to put in.")


class PutIntoCart(BaseTool):
    """A class of its own, with a schema that leaves its injected parameter out."""

    name: str = "put"
    description: str = "Puts an item into the cart."
    args_schema: type[BaseModel] = Cart  # type: ignore[assignment]

    def _run(self, item: str, cart: Annotated[list, InjectedState("cart")]) -> str:
        return f"{[*cart, item]}"


@pytest.mark.parametrize("watched", [False, True], ids=["unwatched", "watched"])
def test_a_schema_may_leave_injected_parameters_out(watched: bool):
    config = {**THREAD, "callbacks": [Follower()] if watched else None}
    graph = tools_graph(ToolNode([PutIntoCart()]), State)
    done = graph.invoke(asking_for(called("put", item="tea", cart=["forged"]), cart=["milk"]), config)
    assert contents(done) == ["['milk', 'tea']"]


def test_a_parameter_cannot_receive_two_things():
    @tool
    def both(what: Annotated[Any, InjectedState, InjectedStore]) -> str:
        """Want two."""
        return ""

    with pytest.raises(ValueError, match="'what' of tool 'both' is marked to receive state and store"):
        ToolNode([both])


def test_an_injected_value_that_does_not_fit_is_not_blamed_on_the_model():
    @tool
    def count_items(text: str, cart: Annotated[int, InjectedState("cart")]) -> str:
        """Expect a number where the state has a list."""
        return text

    graph = tools_graph(ToolNode([count_items]), State)
    [message] = answers(graph.invoke(asking_for(called("count_items", text="a"), cart=[]), THREAD))
    assert message.status == "error"
    assert "the application gives, not you" in message.content
    assert "cart" not in message.content


def test_a_tool_sees_the_state_itself_and_not_a_copy_of_its_messages():
    seen: list[Any] = []

    @tool
    def look(messages: Annotated[Any, InjectedState("messages")]) -> str:
        """Keep what was given."""
        seen.extend(messages)
        return "kept"

    graph = tools_graph(ToolNode([look]))
    given = asking_for(called("look"))
    graph.invoke(given, THREAD)
    assert seen[0] is given["messages"][0]


class Private(TypedDict):
    messages: Annotated[list, add_messages]
    secret: str


def test_a_nodes_input_schema_says_what_its_tools_see():
    builder = StateGraph(Private)
    builder.add_node("tools", ToolNode([whole]), input_schema=MessagesState)
    graph = builder.add_edge(START, "tools").compile()
    assert contents(graph.invoke(asking_for(called("whole"), secret="s"))) == ["dict ['messages']"]


def test_overwrite_in_a_tools_command_replaces_the_field():
    @tool
    def forget(id: Annotated[str, InjectedToolCallId]) -> Any:
        """Forget the talk."""
        return Command(update={"messages": [ToolMessage("forgotten", tool_call_id=id)], "cart": Overwrite([])})

    done = tools_graph(ToolNode([forget]), State).invoke(asking_for(called("forget"), cart=["milk"]), THREAD)
    assert (contents(done), done["cart"]) == (["forgotten"], [])

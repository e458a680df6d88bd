"""What user code gave back, read as writes and routes."""

import logging
import operator
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

import pytest
from clew.actors.author.builder import StateGraph
from clew.actors.author.managed import IsLastStep
from clew.actors.author.plan import Plan
from clew.actors.author.returns import Returned, branch_routes, input_writes, interpret
from clew.events.errors import InvalidUpdateError
from clew.events.vocabulary import END, START, Command, Overwrite, Route, Send, Write
from clew.projections.channels.messages import add_messages
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from pydantic import BaseModel

from tests.support.labels import steady


class Input(TypedDict):
    x: int
    log: Annotated[list, operator.add]


class State(Input):
    chat: Annotated[list, add_messages]
    last: IsLastStep
    private: str


def plan_of(schema: Any, path: Any = None, path_map: Any = None, **schemas: Any) -> Plan:
    builder = StateGraph(schema, **schemas)
    builder.add_node("a", lambda state: None).add_node("b", lambda state: None)
    builder.set_node_defaults(error_handler=lambda state: None)
    builder.add_edge(START, "a").add_conditional_edges("a", path or (lambda state: END), path_map)
    return builder.plan(name="shop")


PLAN = plan_of(State, input_schema=Input)
ROOT = plan_of(Annotated[list, operator.add])


def read(returned: Any, plan: Plan = PLAN) -> Returned:
    return interpret(plan, plan.nodes["a"], returned)


def written(returned: Any, plan: Plan = PLAN) -> list[Any]:
    return [(write.channel, write.payload.value) for write in read(returned, plan).writes]


@dataclass
class Data:
    x: int = 7
    log: list | None = None


class Model(BaseModel):
    x: int = 7
    log: list | None = None
    private: str | None = "p"


class Plain:
    x: int
    log: list

    def __init__(self) -> None:
        self.x = 3


class Unlabelled:
    def __init__(self) -> None:
        self.x = 3


RETURNED: list[tuple[str, Any, list[Any]]] = [
    ("None", None, []),
    ("empty dict", {}, []),
    ("dict", {"x": 1, "log": ["a"]}, [("x", 1), ("log", ["a"])]),
    ("unknown key", {"z": 1, "x": 2}, [("x", 2)]),
    ("key that is no text", {5: 1, "x": 2}, [("x", 2)]),
    ("None as a value", {"x": None}, [("x", None)]),
    ("dataclass, every field", Data(), [("x", 7), ("log", None)]),
    ("model, None by default left out", Model(), [("x", 7), ("private", "p")]),
    ("model, None set", Model(log=None, private=None), [("x", 7), ("log", None), ("private", None)]),
    ("annotated class, what it has", Plain(), [("x", 3)]),
    ("Command", Command(update={"x": 1}), [("x", 1)]),
    ("Command of pairs", Command(update=[("x", 1), ("x", 2), ("z", 3)]), [("x", 1), ("x", 2)]),
    ("Command of a tuple of pairs", Command(update=(["x", 1],)), [("x", 1)]),
    ("Command of no pairs", Command(update=[]), []),
    ("Command of an instance", Command(update=Model(x=2)), [("x", 2), ("private", "p")]),
    ("Command of nothing", Command(), []),
    ("Command for this graph by name", Command(graph="shop", update={"x": 1}), [("x", 1)]),
    ("answer in a Command means nothing", Command(resume=5, update={"x": 1}), [("x", 1)]),
    ("list with a Command", [Command(update={"x": 1}), {"x": 2}, None], [("x", 1), ("x", 2)]),
    ("tuple with a Command", (Command(), Data(x=1, log=[])), [("x", 1), ("log", [])]),
]


@pytest.mark.parametrize(("returned", "writes"), [row[1:] for row in RETURNED], ids=[row[0] for row in RETURNED])
def test_what_a_node_returns_becomes_these_writes(returned: Any, writes: list[Any]) -> None:
    assert written(returned) == writes
    assert read(returned).routes == []


@pytest.mark.parametrize(
    "returned",
    [
        5,
        "text",
        [],
        [{}],
        [{"x": 1}],
        [Send("b", {})],
        Unlabelled(),
        AIMessage("not in a dict"),
        [Command(), 5],
        Command(update=5),
        Command(update=[{"x": 1}]),
        Command(update=[("x", 1, 2)]),
    ],
    ids=steady,
)
def test_what_is_no_update_is_refused_naming_the_node(returned: Any) -> None:
    with pytest.raises(
        InvalidUpdateError, match=r"node 'a' .*\(x, log, chat, private\).*INVALID_GRAPH_NODE_RETURN_VALUE"
    ):
        read(returned)


def test_a_managed_value_is_not_written_and_the_write_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert written({"last": True, "x": 1}) == [("x", 1)]
    assert "node 'a' wrote 'last', a managed value" in caplog.text


def test_keys_that_are_no_channels_are_kept_for_the_path_functions() -> None:
    assert read({"x": 1, "mood": "good"}).extra == {"mood": "good"}
    assert read({"x": 1}).extra == {}


@pytest.mark.parametrize(
    "value",
    [Overwrite([1]), {"__overwrite__": [1]}, {"type": "__overwrite__", "value": [1]}],
    ids=["object", "short", "long"],
)
@pytest.mark.parametrize("key", ["log", "x"])
def test_overwrites_are_unwrapped_for_every_channel(key: str, value: Any) -> None:
    for writes in (read({key: value}).writes, input_writes(PLAN, {key: value})):
        assert [(write.payload.value, write.overwrite) for write in writes] == [([1], True)]


def test_messages_get_their_ids_on_the_objects_that_were_returned() -> None:
    chat, loose, sent = AIMessage("a"), AIMessage("b"), HumanMessage("c")
    result = read([Command(goto=Send("b", {"chat": [sent]})), {"chat": [chat], "x": loose}])
    assert all(message.id for message in (chat, loose, sent))
    assert result.writes[0].payload.value == [chat]
    assert result.writes[0].payload.value[0] is chat
    assert result.writes[1].payload.value is loose


def test_messages_are_made_whole_before_they_are_written() -> None:
    (write,) = read({"chat": [("user", "hi"), AIMessageChunk("there", id="7")]}).writes
    kinds = [type(message) for message in write.payload.value]
    assert kinds == [HumanMessage, AIMessage]
    assert all(isinstance(message, BaseMessage) and message.id for message in write.payload.value)


def targets(routes: list[Route]) -> list[Any]:
    return [(route.node, route.payload.value) if route.payload else route.node for route in routes]


@pytest.mark.parametrize(
    ("returned", "routes"),
    [
        (Send("b", {"x": 1}), [("b", {"x": 1})]),
        (Command(goto="b"), ["b"]),
        (Command(goto=["b", "a", "b"]), ["b", "a"]),
        (Command(goto=("b", END)), ["b"]),
        (Command(goto=END), []),
        (Command(goto=Send("b", 1)), [("b", 1)]),
        (Command(goto=[Send("b", 1), "b", Send("b", 1)]), [("b", 1), "b", ("b", 1)]),
        ([Command(goto="b"), Send("a", 2)], ["b", ("a", 2)]),
    ],
)
def test_sends_and_gotos_become_routes(returned: Any, routes: list[Any]) -> None:
    assert targets(read(returned).routes) == routes


def test_a_send_carries_its_timeout() -> None:
    (route,) = read(Send("b", 1, timeout=3)).routes
    assert route.send
    assert route.timeout == 3


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        (Command(goto="z"), r"node 'a' leads to 'z'.*graph 'shop': use one of 'a', 'b', or END"),
        (Command(goto=Send("z", 1)), r"leads to 'z'"),
        (Command(goto=START), r"leads to '__start__'"),
        (Command(goto="__default_error_handler__"), r"leads to '__default_error_handler__'"),
        (Command(goto=[5]), r"leads to 5"),
        (Command(goto=5), r"goto=5"),
        (Send(END, 1), r"node 'a' sends 1 to END"),
        (Send("z", 1), r"node 'a' leads to 'z'"),
    ],
)
def test_a_route_that_leads_nowhere_is_refused(returned: Any, says: str) -> None:
    with pytest.raises(InvalidUpdateError, match=says):
        read(returned)


@pytest.mark.parametrize("place", [0, 1])
def test_a_command_for_the_parent_discards_what_the_node_wrote(place: int) -> None:
    command = Command(graph=Command.PARENT, update={"x": 3}, goto="elsewhere")
    returned: list[Any] = [Command(update={"x": 1}, goto="b")]
    returned.insert(place, command)
    for result in (read(command), read(returned)):
        assert result.parent is command
        assert result.writes == []
        assert result.routes == []


ROOT_RETURNED: list[tuple[Any, list[Any]]] = [
    (None, []),
    (["a"], [["a"]]),
    ({}, [{}]),
    (5, [5]),
    ({"__root__": [3]}, [{"__root__": [3]}]),
    (Command(update=["k"]), [["k"]]),
    (Command(update={"x": 1}), [{"x": 1}]),
    (Command(update={"__root__": ["s"]}), [["s"]]),
    (Command(update=[("__root__", ["s"])]), [["s"]]),
    (Command(update=[("user", "hi")]), [[("user", "hi")]]),
    ([Command(update=["a"]), ["b"]], [["a"], ["b"]]),
    (Overwrite(["w"]), [["w"]]),
]


@pytest.mark.parametrize(("returned", "values"), ROOT_RETURNED, ids=repr)
def test_a_root_state_takes_the_value_itself(returned: Any, values: list[Any]) -> None:
    assert written(returned, ROOT) == [("__root__", value) for value in values]


def test_a_root_state_s_node_can_route_too() -> None:
    assert targets(read(Send("b", 1), ROOT).routes) == [("b", 1)]
    assert input_writes(ROOT, ["in"])[0].payload.value == ["in"]
    assert input_writes(ROOT, 5)[0].channel == "__root__"


@pytest.mark.parametrize(
    ("given", "writes"),
    [
        ({}, []),
        ({"x": 1, "private": "p", "z": 2, "last": True}, [("x", 1)]),
        (Data(x=1, log=["a"]), [("x", 1), ("log", ["a"])]),
        (Model(), [("x", 7)]),
        (Plain(), [("x", 3)]),
    ],
)
def test_input_writes_the_keys_of_the_input_schema_only(given: Any, writes: list[Any]) -> None:
    assert [(write.channel, write.payload.value) for write in input_writes(PLAN, given)] == writes


@pytest.mark.parametrize("given", [5, "text", [("x", 1)], [], object(), Unlabelled()])
def test_input_that_has_no_keys_is_refused(given: Any) -> None:
    with pytest.raises(InvalidUpdateError, match=r"graph's input is .*INVALID_GRAPH_NODE_RETURN_VALUE"):
        input_writes(PLAN, given)


def test_input_is_taken_as_it_is_without_coercion() -> None:
    plan = plan_of(Model)
    assert input_writes(plan, {"x": "5"})[0].payload.value == "5"


def routed(result: Any, path_map: Any = None) -> list[Any]:
    plan = plan_of(State, path_map=path_map)
    node = plan.nodes["a"]
    return targets(branch_routes(plan, node, node.branches[0], result))


@pytest.mark.parametrize(
    ("result", "path_map", "routes"),
    [
        ("b", None, ["b"]),
        (["b", "a"], None, ["b", "a"]),
        (("b", "b"), None, ["b"]),
        (END, None, []),
        ([], None, []),
        (Send("b", 1), None, [("b", 1)]),
        ([Send("b", 1), "b", END], None, [("b", 1), "b"]),
        (True, {True: "b"}, ["b"]),
        ([True, False], {True: "b", False: END}, ["b"]),
        (None, {None: "b"}, ["b"]),
        (Send("a", 1), {"x": "b"}, [("a", 1)]),
        ("b", ["b"], ["b"]),
    ],
)
def test_a_path_function_s_result_becomes_these_routes(result: Any, path_map: Any, routes: list[Any]) -> None:
    assert routed(result, path_map) == routes


@pytest.mark.parametrize(
    ("result", "path_map", "error", "says"),
    [
        (None, None, ValueError, "'condition' of node 'a' returned None"),
        ([None], None, ValueError, "no destination"),
        (START, None, ValueError, "'__start__'"),
        ("q", {True: "b"}, KeyError, "returned 'q', which its path_map lacks"),
        (None, {True: "b"}, KeyError, "returned None"),
        ([["b"]], {"b": "b"}, KeyError, r"returned \['b'\]"),
        ("a", ["b"], KeyError, "one of 'b'"),
        ("z", None, InvalidUpdateError, "'condition' of node 'a' leads to 'z'"),
        (Send("z", 1), None, InvalidUpdateError, "leads to 'z'"),
        (Send(END, 1), None, InvalidUpdateError, "to END"),
        ({"b"}, None, InvalidUpdateError, r"leads to \{'b'\}"),
        (5, None, InvalidUpdateError, "leads to 5"),
        (Command(goto="b"), None, InvalidUpdateError, "leads to Command"),
    ],
)
def test_a_path_function_s_wrong_result_is_refused(
    result: Any, path_map: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        routed(result, path_map)


def test_a_result_that_a_dataclass_inherits_is_written_bases_first() -> None:
    class Base:
        x: int = 1

    class Child(Base):
        log: list = field(default_factory=list)

    @dataclass
    class Both(Data):
        private: str = "p"

    assert [key for key, _ in written(Both())] == ["x", "log", "private"]
    assert [key for key, _ in written(Child())] == ["x", "log"]


keys = st.sampled_from(["x", "log", "private", "unknown", "last"])
updates = st.dictionaries(keys, st.integers(), max_size=5)


@given(updates)
def test_every_form_of_the_same_update_writes_the_same(update: dict[str, int]) -> None:
    expected = written(update)
    assert expected == [(key, value) for key, value in update.items() if key not in ("unknown", "last")]
    for form in (
        Command(update=update),
        Command(update=list(update.items())),
        [Command(update=update)],
        [Command(), update],
    ):
        assert written(form) == expected


@given(st.lists(updates, min_size=1, max_size=4))
def test_a_list_of_commands_writes_what_its_parts_write_in_order(parts: list[dict[str, int]]) -> None:
    one_by_one: list[Write] = [write for part in parts for write in read(part).writes]
    assert read([Command(update=part) for part in parts]).writes == one_by_one

"""Section 3: state schemas, and what each phase sees of them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, NotRequired, Optional, Required, TypedDict

import pytest
from clew import START, Command, InMemorySaver, StateGraph
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import InvalidUpdateError, InvalidValueError
from clew.managed import IsLastStep, RemainingSteps
from pydantic import BaseModel, ValidationError, field_validator
from pydantic import Field as PydanticField

from .callers import Caller
from .programs import ONE, State


def run(schema: Any, node: Callable[[Any], Any], given: Any, **options: Any) -> Any:
    """The output of a graph of one node."""
    return StateGraph(schema, **options).add_node("n", node).add_edge(START, "n").compile().invoke(given)


@dataclass
class Data:
    """A dataclass state."""

    x: int
    y: int = 5
    l: Annotated[list, operator.add] = field(default_factory=list)  # noqa: E741


class Model(BaseModel):
    """A pydantic state."""

    x: int = 0
    y: int = 3
    z: Optional[int] = None  # noqa: UP045


class Plain:
    """An annotated class of another kind."""

    x: int
    l: Annotated[list, operator.add]  # noqa: E741

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)


# -- 3.1


class Pair(NamedTuple):
    """A tuple with annotated fields."""

    x: int = 0


@pytest.mark.parametrize("schema", [State, Data, Model, Plain, Pair])
def test_each_annotated_field_is_a_channel(schema: Any) -> None:
    assert set(StateGraph(schema).channels) >= {"x"}
    assert run(schema, lambda state: {"x": 2}, {"x": 1})["x"] == 2


@pytest.mark.parametrize("schema", [Plain, Pair])
def test_a_class_of_another_kind_only_annotates_a_dict(schema: Any) -> None:
    def node(state: Any) -> dict[str, Any]:
        return {"x": state["x"] + 1}

    assert run(schema, node, {"x": 1})["x"] == 2
    node.__annotations__["state"] = schema
    assert run(State, node, {"x": 1})["x"] == 2


def test_required_and_not_required_are_stripped() -> None:
    class Partial(TypedDict, total=False):
        x: Required[int]
        y: NotRequired[Annotated[list, operator.add]]
        z: Annotated[NotRequired[list], operator.add]

    assert run(Partial, lambda state: {"y": [1], "z": [1]}, {"x": 1}) == {"x": 1, "y": [1], "z": [1]}


@pytest.mark.parametrize(
    ("schema", "node", "given", "output"),
    [
        (int, lambda state: state + 1, 1, 2),
        (Annotated[list, operator.add], lambda state: [len(state)], [7], [7, 1]),
        (dict, lambda state: {**state, "y": 1}, {"x": 1}, {"x": 1, "y": 1}),
    ],
)
def test_a_bare_type_is_one_root_channel(schema: Any, node: Any, given: Any, output: Any) -> None:
    assert run(schema, node, given) == output


def test_a_root_state_is_kept_and_updated(saver: BaseCheckpointSaver, caller: Caller) -> None:
    builder = StateGraph(Annotated[list, operator.add]).add_node("n", lambda state: [len(state)])
    graph = builder.add_edge(START, "n").compile(checkpointer=saver)
    caller.invoke(graph, [7], ONE)
    assert caller.invoke(graph, [8], ONE) == [7, 1, 8, 3]
    caller.update(graph, ONE, [9])
    assert caller.state(graph, ONE).values == [7, 1, 8, 3, 9]
    assert caller.stream(graph, [1], ONE) == [{"n": [6]}]
    results = [task.result for row in caller.history(graph, ONE, limit=3) for task in row.tasks]
    assert results == [[6], [1]]


def test_the_result_of_a_roots_task_is_bare(caller: Caller) -> None:
    several = [Command(update="x"), Command(update="y")]
    builder = StateGraph(Annotated[str, operator.add]).add_sequence([("n", lambda _: several), ("m", lambda _: None)])
    graph = builder.add_edge(START, "n").compile(checkpointer=InMemorySaver())
    assert caller.invoke(graph, "a", ONE) == "axy"
    assert [task.result for row in caller.history(graph, ONE) for task in row.tasks] == [
        None,
        {"$writes": ["x", "y"]},
        "a",
    ]


def test_what_is_no_type_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="no type"):
        StateGraph("text")


# -- 3.2


def test_only_the_last_annotation_can_be_a_reducer() -> None:
    class Last(TypedDict):
        l: Annotated[list, operator.add, "doc"]  # noqa: E741

    class First(TypedDict):
        l: Annotated[list, "doc", operator.add]  # noqa: E741

    assert run(Last, lambda state: {"l": [2]}, {"l": [1]}) == {"l": [2]}
    assert run(First, lambda state: {"l": [2]}, {"l": [1]}) == {"l": [1, 2]}


@pytest.mark.parametrize(
    ("reducer", "fits"),
    [
        (lambda a: a, False),
        (lambda a, b, c: a, False),
        (lambda a, b, c=1: a, False),
        (lambda *several: several[0], False),
        (lambda a, b, *, c=1: a + b, True),
        (operator.add, True),
    ],
)
def test_a_reducer_takes_two_positional_parameters(reducer: Any, fits: bool) -> None:
    class Reduced(TypedDict):
        l: Annotated[list, reducer]  # noqa: E741

    if fits:
        assert run(Reduced, lambda state: {"l": [2]}, {"l": [1]}) == {"l": [1, 2]}
    else:
        with pytest.raises(ValueError, match="reducer"):
            StateGraph(Reduced)


# -- 3.3


class Grows(TypedDict):
    """`l` grows."""

    l: Annotated[list, operator.add]  # noqa: E741


class Keeps(TypedDict):
    """`l` keeps its last value."""

    l: list  # noqa: E741


def test_two_schemas_may_write_the_same_lambda() -> None:
    class One(TypedDict):
        l: Annotated[list, lambda old, new: old + new]  # noqa: E741

    class Other(TypedDict):
        l: Annotated[list, lambda old, new: old + new]  # noqa: E741

    def node(state: Other) -> dict[str, Any]:
        return {"l": [len(state["l"])]}

    node.__annotations__["state"] = Other
    assert run(One, node, {"l": [7]}) == {"l": [7, 1]}


def test_a_plain_key_may_follow_a_reducer_and_not_the_other_way() -> None:
    assert run(Grows, lambda state: {"l": [2]}, {"l": [1]}, input_schema=Keeps, output_schema=Keeps) == {"l": [1, 2]}
    with pytest.raises(ValueError, match="'l'"):
        StateGraph(Keeps, input_schema=Grows)
    with pytest.raises(ValueError, match="'l'"):
        StateGraph(Keeps).add_node("n", lambda state: {}, input_schema=Grows)


class Counted(TypedDict):
    """With managed values."""

    x: int
    left: RemainingSteps
    last: IsLastStep


@pytest.mark.parametrize("side", ["input_schema", "output_schema"])
def test_managed_values_stand_in_no_explicit_border_schema(side: str) -> None:
    with pytest.raises(ValueError, match="managed"):
        StateGraph(State, **{side: Counted})


def test_managed_values_are_tolerated_in_a_state_that_is_its_own_border(caplog: pytest.LogCaptureFixture) -> None:
    graph = StateGraph(Counted).add_node("n", lambda state: {"x": state["left"], "left": 9}).add_edge(START, "n")
    assert graph.compile().invoke({"x": 1, "left": 7}, {"recursion_limit": 5}) == {"x": 4}
    assert "managed value" in caplog.text


# -- 3.4


class In(TypedDict):
    """What goes in."""

    a: int


class Out(TypedDict):
    """What comes out."""

    b: int


class Full(TypedDict):
    """All of it."""

    a: int
    b: int
    c: int


def test_input_and_output_have_the_keys_of_their_schemas(caller: Caller) -> None:
    builder = StateGraph(Full, input_schema=In, output_schema=Out)
    builder.add_node("n", lambda state: {"b": state["a"], "c": len(state)}).add_edge(START, "n")
    graph = builder.compile()
    assert caller.invoke(graph, {"a": 1, "c": 7, "unheard": 3}) == {"b": 1}
    assert caller.stream(graph, {"a": 1}, stream_mode="values") == [{"a": 1}, {"a": 1, "b": 1, "c": 1}]


def test_a_node_sees_the_keys_that_have_a_value_and_every_reducers_empty_one() -> None:
    class Empty(TypedDict):
        items: Annotated[list[int], operator.add]
        table: Annotated[dict, lambda old, new: {**old, **new}]
        number: Annotated[int, operator.add]
        text: Annotated[str, operator.add]
        names: Annotated[set, lambda old, new: old | new]
        maybe: Annotated[Optional[int], lambda old, new: new]  # noqa: UP045
        plain: int

    seen: list[dict] = []
    run(Empty, lambda state: seen.append(dict(state)), {})
    assert seen == [{"items": [], "table": {}, "number": 0, "text": "", "names": set()}]


def test_unknown_keys_of_a_return_are_dropped() -> None:
    assert run(State, lambda state: {"unheard": 1, "x": 5}, {"x": 1, "l": []}) == {"x": 5, "l": []}


def test_private_state_is_in_streams_and_in_the_state_and_not_in_the_output(
    saver: BaseCheckpointSaver, caller: Caller
) -> None:
    class Private(TypedDict):
        secret: str

    def reads(state: Private) -> dict[str, Any]:
        return {"x": len(state["secret"])}

    builder = StateGraph(State).add_node("w", lambda state: {"secret": "abc"}).add_node(reads)
    graph = builder.add_edge(START, "w").add_edge("w", "reads").compile(checkpointer=saver)
    assert caller.invoke(graph, {"x": 1}, ONE) == {"x": 3, "l": []}
    assert caller.state(graph, ONE).values == {"x": 3, "l": [], "secret": "abc"}
    assert caller.stream(graph, {"x": 1}, ONE)[0] == {"w": {"secret": "abc"}}
    assert caller.stream(graph, {"x": 1}, ONE, stream_mode="values")[-1] == {"x": 3, "l": [], "secret": "abc"}


# -- 3.5


def test_nodes_get_an_instance_with_defaults_and_invoke_returns_a_dict() -> None:
    seen: list[Any] = []
    assert run(Data, lambda state: seen.append(state), {"x": 1}) == {"x": 1, "l": []}
    assert seen == [Data(x=1, y=5, l=[])]
    run(Model, lambda state: seen.append(state), {"x": "5"})
    assert seen[1] == Model(x=5)


def test_input_may_be_an_instance() -> None:
    assert run(Data, lambda state: {"l": [state.y]}, Data(x=3)) == {"x": 3, "y": 5, "l": [5]}
    assert run(Model, lambda state: None, Model(x=3)) == {"x": 3, "y": 3}


def test_input_is_not_coerced_and_output_not_validated() -> None:
    assert run(Model, lambda state: None, {"x": "5"})["x"] == "5"
    assert run(Model, lambda state: {"x": "no number"}, {"x": 1})["x"] == "no number"


def test_a_value_that_does_not_fit_is_an_error_of_the_next_node() -> None:
    with pytest.raises(ValidationError):
        run(Model, lambda state: None, {"x": "no number"})
    builder = StateGraph(Model).add_node("a", lambda state: {"x": "no number"}).add_node("b", lambda state: None)
    with pytest.raises(ValidationError):
        builder.add_edge(START, "a").add_edge("a", "b").compile().invoke({"x": 1})


def test_a_missing_field_of_a_dataclass_is_an_error_of_the_node() -> None:
    with pytest.raises(TypeError):
        run(Data, lambda state: None, {})


def test_a_returned_instance_writes_every_field_but_an_unset_none() -> None:
    assert run(Data, lambda state: Data(x=9), {"x": 1, "y": 7}) == {"x": 9, "y": 5, "l": []}
    assert run(Model, lambda state: Model(x=1), {"x": 5, "y": 9, "z": 4}) == {"x": 1, "y": 3, "z": 4}
    assert run(Model, lambda state: Model(x=1, z=None), {"x": 5, "z": 4}) == {"x": 1, "y": 3, "z": None}
    assert run(Plain, lambda state: Plain(x=4, l=["q"]), {"x": 1, "l": ["i"]}) == {"x": 4, "l": ["i", "q"]}


@pytest.mark.parametrize("given", [[("x", 1)], 3, "text", []])
def test_an_input_that_is_neither_dict_nor_instance_is_refused(given: Any) -> None:
    with pytest.raises(InvalidUpdateError):
        run(State, lambda state: None, given)


# -- values checked when they are written (section 30.21): offered, not the default


class Positive(BaseModel):
    """Constraints, and a validator of a field."""

    n: int = PydanticField(gt=0)
    word: str = ""

    @field_validator("word")
    @classmethod
    def lower(cls, word: str) -> str:
        if not word.islower():
            raise ValueError("shouts")
        return word


class Bare(TypedDict, total=False):
    n: int
    l: Annotated[list[int], operator.add]  # noqa: E741


@dataclass
class Typed:
    n: int = 0


def checking(schema: Any, returned: Any, **options: Any) -> Any:
    builder = StateGraph(schema).add_node("f", lambda state: returned).add_edge(START, "f")
    return builder.compile(validate=True, **options)


@pytest.mark.parametrize("schema", [Positive, Bare, Typed])
def test_checked_values_are_stored_as_their_annotations_want_them(
    schema: Any, saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = checking(schema, {"n": "8"}, checkpointer=saver)
    assert caller.invoke(graph, {"n": "7"}, ONE)["n"] == 8
    caller.update(graph, ONE, {"n": "9"})
    assert [row.values.get("n") for row in caller.history(graph, ONE)] == [9, 8, 7, None]
    assert caller.invoke(graph, Command(update={"n": "10"}), ONE)["n"] == 10


@pytest.mark.parametrize("schema", [Positive, Bare, Typed])
def test_a_value_that_does_not_fit_is_refused_where_it_is_written(
    schema: Any, saver: BaseCheckpointSaver, caller: Caller
) -> None:
    graph = checking(schema, {"n": "eight"}, checkpointer=saver)
    with pytest.raises(InvalidValueError, match="'__start__' wrote a value of type 'str' to key 'n'") as refusal:
        caller.invoke(graph, {"n": "seven"}, ONE)
    assert (refusal.value.node, refusal.value.key, refusal.value.kind) == (START, "n", str)
    assert caller.state(graph, ONE).values == {}
    with pytest.raises(InvalidValueError, match="node 'f' wrote a value of type 'str' to key 'n'"):
        caller.invoke(graph, {"n": 7}, ONE)
    assert (caller.state(graph, ONE).values["n"], caller.state(graph, ONE).next) == (7, ("f",))
    with pytest.raises(InvalidValueError):
        caller.update(graph, ONE, {"n": "nine"}, as_node="f")
    assert caller.invoke(checking(schema, {"n": 8}, checkpointer=saver), None, ONE)["n"] == 8


@pytest.mark.parametrize(("returned", "said"), [({"n": 0}, "greater than 0"), ({"word": "LOUD"}, "shouts")])
def test_a_models_constraints_and_field_validators_count(returned: Any, said: str) -> None:
    with pytest.raises(InvalidValueError, match=said) as refusal:
        checking(Positive, returned).invoke({"n": 1})
    assert isinstance(refusal.value, InvalidUpdateError)
    assert [one["type"] for one in refusal.value.details] in (["greater_than"], ["value_error"])


def test_what_a_reducer_takes_and_what_is_not_kept_is_not_checked() -> None:
    assert checking(Bare, {"l": ["no number"], "unknown": 1}).invoke({"l": []})["l"] == ["no number"]


def test_a_root_state_is_checked_too() -> None:
    assert checking(int, "8").invoke("7") == 8
    with pytest.raises(InvalidValueError, match="__root__"):
        checking(int, "eight").invoke(7)


def test_a_class_that_pydantic_does_not_know_is_checked_by_isinstance() -> None:
    class Own:
        pass

    state = TypedDict("state", {"own": Own})  # noqa: UP013  # a class of this function
    own = Own()
    assert checking(state, {"own": own}).invoke({"own": Own()})["own"] is own
    with pytest.raises(InvalidValueError, match="'int' to key 'own'"):
        checking(state, {"own": 1}).invoke({"own": Own()})

"""From schemas to channels: forms, annotation rules, pooling."""

import operator
from dataclasses import InitVar, dataclass, field
from typing import Annotated, Any, ClassVar, Generic, Literal, NotRequired, Optional, Required, TypedDict, TypeVar

import pytest
import typing_extensions
from clew.actors.author.builder import StateGraph
from clew.actors.author.managed import IsLastStep, RemainingSteps
from clew.actors.author.schemas import ROOT, StatePool, declared
from clew.projections.channels.aggregate import BinaryOperatorAggregate
from clew.projections.channels.ephemeral_value import EphemeralValue
from clew.projections.channels.last_value import LastValue
from clew.projections.channels.messages import MessagesState, add_messages
from clew.projections.channels.messages_channel import MessagesChannel
from clew.projections.channels.topic import Topic
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from pydantic import BaseModel, Field, PrivateAttr, ValidationError


def one_key(annotation: Any) -> Any:
    return with_keys({"key": annotation})


def with_keys(annotations: dict[str, Any]) -> Any:
    return TypedDict("schema", annotations)  # type: ignore[misc]


class Typed(TypedDict):
    x: int
    log: Annotated[list, operator.add]


class Model(BaseModel):
    shared: ClassVar[int] = 3
    _private: int = PrivateAttr(default=3)
    x: int
    log: Annotated[list, operator.add] = []
    bounded: Annotated[int, Field(ge=0)] = 1


@dataclass
class Data:
    shared: ClassVar[int]
    given: InitVar[int]
    x: int
    log: Annotated[list, operator.add] = field(default_factory=list)


class Plain:
    shared: ClassVar[int] = 1
    x: int
    log: Annotated[list, operator.add]


class Packed(Struct):
    x: int
    log: Annotated[list, operator.add] = []


@pytest.mark.parametrize(
    ("schema", "keys"),
    [
        (Typed, ("x", "log")),
        (Model, ("x", "log", "bounded")),
        (Data, ("x", "log")),
        (Plain, ("x", "log")),
        (Packed, ("x", "log")),
    ],
)
def test_every_form_of_class_declares_its_fields(schema: Any, keys: tuple[str, ...]) -> None:
    found = declared(schema)
    assert found.keys == keys
    assert found.channels["x"] == LastValue(int)
    assert found.channels["log"] == BinaryOperatorAggregate(list, operator.add)
    assert not found.root
    assert found.annotations[0] is schema


@pytest.mark.parametrize(
    ("schema", "channel"),
    [
        (int, LastValue(int)),
        (list[int], LastValue(list[int])),
        (Optional[int], LastValue(int)),  # noqa: UP045
        (Annotated[list, operator.add], BinaryOperatorAggregate(list, operator.add)),
        (Annotated[list, add_messages], MessagesChannel(list)),
        (Any, LastValue(Any)),
    ],
)
def test_a_type_without_fields_is_one_root_channel(schema: Any, channel: Any) -> None:
    found = declared(schema)
    assert dict(found.channels) == {ROOT: channel}
    assert found.root
    assert found.coerce is None
    plan = StateGraph(schema).add_node("a", lambda value: None).set_entry_point("a").plan()
    assert plan.root == ROOT
    assert plan.nodes["a"].view.root


def test_what_is_no_type_is_warned_about_and_not_refused() -> None:
    with pytest.warns(UserWarning, match="state_schema is 5"):
        StateGraph(5)  # type: ignore[arg-type]


def lines(one: list, other: list) -> list:
    return one + other


RULES: list[tuple[str, Any, Any]] = [
    ("plain", int, LastValue(int)),
    ("reducer", Annotated[list, lines], BinaryOperatorAggregate(list, lines)),
    ("reducer last of several", Annotated[list, "doc", lines], BinaryOperatorAggregate(list, lines)),
    ("reducer not last is no reducer", Annotated[list, lines, "doc"], LastValue(list)),
    ("builtin without a signature", Annotated[int, max], BinaryOperatorAggregate(int, max)),
    ("messages", Annotated[list, add_messages], MessagesChannel(list)),
    (
        "messages in a format",
        Annotated[list, add_messages(format="langchain-openai")],
        MessagesChannel(list, "langchain-openai"),
    ),
    ("channel class", Annotated[int, EphemeralValue], EphemeralValue(int)),
    ("channel anywhere", Annotated[int, Topic(int, True), "doc"], Topic(int, True)),
    ("channel before a reducer", Annotated[list, Topic(int), lines], Topic(int)),
    ("Required", Required[Annotated[list, lines]], BinaryOperatorAggregate(list, lines)),
    ("NotRequired inside", Annotated[NotRequired[list], lines], BinaryOperatorAggregate(list, lines)),
    ("ReadOnly", typing_extensions.ReadOnly[Annotated[list, lines]], BinaryOperatorAggregate(list, lines)),
    ("metadata that is no rule", Annotated[int, Field(ge=0)], LastValue(int)),
]


@pytest.mark.parametrize(("annotation", "channel"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_an_annotation_becomes_this_channel(annotation: Any, channel: Any) -> None:
    found = declared(one_key(annotation)).channels["key"]
    assert type(found) is type(channel)
    assert found == channel


@pytest.mark.parametrize(
    "reducer",
    [lambda: 1, lambda a: a, lambda a, b, c=1: a, lambda *a: a, lambda a, *, b: a],
    ids=["0", "1", "3", "*", "kw"],
)
def test_a_reducer_takes_two_positional_arguments(reducer: Any) -> None:
    with pytest.raises(ValueError, match=r"'<lambda>' of key 'key' takes \d positional"):
        declared(one_key(Annotated[int, reducer]))


def test_a_reducer_may_have_keyword_only_options() -> None:
    schema = one_key(Annotated[int, lambda a, b, *, limit=3: a])
    assert isinstance(declared(schema).channels["key"], BinaryOperatorAggregate)


def test_managed_values_are_no_channels() -> None:
    class Managed(TypedDict):
        x: int
        last: IsLastStep
        left: NotRequired[RemainingSteps]

    found = declared(Managed)
    assert list(found.channels) == ["x"]
    assert found.managed == {"last": "is_last_step", "left": "remaining_steps"}
    assert found.keys == ("x", "last", "left")


def test_a_class_that_could_have_fields_and_has_none_is_a_state_without_keys() -> None:
    class Empty(TypedDict):
        pass

    class Bare:
        pass

    assert declared(Empty).channels == {}
    assert declared(Bare).root


def test_fields_of_base_classes_come_first() -> None:
    class Chat(MessagesState):
        name: str

    assert declared(Chat).keys == ("messages", "name")
    assert isinstance(declared(Chat).channels["messages"], MessagesChannel)


def test_a_generic_typed_dict_with_its_argument_is_its_class() -> None:
    Item = TypeVar("Item")

    class Box(TypedDict, Generic[Item]):
        item: Item

    assert declared(Box[int]).keys == ("item",)


def test_a_schema_inside_a_function_may_name_its_neighbours_as_text() -> None:
    class Local(TypedDict):
        item: "Neighbour"
        items: Annotated["list[Neighbour]", operator.add]

    class Neighbour(TypedDict):
        name: str

    found = declared(Local)
    assert found.channels["items"] == BinaryOperatorAggregate(list, operator.add)
    assert Neighbour in found.annotations


def test_a_model_whose_defining_function_returned_is_still_read() -> None:
    def make() -> type[BaseModel]:
        class Inner(BaseModel):
            name: str

        class Outer(BaseModel):
            item: "Inner"
            log: Annotated["list[Inner]", operator.add] = []

        return Outer

    found = declared(make())
    assert found.keys == ("item", "log")
    assert isinstance(found.channels["log"], BinaryOperatorAggregate)


def test_classes_are_rebuilt_from_their_fields_and_typed_dicts_stay_dicts() -> None:
    class Renamed(BaseModel):
        order_id: int = Field(alias="orderId")

    assert declared(Typed).coerce is None
    assert declared(Data).coerce is Data
    build = declared(Model).coerce
    assert build is not None
    assert build(x="5").x == 5
    with pytest.raises(ValidationError):
        build(x="many")
    rename = declared(Renamed).coerce
    assert rename is not None
    assert rename(order_id=3).order_id == 3


def pooled(*schemas: Any) -> StatePool:
    pool = StatePool()
    for schema in schemas:
        pool.add(schema)
    return pool


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (Annotated[list, lines], list),
        (Annotated[list, lines], Annotated[list, lines]),
        (Annotated[list, lines], Annotated[tuple, lines]),
        (int, str),
        (Annotated[int, EphemeralValue], Annotated[int, EphemeralValue(int)]),
        (IsLastStep, bool),
        (IsLastStep, IsLastStep),
    ],
)
def test_the_same_rule_or_a_plain_type_may_follow(first: Any, later: Any) -> None:
    before = pooled(one_key(first))
    after = pooled(one_key(first), one_key(later))
    assert after.channels == before.channels
    assert after.managed == before.managed


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (list, Annotated[list, lines]),
        (Annotated[list, lines], Annotated[list, operator.add]),
        (Annotated[list, lines], Annotated[list, Topic]),
        (Annotated[int, EphemeralValue], Annotated[int, EphemeralValue(int, guard=False)]),
        (bool, IsLastStep),
        (IsLastStep, RemainingSteps),
        (IsLastStep, Annotated[bool, EphemeralValue]),
    ],
)
def test_another_rule_for_a_key_is_refused(first: Any, later: Any) -> None:
    pool = pooled(one_key(first))
    channels, managed = dict(pool.channels), dict(pool.managed)
    with pytest.raises(ValueError, match="key 'key' has another rule already"):
        pool.add(one_key(later))
    assert (pool.channels, pool.managed) == (channels, managed)


def test_the_same_lambda_in_string_annotations_is_one_rule() -> None:
    class Base(TypedDict):
        key: "Annotated[list, lambda a, b: a + b]"

    class Child(Base):
        other: int

    assert set(pooled(Base, Child).channels) == {"key", "other"}


def test_a_view_shows_a_managed_key_even_where_the_schema_calls_it_plain() -> None:
    pool = pooled(one_key(IsLastStep), one_key(bool))
    assert pool.view(one_key(bool)).managed == (("key", "is_last_step"),)


RULE_CHOICES: list[Any] = [
    int,
    Annotated[int, operator.add],
    Annotated[int, operator.mul],
    Annotated[int, EphemeralValue],
]
small_schemas = st.lists(
    st.dictionaries(st.sampled_from("abc"), st.integers(0, len(RULE_CHOICES) - 1), min_size=1), min_size=1, max_size=4
)


@given(small_schemas)
def test_pooling_follows_the_first_rule_that_is_not_contradicted(rules: list[dict[str, int]]) -> None:
    """The model: a key takes its first rule; later ones must be equal or plain; a refused schema adds nothing."""
    pool, expected = StatePool(), dict[str, int]()
    for rule in rules:
        schema = with_keys({key: RULE_CHOICES[index] for key, index in rule.items()})
        clashes = [key for key, index in rule.items() if index != 0 and expected.get(key, index) != index]
        if clashes:
            with pytest.raises(ValueError, match=f"key '{clashes[0]}'"):
                pool.add(schema)
        else:
            pool.add(schema)
            expected = {**rule, **expected}
    alone = {index: declared(one_key(choice)).channels["key"] for index, choice in enumerate(RULE_CHOICES)}
    assert pool.channels == {key: alone[index] for key, index in expected.items()}


@given(small_schemas)
def test_pooling_a_schema_again_changes_nothing(rules: list[dict[str, int]]) -> None:
    schemas = [with_keys({key: RULE_CHOICES[index] for key, index in rule.items()}) for rule in rules]
    pool = StatePool()
    accepted: list[Any] = []
    for schema in schemas:
        try:
            pool.add(schema)
        except ValueError:
            continue
        accepted.append(schema)
    channels = dict(pool.channels)
    for schema in accepted:
        pool.add(schema)
    assert pool.channels == channels


def test_the_types_of_all_schemas_are_listed_once() -> None:
    class Extra(TypedDict):
        x: int
        mode: Literal["a"]

    annotations = pooled(Typed, Extra, Typed).annotations()
    assert annotations == (Typed, int, list, Extra, Literal["a"])

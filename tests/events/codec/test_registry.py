"""The closed table: what declares a class, what two layers know, and what reading gives for a class nobody declared."""

from __future__ import annotations

import enum
import sys
import threading
import types
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar, Union

import msgspec
import pytest
from clew.events.codec import COMMON, Codec, Opaque, Registry
from clew.events.codec.declared import classes_in
from clew.events.errors import DecodeError, EncodeError
from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage
from pydantic import BaseModel

Item = TypeVar("Item")


@dataclass
class Inner:
    value: int = 0


class Mood(enum.Enum):
    CALM = 1


class Pair(NamedTuple):
    left: Inner
    right: int


class Unit(msgspec.Struct):
    inner: Inner


class Model(BaseModel):
    inner: Inner
    mood: Mood | None = None


@dataclass
class Box(Generic[Item]):
    item: Item


class Tree(TypedDict, total=False):
    inner: Inner
    children: list[Tree]


class State(TypedDict):
    messages: Annotated[list[AnyMessage], "reducer"]
    model: Model
    boxes: dict[str, Box[Unit]]
    trees: list[Tree]


Named = NewType("Named", Pair)


@pytest.mark.parametrize(
    ("annotation", "classes"),
    [
        (State, {Model, Inner, Mood, Box, Unit}),
        (Optional[Inner], {Inner}),  # noqa: UP045
        (Union[Inner, Mood], {Inner, Mood}),  # noqa: UP007
        (Inner | None, {Inner}),
        (list[tuple[Inner, ...]], {Inner}),
        (Annotated[dict[str, Pair], Mood], {Pair, Inner}),
        (Named, {Pair, Inner}),
        (Literal[Mood.CALM, "x"], {Mood}),
        (Callable[[Inner], Mood], {Inner, Mood}),
        (type[Inner], {Inner}),
        (Tree, {Inner}),
        (TypeVar("Bound", bound=Inner), {Inner}),
        (list, set()),
        (Any, set()),
        (int, set()),
    ],
)
def test_a_schema_declares_every_class_it_speaks_of(annotation, classes):
    registry = Registry()
    registry.register_schema(annotation)
    known = {cls for cls in (Inner, Mood, Pair, Unit, Model, Box) if registry.find_class(cls)}
    assert known == classes


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type X = …` is syntax from Python 3.12 on")
def test_a_type_alias_declares_what_it_stands_for():
    module = types.ModuleType("aliases")
    exec("type Moods = list[Mood]", vars(module) | {"Mood": Mood}, vars(module))
    registry = Registry()
    registry.register_schema(module.Moods)
    assert registry.find_class(Mood)


def test_a_hint_that_cannot_be_resolved_hides_no_other():
    Broken = make_dataclass("Broken", [("first", "Nowhere"), ("second", Inner), ("third", "Mood")])
    Broken.__module__ = __name__
    assert {Inner, Mood} <= set(classes_in(Broken))


def test_messages_in_a_schema_are_not_registered_as_classes_of_the_users():
    registry = Registry()
    registry.register_schema(list[BaseMessage])
    registry.register_schema(State)
    assert registry.find_class(HumanMessage) is None


def test_two_classes_of_one_name_in_a_schema_are_refused():
    first, second = make_dataclass("Same", ["x"]), make_dataclass("Same", ["x"])
    first.__module__, second.__module__ = "one", "two"
    registry = Registry()
    registry.register_schema(first)
    with pytest.raises(ValueError, match=r"one\.Same and two\.Same .*register_type\(Same, tag=…\)"):
        registry.register_schema(second)
    registry.register(second, tag="two.Same")
    registry.register_schema(first | second)
    codec = Codec(registry)
    assert [type(back) for back in codec.decode_value(codec.encode_value([first(1), second(2)]))] == [first, second]


def test_a_class_met_while_writing_does_not_take_another_ones_tag():
    first, second = make_dataclass("Same", ["x"]), make_dataclass("Same", ["x"])
    first.__module__, second.__module__ = "one", "two"
    codec = Codec()
    codec.encode_value(first(1))
    with pytest.raises(EncodeError, match=r"\$\.x: classes one\.Same and two\.Same"):
        codec.encode_value({"x": second(1)})


def test_a_module_level_class_defined_anew_takes_the_place_of_the_old_one():
    codec = Codec()
    old = make_dataclass("Cell", ["x"])
    encoded = codec.encode_value(old(1))
    new = make_dataclass("Cell", ["x", ("y", int, field(default=0))])
    codec.registry.register_schema(new)
    assert codec.decode_value(encoded) == new(1, 0)
    assert codec.decode_value(codec.encode_value(old(1))) == new(1, 0)


def test_a_class_that_a_node_defines_at_every_call_is_one_class():
    def node(number: int) -> Any:
        @dataclass
        class Plan:
            steps: int

        return Plan(number)

    codec = Codec()
    encoded = [codec.encode_value(node(number)) for number in range(3)]
    last = node(3)
    codec.encode_value(last)
    assert codec.decode_value(encoded[0]) == type(last)(0)
    assert len(codec.registry._by_class) == 1


def test_two_classes_that_one_function_makes_are_two_classes():
    def make(*fields: str) -> type:
        cls = make_dataclass("Made", fields)
        cls.__qualname__ = "make.<locals>.Made"
        return cls

    codec = Codec()
    codec.encode_value(make("x")(1))
    with pytest.raises(EncodeError, match="would be stored as"):
        codec.encode_value(make("y")(1))


def test_more_classes_than_are_kept_are_looked_up_again():
    codec = Codec()
    for number in range(1200):
        value = make_dataclass(f"Made{number}", ["x"])(number)
        assert codec.decode_value(codec.encode_value(value)) == value
    assert len(codec._writer._quick._walkers) <= 1000


# --- layers


def test_a_child_knows_what_its_parent_knows_and_keeps_its_own():
    parent = Registry()
    child = parent.child()
    parent.register(Inner)
    child.register(Mood)
    assert child.find_class(Inner)
    assert child.find_tag("Inner")
    assert parent.find_class(Mood) is None


def test_what_a_graph_meets_does_not_reach_the_process():
    codec = Codec()
    codec.encode_value(Inner(1))
    assert codec.registry.find_class(Inner)
    assert COMMON.find_class(Inner) is None
    assert isinstance(Codec().decode_value(codec.encode_value(Inner(1))), Opaque)


# --- register


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


def test_a_class_is_stored_as_its_dump_says():
    codec = Codec()
    codec.registry.register(Money, dump=lambda money: (money.cents,), load=lambda data: Money(*data))
    assert codec.decode_value(codec.encode_value([Money(3)]))[0].cents == 3


def test_a_renamed_class_reads_and_writes_its_old_tag():
    writer = Codec()
    encoded = writer.encode_value(Inner(3))
    reader = Codec()
    reader.registry.register(make_dataclass("Renamed", ["value"]), tag="Inner")
    assert reader.decode_value(encoded).value == 3
    assert reader.encode_value(reader.decode_value(encoded)) == encoded


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda registry: registry.register(Money), "Money.*no dataclass.*register it with dump and load"),
        (lambda registry: registry.register(Money, dump=str), "both dump and load"),
        (lambda registry: registry.register(str, dump=str, load=str), "'str' are always stored as they are"),
    ],
)
def test_wrong_registrations_are_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call(Registry())


def test_threads_that_meet_one_class_at_once_agree():
    for _ in range(20):
        registry, barrier = Registry(), threading.Barrier(4)
        cls = make_dataclass("Raced", ["x"])
        found = []

        def meet() -> None:
            barrier.wait()  # noqa: B023
            found.append(registry.admit(cls).tag)  # noqa: B023

        threads = [threading.Thread(target=meet) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == ["Raced"] * 4


# --- what nobody declared


def test_an_unknown_class_is_opaque_and_says_how_to_register_it():
    back = Codec().decode_value(Codec().encode_value({"x": Inner(3)}))["x"]
    assert back == Opaque("Inner", {"value": 3})
    assert "clew.register_type(<class>, tag='Inner')" in repr(back)
    assert "'value': 3" in repr(back)


def test_an_opaque_value_becomes_the_value_where_the_class_is_known():
    encoded = Codec().encode_value([Inner(3), Model(inner=Inner(1))])
    again = Codec().encode_value(Codec().decode_value(encoded))
    knowing = Codec()
    knowing.registry.register_schema(Model)
    assert knowing.decode_value(again) == [Inner(3), Model(inner=Inner(1))]


def test_opaque_values_may_be_keys_and_members_of_sets():
    back = Codec().decode_value(Codec().encode_value([{Mood.CALM}, {Mood.CALM: 1}]))
    assert back == [{Opaque("Mood", "CALM")}, {Opaque("Mood", "CALM"): 1}]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (make_dataclass("Inner", ["value", "added"]), "'added' has no default"),
        (enum.Enum("Inner", {"OTHER": 1}), "KeyError|TypeError|unhashable"),
        (type("Inner", (BaseModel,), {"__annotations__": {"added": int}}), "'added' has no default"),
        (msgspec.defstruct("Inner", ["value", "added"]), "added"),
    ],
)
def test_a_class_that_no_longer_fits_gives_an_opaque_value_with_the_reason(change, reason):
    encoded = Codec().encode_value([Inner(3)])
    codec = Codec()
    codec.registry.register(change, tag="Inner")
    back = codec.decode_value(encoded)[0]
    assert isinstance(back, Opaque)
    assert any(part in back.reason for part in reason.split("|"))
    assert back.data == {"value": 3}
    assert codec.encode_value([back]) == encoded


@pytest.mark.parametrize(
    "newer",
    [
        make_dataclass("Inner", ["value", ("added", list, field(default_factory=list))]),
        msgspec.defstruct("Inner", ["value", ("added", list, msgspec.field(default_factory=list))]),
        type("Inner", (BaseModel,), {"__annotations__": {"value": int, "added": list}, "added": []}),
        NamedTuple("Inner", [("value", int), ("added", list)]),
    ],
)
def test_a_field_that_was_added_with_a_default_gets_it(newer):
    if issubclass(newer, tuple):
        newer._field_defaults = {"added": []}
    codec = Codec()
    codec.registry.register(newer, tag="Inner")
    back = codec.decode_value(Codec().encode_value(Inner(3)))
    assert (type(back), back.value, back.added) == (newer, 3, [])


def test_a_field_that_was_removed_is_left_out():
    codec = Codec()
    codec.registry.register(make_dataclass("Inner", []), tag="Inner")
    assert codec.decode_value(Codec().encode_value(Inner(3))) == codec.registry.find_tag("Inner").cls()


def test_a_load_that_raises_does_not_stop_the_reading():
    codec = Codec()
    codec.registry.register(Money, tag="Inner", dump=vars, load=lambda data: 1 // 0)
    back = codec.decode_value(Codec().encode_value([1, Inner(3)]))
    assert back[0] == 1
    assert "ZeroDivisionError" in repr(back[1])


def test_an_extension_of_a_newer_clew_is_opaque_and_written_back():
    newer = msgspec.msgpack.encode({"x": msgspec.msgpack.Ext(77, b"\x01\x02")})
    back = Codec().decode_value(newer)
    assert "upgrade" in repr(back["x"])
    assert Codec().encode_value(back) == newer


def test_a_time_zone_that_this_machine_lacks_is_opaque():
    stored = msgspec.msgpack.encode(msgspec.msgpack.Ext(26, msgspec.msgpack.encode([3, "Mars/Olympus"])))
    back = Codec().decode_value(stored)
    assert "Mars/Olympus" in repr(back)
    assert Codec().encode_value(back) == stored


def test_a_time_zone_key_names_nothing_but_zones():
    for key in ("../../etc/passwd", "/etc/passwd", "os.path/x", "a/b/c/d/e", ""):
        with pytest.raises(DecodeError):
            Codec().decode_value(msgspec.msgpack.encode(msgspec.msgpack.Ext(26, msgspec.msgpack.encode([3, key]))))


def test_bytes_are_looked_up_and_never_imported():
    for tag in ("os.system", "builtins:eval", "uuid.UUID", "uuid", f"{__name__}.Money", str(uuid.uuid4())):
        stored = msgspec.msgpack.encode(msgspec.msgpack.Ext(2, msgspec.msgpack.encode([tag, {"x": 1}])))
        assert Codec().decode_value(stored) == Opaque(tag, {"x": 1})

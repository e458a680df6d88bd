"""Values come back as they went in: equal, of the same types, in the same order; and the bytes say it one way only."""

from __future__ import annotations

import datetime as dt
import enum
import math
import threading
from collections import OrderedDict, UserDict, defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path, PosixPath, PurePosixPath, PureWindowsPath
from typing import Any

import msgspec
import pytest
from clew.events.codec import Codec, RecordedException
from clew.events.errors import DecodeError, EncodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, PrivateAttr, TypeAdapter
from pydantic import v1 as pydantic_v1

from tests.events.strategies import Access, Loose, Person, Size, any_texts, codec, same, values
from tests.support.packages import require


def round_trip(value: Any) -> Any:
    """The value as another process with the same declarations reads it."""
    return codec().decode_value(codec().encode_value(value))


@pytest.mark.slow
@settings(max_examples=400)
@given(values())
def test_every_value_comes_back_the_same(value):
    assert same(round_trip(value), value)


@pytest.mark.slow
@given(values())
def test_what_was_read_is_written_as_the_same_bytes(value):
    encoded = codec().encode_value(value)
    assert codec().encode_value(codec().decode_value(encoded)) == encoded


@pytest.mark.slow
@given(values())
def test_a_process_without_the_classes_writes_back_what_it_read(value):
    encoded = codec().encode_value(value)
    stranger = Codec()
    assert stranger.encode_value(stranger.decode_value(encoded)) == encoded


@given(st.recursive(any_texts | st.integers(), lambda inner: st.dictionaries(any_texts, inner), max_leaves=5))
def test_lone_surrogates_and_large_integers_come_back(value):
    assert same(round_trip(value), value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0])
def test_every_float_comes_back(value):
    assert same(round_trip({"x": [value]}), {"x": [value]})


@pytest.mark.parametrize("size", [0, 1, 11, 12, 200])
@pytest.mark.parametrize("odd", [(), {1}, "\ud800", 2**80, b"raw"])
def test_one_odd_value_in_a_large_plain_tree_comes_back(size, odd):
    rows = [{"id": number, "tags": ["a", {"b": None}]} for number in range(size)]
    for value in (
        [*rows, {"odd": [odd]}],
        {"rows": rows, "odd": {"odd": odd}},
        {str(n): n for n in range(size)} | {"odd": odd},
    ):
        assert same(round_trip(value), value)


def test_user_data_that_looks_like_an_envelope_stays_data():
    for value in (
        {"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {"command": "true"}},
        {"lc": 2, "type": "constructor", "id": ["builtins", "eval"], "args": ["1"]},
        {"__type__": "Order", "tag": "Order", "data": {}},
        [2, "Order", {"name": "x"}],
        ["Order", {"name": "x"}],
        codec().encode_value({1, 2}),
    ):
        assert same(round_trip(value), value)


def test_msgpack_extensions_in_user_data_are_refused():
    with pytest.raises(EncodeError, match="Ext"):
        codec().encode_value({"x": msgspec.msgpack.Ext(2, b"\x92\xa5Order\x80")})


def test_a_str_enum_as_key_and_value_keeps_its_class():
    assert same(round_trip({Size.SMALL: Size.LARGE}), {Size.SMALL: Size.LARGE})


def test_flags_keep_their_combination():
    assert same(round_trip(Access.READ | Access.WRITE), Access.READ | Access.WRITE)


def test_a_zone_of_another_library_becomes_its_offset_at_that_moment():
    class Local(dt.tzinfo):
        def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
            return dt.timedelta(hours=2)

        def dst(self, moment: dt.datetime | None) -> None:
            return None

    moment = dt.datetime(2025, 6, 1, 12, tzinfo=Local())
    back = round_trip(moment)
    assert back == moment
    assert back.tzinfo == dt.timezone(dt.timedelta(hours=2))


def test_the_second_of_two_equal_clock_times_keeps_its_fold():
    moment = dt.datetime(2025, 10, 26, 2, 30, fold=1)
    assert round_trip(moment).fold == 1


def test_a_datetime_that_pydantic_parsed_keeps_its_zone_class():
    moment = TypeAdapter(dt.datetime).validate_python("2025-01-01T00:00:00+02:00")
    assert same(round_trip(moment), moment)


def test_paths_of_another_system_come_back_as_pure_paths():
    encoded = codec().encode_value(PureWindowsPath(r"c:\x"))
    as_real_path = encoded.replace(b"\x92\x01", b"\x92\x03")
    assert type(codec().decode_value(as_real_path)) in {PureWindowsPath, type(Path())}
    assert type(round_trip(PurePosixPath("/x"))) is PurePosixPath
    assert type(round_trip(Path("/x"))) is type(Path()) or PosixPath


def test_an_exception_comes_back_as_a_record_of_it():
    back = round_trip({"error": ValueError("no such user", 7)})["error"]
    assert back == RecordedException("ValueError", "('no such user', 7)")
    assert isinstance(back, Exception)
    assert same(round_trip(back), back)


def test_a_class_of_exceptions_of_the_users_own_is_a_record_too():
    class TooExpensiveError(Exception):
        pass

    name = TooExpensiveError.__qualname__
    assert round_trip(TooExpensiveError("at 3 EUR")) == RecordedException(name, "at 3 EUR")


# --- models and dataclasses


def test_rebuilding_a_model_runs_neither_its_constructor_nor_its_validators():
    class Watched(BaseModel):
        made: int = 0

        def model_post_init(self, _: Any) -> None:
            runs.append(self)

    runs: list[Any] = []
    one = Codec()
    encoded = one.encode_value(Watched(made=3))
    runs.clear()
    back = one.decode_value(encoded)
    assert runs == []
    assert back == Watched(made=3)


def test_rebuilding_a_dataclass_runs_no_post_init():
    @dataclass
    class Doubled:
        value: int
        shown: str = field(init=False, default="")

        def __post_init__(self) -> None:
            self.value *= 2
            self.shown = f"<{self.value}>"

    one = Codec()
    back = one.decode_value(one.encode_value(Doubled(2)))
    assert (back.value, back.shown) == (4, "<4>")


def test_a_dataclass_field_that_was_never_set_stays_unset():
    @dataclass
    class Late:
        value: int
        found: str = field(init=False)

    one = Codec()
    back = one.decode_value(one.encode_value(Late(1)))
    assert not hasattr(back, "found")


def test_a_model_knows_which_fields_were_given():
    for person in (Person(name="Ada"), Person(name="Ada", tags={}), Person(name="Ada", born=None, tags={})):
        assert round_trip(person).model_dump(exclude_unset=True) == person.model_dump(exclude_unset=True)
    loose = Loose(colour="red")
    assert round_trip(loose).model_dump(exclude_unset=True) == {"colour": "red"}


def test_a_private_attribute_that_cannot_be_stored_is_made_anew():
    class Guarded(BaseModel):
        name: str
        _lock: Any = PrivateAttr(default_factory=threading.Lock)
        _seen: list[int] = PrivateAttr(default_factory=list)

    one = Codec()
    guarded = Guarded(name="x")
    guarded._seen.append(3)
    back = one.decode_value(one.encode_value(guarded))
    assert back._seen == [3]
    assert back._lock is not guarded._lock
    assert back._lock.acquire(blocking=False)


def test_computed_properties_of_a_model_are_not_stored():
    from functools import cached_property

    class Computing(BaseModel):
        name: str

        @cached_property
        def client(self) -> Any:
            return threading.Lock()

    one = Codec()
    value = Computing(name="x")
    assert value.client
    assert one.decode_value(one.encode_value(value)) == Computing(name="x")


def test_models_of_pydantics_first_version_come_back():
    class Old(pydantic_v1.BaseModel):
        name: str
        tags: list = []

    one = Codec()
    for value in (Old(name="x"), Old(name="x", tags=[(1,)])):
        back = one.decode_value(one.encode_value(value))
        assert type(back) is Old
        assert back == value
        assert back.__fields_set__ == value.__fields_set__


# --- containers


def test_a_deque_keeps_its_greatest_length():
    assert round_trip(deque([1, 2], maxlen=2)).maxlen == 2


def test_a_default_dict_keeps_its_factory():
    back = round_trip(defaultdict(list, {"a": [1]}))
    assert back["new"] == []


def test_dicts_keep_their_order():
    assert list(round_trip(OrderedDict(b=1, a=2))) == ["b", "a"]
    assert list(round_trip({"b": 1, "a": 2, 3: 4})) == ["b", "a", 3]


def test_one_codec_serves_many_threads():
    class Kind(enum.Enum):
        ONE = 1

    one = Codec()
    barrier, found = threading.Barrier(8), []

    def encode() -> None:
        barrier.wait()
        found.append(one.encode_value({"kind": Kind.ONE, "deep": [({1}, {2})] * 20}))

    threads = [threading.Thread(target=encode) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert one.decode_value(found[0])["kind"] is Kind.ONE


# --- depth


def nested(depth: int, wrap: Any) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


WRAPS = [lambda value: [value], lambda value: {"x": value}, lambda value: (value,), lambda value: {1: value}]


@pytest.mark.parametrize("wrap", WRAPS)
def test_what_is_as_deep_as_allowed_comes_back_even_far_down_the_stack(wrap):
    value = nested(200, wrap)

    def below(frames: int) -> Any:
        return below(frames - 1) if frames else round_trip(value)

    assert same_depth(below(200), 200)


def same_depth(value: Any, depth: int) -> bool:
    for _ in range(depth):
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return value == 1


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("depth", [201, 100_000])
def test_what_is_deeper_is_refused_with_its_path(wrap, depth):
    with pytest.raises(EncodeError, match=r"at \$.*…: it is nested more than 200 levels deep"):
        codec().encode_value(nested(depth, wrap))


@pytest.mark.parametrize(
    "bomb", [b"\x91" * 100_000, b"\x81\xa1x" * 100_000, b"\xdd\xff\xff\xff\xff", b"\xc9\xff\xff\xff\xff\x03"]
)
def test_depth_and_size_bombs_are_refused(bomb):
    with pytest.raises(DecodeError):
        codec().decode_value(bomb)


def test_extensions_inside_extensions_are_refused_past_the_limit():
    encoded = msgspec.msgpack.encode([1])
    for _ in range(1000):
        encoded = msgspec.msgpack.encode(msgspec.msgpack.Ext(3, msgspec.msgpack.encode([msgspec.Raw(encoded)])))
    with pytest.raises(DecodeError):
        codec().decode_value(encoded)


# --- numpy


def test_numpy_arrays_and_scalars_come_back():
    np = require("numpy", "pip install numpy")
    for array in (np.arange(6).reshape(2, 3), np.array([], dtype="f4"), np.array(True), np.arange(6).reshape(2, 3).T):
        back = round_trip(array)
        assert back.dtype == array.dtype
        assert np.array_equal(back, array)
        back.fill(0)  # writable
    assert same(round_trip(np.float64(1.5)), np.float64(1.5))
    assert same(round_trip([np.int32(3)]), [np.int32(3)])
    assert round_trip(np.datetime64("2025-01-01")) == np.datetime64("2025-01-01")


def test_numpy_arrays_of_objects_are_refused():
    np = require("numpy", "pip install numpy")
    with pytest.raises(EncodeError, match=r"\$\.x.*tolist"):
        codec().encode_value({"x": np.array([object()])})


def test_user_containers_are_refused():
    with pytest.raises(EncodeError, match="UserDict"):
        codec().encode_value(UserDict(a=1))

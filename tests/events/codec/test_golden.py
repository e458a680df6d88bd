"""What is written today has the bytes it always had, and what was written then is read today."""

from __future__ import annotations

import pytest
from clew.events.codec import decode_commit
from clew.events.codec.kinds import codes
from msgspec import msgpack

from tests.events.codec.golden import EVENTS, VALUES, commit, encoded, recorded
from tests.events.strategies import codec, same

RECORDED = recorded()
ENCODED = encoded()


def test_everything_that_is_stored_has_its_golden_bytes():
    current = {name for name in RECORDED if "@" not in name}
    assert ENCODED.keys() - current == set(), "append what `python -m tests.events.codec.golden` prints to golden.txt"
    assert current - ENCODED.keys() == set(), "a specimen was removed, but stores still hold its bytes"


@pytest.mark.parametrize("name", sorted(ENCODED))
def test_the_bytes_are_what_they_always_were(name):
    assert ENCODED[name].hex() == RECORDED[name].hex(), (
        f"the stored form of {name} changed: stores of earlier versions hold the other one; "
        "give a new field a default and the last place, or write an upcaster and raise VOCABULARY_VERSION"
    )


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_a_recorded_event_is_read_as_it_was(name):
    body = RECORDED[f"event {name}"]
    assert same(decode_commit(body, codec(), thread="t", version=0), commit(EVENTS[name]))


def test_older_shapes_of_events_are_still_read():
    for name, body in RECORDED.items():
        shape = name.removeprefix("event ").partition("@")
        if name.startswith("event "):
            events = decode_commit(body, codec(), thread="t", version=0).events
            assert [type(event).__name__ for event in events] == [shape[0]]


@pytest.mark.parametrize("name", sorted(VALUES))
def test_a_recorded_value_is_read_as_it_was(name):
    assert same(codec().decode_value(RECORDED[f"value {name}"]), VALUES[name])


def test_every_extension_has_a_specimen():
    numbers = {value for name, value in vars(codes).items() if name.isupper()}
    assert len(numbers) == sum(name.isupper() for name in vars(codes)), "two extensions have one number"
    seen: set[int] = set()

    def collect(code: int, content: memoryview) -> None:
        seen.add(code)

    for name in VALUES:
        msgpack.Decoder(ext_hook=collect).decode(RECORDED[f"value {name}"])
    # numpy's two are tested where numpy is: their bytes depend on the machine's byte order.
    assert numbers - seen == {codes.ARRAY, codes.SCALAR}

"""LastValue, AnyValue, EphemeralValue and UntrackedValue."""

from __future__ import annotations

import pytest
from clew.events.errors import EmptyChannelError, InvalidUpdateError
from clew.events.vocabulary import Payload
from clew.projections.channels.any_value import AnyValue
from clew.projections.channels.ephemeral_value import EphemeralValue
from clew.projections.channels.last_value import LastValue
from clew.projections.channels.untracked_value import UntrackedValue

from tests.projections.channels.strategies import write, writes

ALL = [LastValue(int), AnyValue(int), EphemeralValue(int), UntrackedValue(int)]
GUARDED = [LastValue(int), EphemeralValue(int), UntrackedValue(int)]
UNGUARDED = [AnyValue(int), EphemeralValue(int, guard=False), UntrackedValue(int, guard=False)]


class CountingReader:
    """A codec that counts how often it is asked."""

    def __init__(self) -> None:
        self.decoded = 0

    def decode_value(self, encoded: bytes) -> int:
        self.decoded += 1
        return int(encoded)


@pytest.mark.parametrize("channel", ALL, ids=repr)
def test_a_channel_gives_what_was_written(channel):
    cell = channel.merge(None, writes(7))
    assert channel.holds_value(cell)
    assert channel.read(cell) == 7


@pytest.mark.parametrize("channel", ALL, ids=repr)
def test_an_empty_channel_says_so(channel):
    assert not channel.holds_value(None)
    with pytest.raises(EmptyChannelError, match=f"{type(channel).__name__} holds no value yet"):
        channel.read(None)


@pytest.mark.parametrize("channel", ALL, ids=repr)
def test_a_value_is_decoded_once_and_only_when_it_is_read(channel):
    reader = CountingReader()
    cell = channel.merge(None, [type(write(0))("key", Payload.stored(b"12", reader))])
    channel.settle(cell)
    assert channel.holds_value(cell)
    assert reader.decoded == 0
    assert [channel.read(cell), channel.read(cell)] == [12, 12]
    assert reader.decoded == 1


@pytest.mark.parametrize("channel", GUARDED, ids=repr)
def test_two_values_in_one_step_are_refused_by_key_with_what_to_do(channel):
    with pytest.raises(InvalidUpdateError) as caught:
        channel.merge(None, [write(1, channel="total"), write(2, channel="total")])
    message = str(caught.value)
    assert "'total' got 2 values" in message
    assert "INVALID_CONCURRENT_GRAPH_UPDATE" in message
    assert "let one node write it" in message


def test_a_plain_key_is_told_about_reducers():
    with pytest.raises(InvalidUpdateError, match=r"Annotated\[type, reducer\]"):
        LastValue(int).merge(None, writes(1, 2))


@pytest.mark.parametrize("channel", UNGUARDED, ids=repr)
def test_without_a_guard_the_last_write_in_path_order_counts(channel):
    assert channel.read(channel.merge(None, writes(1, 2, 3))) == 3


@pytest.mark.parametrize("channel", ALL + UNGUARDED, ids=repr)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_overwrite_wins_wherever_it_stands(channel, place):
    step = writes(1, 2)
    step.insert(place, write(9, overwrite=True))
    assert channel.read(channel.merge(None, step)) == 9


@pytest.mark.parametrize("channel", ALL + UNGUARDED, ids=repr)
def test_two_overwrites_in_one_step_are_refused(channel):
    step = [write(1, overwrite=True), write(2), write(3, overwrite=True)]
    with pytest.raises(InvalidUpdateError, match=r"'key' got 2 Overwrite values.*INVALID_CONCURRENT_GRAPH_UPDATE"):
        channel.merge(None, step)


def test_which_values_a_step_without_a_write_keeps():
    kept = {}
    for channel in ALL:
        cell = channel.merge(channel.merge(None, writes(1)), [])
        kept[type(channel).__name__] = channel.holds_value(cell)
        assert channel.every_step is (not channel.holds_value(cell))
    assert kept == {"LastValue": True, "AnyValue": False, "EphemeralValue": False, "UntrackedValue": True}


def test_only_untracked_values_are_never_stored():
    assert [channel.kept for channel in ALL] == [True, True, True, False]


@pytest.mark.parametrize("value", [[1], {"a": 1}, {1}], ids=repr)
@pytest.mark.parametrize("channel", ALL[:3], ids=repr)
def test_a_container_that_was_read_may_be_changed_without_changing_the_state(channel, value):
    cell = channel.merge(None, writes(value))
    before = value.copy()
    channel.read(cell).clear()
    assert channel.read(cell) == before


def test_untracked_objects_are_handed_out_themselves():
    cache: dict[str, int] = {}
    channel = UntrackedValue(dict)
    assert channel.read(channel.merge(None, writes(cache))) is cache


def test_equal_rules_are_equal_whatever_their_type():
    assert LastValue(int) == LastValue(str)
    assert hash(LastValue(int)) == hash(LastValue(str))
    assert LastValue(int) != AnyValue(int)
    assert EphemeralValue(int) != EphemeralValue(int, guard=False)
    assert UntrackedValue(int) != UntrackedValue(int, guard=False)
    assert UntrackedValue(int) == UntrackedValue(str)

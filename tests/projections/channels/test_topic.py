"""Topic: everything written in a step, or in all steps."""

from __future__ import annotations

import pytest
from clew.events.errors import InvalidUpdateError
from clew.projections.channels.topic import Topic

from tests.projections.channels.strategies import write, writes


def test_a_topic_lists_writes_and_the_items_of_lists_in_order():
    channel = Topic(int)
    assert channel.read(channel.merge(None, writes(1, [2, 3], (4,)))) == [1, 2, 3, (4,)]


def test_a_topic_holds_one_steps_writes():
    channel = Topic(int)
    cell = channel.merge(channel.merge(None, writes(1)), writes(2))
    assert channel.read(cell) == [2]
    emptied = channel.merge(cell, [])
    assert not channel.holds_value(emptied)
    assert channel.every_step


def test_an_accumulating_topic_grows():
    channel = Topic(int, accumulate=True)
    first = channel.merge(None, writes(1))
    second = channel.merge(first, writes([2, 3]))
    assert channel.merge(second, []) is second
    assert channel.read(second) == [1, 2, 3]
    assert channel.read(first) == [1]
    assert not channel.every_step


def test_an_overwrite_replaces_what_accumulated():
    channel = Topic(int, accumulate=True)
    cell = channel.merge(channel.merge(None, writes(1)), [write([8, 9], overwrite=True), write(2)])
    assert channel.read(cell) == [8, 9]
    with pytest.raises(InvalidUpdateError, match="2 Overwrite values"):
        channel.merge(cell, [write(1, overwrite=True), write(2, overwrite=True)])


def test_a_list_that_was_read_is_the_callers_own():
    channel = Topic(int)
    cell = channel.merge(None, writes(1))
    channel.read(cell).append(2)
    assert channel.read(cell) == [1]


def test_topics_of_one_kind_are_equal():
    assert Topic(int) == Topic(str)
    assert Topic(int) != Topic(int, accumulate=True)

"""Which channel a reducer gets."""

from __future__ import annotations

import operator
from functools import partial

import pytest
from clew.projections.channels.aggregate import BinaryOperatorAggregate
from clew.projections.channels.messages import add_messages
from clew.projections.channels.messages_channel import MessagesChannel
from clew.projections.channels.reducers import channel_for_reducer


@pytest.mark.parametrize("reducer", [add_messages, add_messages(), partial(add_messages)])
def test_add_messages_gets_the_messages_channel(reducer):
    assert channel_for_reducer(list, reducer) == MessagesChannel(list)


@pytest.mark.parametrize(
    "reducer", [add_messages(format="langchain-openai"), partial(add_messages, format="langchain-openai")]
)
def test_a_configured_add_messages_keeps_its_format(reducer):
    assert channel_for_reducer(list, reducer) == MessagesChannel(list, format="langchain-openai")


def test_an_unknown_format_is_refused_when_the_channel_is_made():
    with pytest.raises(ValueError, match="format 'markdown'"):
        channel_for_reducer(list, add_messages(format="markdown"))


def test_any_other_reducer_gets_the_general_channel():
    assert channel_for_reducer(list, operator.add) == BinaryOperatorAggregate(list, operator.add)


def test_an_add_messages_with_a_fixed_left_side_is_somebodys_own_reducer():
    assert isinstance(channel_for_reducer(list, partial(add_messages, [])), BinaryOperatorAggregate)

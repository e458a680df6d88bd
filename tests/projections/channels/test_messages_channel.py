"""MessagesChannel: the same as folding add_messages, at the cost of the write."""

from __future__ import annotations

import sys
import threading
from unittest.mock import patch

import pytest
from clew.events.errors import EmptyChannelError, InvalidUpdateError
from clew.events.vocabulary import Payload, Write
from clew.projections.channels import lazy
from clew.projections.channels.messages import REMOVE_ALL_MESSAGES, add_messages
from clew.projections.channels.messages_channel import MessagesChannel
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, RemoveMessage

from tests.projections.channels.strategies import (
    anchor_distances,
    contents,
    message_batches,
    plain_batches,
    write,
    writes,
)


def human(text: str, id_: str | None = None) -> HumanMessage:
    return HumanMessage(text, id=id_)


def reference(value, batch):
    """add_messages, or None where it refuses."""
    try:
        return add_messages(value, batch)
    except ValueError:
        return None


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30),  # which of the cells so far is built upon: lines, and forks on old cells
            st.lists(message_batches, min_size=1, max_size=3),  # the step's writes
            st.booleans(),  # settled at once, as in a live thread, or left waiting, as at replay
        ),
        max_size=20,
    ),
    st.randoms(use_true_random=False),
    anchor_distances,
)
def test_a_channel_gives_what_folding_add_messages_gives(steps, random, anchor_every):
    with patch.object(lazy, "ANCHOR_EVERY", anchor_every):
        check_against_the_reference(steps, random)


def check_against_the_reference(steps, random):
    channel = MessagesChannel(list)
    everyone = [human("first", f"m{number}") for number in range(8)]  # so that most removals find their message
    cells, expected = [None, channel.merge(None, writes(everyone))], [[], everyone]
    for choice, batches, settles in steps:
        base = max(1, choice) if choice < len(cells) else len(cells) - 1
        cell = channel.merge(cells[base], writes(*batches))
        value = expected[base]
        for batch in batches:
            value = None if value is None else reference(value, batch)
        if value is None:
            with pytest.raises(ValueError, match="removes a message that is not there"):
                channel.settle(cell)
            continue
        if settles:
            channel.settle(cell)
        cells.append(cell)
        expected.append(value)
    order = list(range(len(cells)))
    random.shuffle(order)
    for place in [*order, *order]:
        assert contents(channel.read(cells[place])) == contents(expected[place])


@given(st.lists(plain_batches, max_size=12), st.lists(st.booleans(), min_size=12, max_size=12))
def test_overwrites_start_the_history_anew(batches, overwrites):
    channel = MessagesChannel(list)
    cell, value = None, []
    for batch, overwriting in zip(batches, overwrites, strict=False):
        cell = channel.merge(cell, [write(batch, overwrite=overwriting)])
        value = list(batch) if overwriting else add_messages(value, batch)
    assert contents(channel.read(cell)) == contents(value)


@given(st.lists(plain_batches, max_size=8))
def test_in_openai_format_too(batches):
    channel = MessagesChannel(list, format="langchain-openai")
    cell, value = None, []
    for batch in batches:
        cell = channel.merge(cell, writes(batch))
        value = add_messages(value, batch, format="langchain-openai")
    assert contents(channel.read(cell)) == contents(value)


def test_reading_twice_gives_two_lists_of_the_same_messages():
    channel = MessagesChannel(list)
    message = human("a", "1")
    cell = channel.merge(None, writes([message]))
    first, second = channel.read(cell), channel.read(cell)
    first.clear()
    assert second == [message]
    assert second[0] is message
    assert channel.read(cell)[0] is message


class FailingReader:
    def decode_value(self, encoded: bytes) -> object:
        raise AssertionError("decoded without a reader asking")


def test_merging_decodes_nothing():
    channel = MessagesChannel(list)
    cell = channel.merge(None, [Write("key", Payload.stored(b"\xc0", FailingReader()))])
    cell = channel.merge(cell, [Write("key", Payload.stored(b"\xc0", FailingReader()))])
    assert channel.holds_value(cell)
    with pytest.raises(AssertionError, match="decoded without"):
        channel.settle(cell)


def test_ten_thousand_waiting_merges_settle_without_recursion_into_one_list():
    channel = MessagesChannel(list)
    cells = []
    for number in range(10_000):
        cells.append(channel.merge(cells[-1] if cells else None, writes([human("x", str(number))])))
    channel.settle(cells[-1])
    assert len(channel.read(cells[-1])) == 10_000
    assert len(channel.read(cells[4_321])) == 4_322
    assert len({id(cell.result.log) for cell in cells}) == 1


def test_an_append_adds_to_the_shared_list_and_a_fork_copies_it():
    channel = MessagesChannel(list)
    first = channel.merge(None, writes([human("a", "1")]))
    tip = channel.merge(first, writes([human("b", "2")]))
    channel.settle(tip)
    fork = channel.merge(first, writes([human("c", "3")]))
    channel.settle(fork)
    assert tip.result.log is first.result.log
    assert fork.result.log is not tip.result.log
    following = channel.merge(tip, writes([human("d", "4")]))
    channel.settle(following)
    assert following.result.log is tip.result.log
    assert [message.content for message in channel.read(fork)] == ["a", "c"]
    assert [message.content for message in channel.read(following)] == ["a", "b", "d"]


def test_replacing_at_the_tip_keeps_the_old_version_and_the_index():
    channel = MessagesChannel(list)
    first = channel.merge(None, writes([human("a", "1"), human("b", "2")]))
    channel.settle(first)
    positions = first.result.log.positions
    replaced = channel.merge(first, writes([human("A", "1"), human("c", "3")]))
    channel.settle(replaced)
    assert replaced.result.log.positions is positions
    assert first.result.log.positions is None
    assert [message.content for message in channel.read(first)] == ["a", "b"]
    assert [message.content for message in channel.read(replaced)] == ["A", "b", "c"]
    fork = channel.merge(first, writes([human("f", "4")]))
    assert [message.content for message in channel.read(fork)] == ["a", "b", "f"]


def test_a_thread_that_replaces_messages_holds_few_of_its_old_lists():
    channel = MessagesChannel(list)
    cells = [channel.merge(None, writes([human("x", str(number)) for number in range(10)]))]
    for number in range(640):
        cells.append(channel.merge(cells[-1], writes([human(str(number), str(number % 10))])))
        channel.settle(cells[-1])
        cells.append(channel.merge(cells[-1], writes([human("new", f"new {number}")])))
        channel.settle(cells[-1])
    held = {id(cell.result.log) for cell in cells if hasattr(cell.result, "log")}
    assert len(held) <= len(cells) / 64 + 3
    assert len(channel.read(cells[601])) == 310


def test_a_merge_that_fails_leaves_the_older_cell_usable():
    channel = MessagesChannel(list)
    older = channel.merge(None, writes([human("a", "1")]))
    broken = channel.merge(older, writes([human("b", "2")], [RemoveMessage("9")]))
    with pytest.raises(ValueError, match="id='9'"):
        channel.settle(broken)
    assert contents(channel.read(older)) == [("human", "a", "1")]
    following = channel.merge(older, writes([human("c", "2")]))
    assert contents(channel.read(following)) == [("human", "a", "1"), ("human", "c", "2")]


def test_two_overwrites_are_refused():
    with pytest.raises(InvalidUpdateError, match="'key' got 2 Overwrite values"):
        MessagesChannel(list).merge(None, [write([], overwrite=True), write([], overwrite=True)])


def test_readers_and_forks_on_other_threads_never_disturb_a_line():
    """One thread per line merges, others read and fork old cells; each cell must read as it was made."""
    channel = MessagesChannel(list)
    line = [channel.merge(None, writes([human("0", "0")]))]
    errors: list[str] = []
    done = threading.Event()
    switch_seconds = sys.getswitchinterval()

    def expect(cell, texts):
        found = [message.content for message in channel.read(cell)]
        if found != texts:
            errors.append(f"{found[-3:]} is not {texts[-3:]}")

    def read_and_fork(name: str) -> None:
        turn = 0
        while not done.is_set():
            turn += 1
            length = len(line)
            cell = line[length - 1 - turn % min(length, 3)]
            texts = [str(number) for number in range(line.index(cell) + 1)]
            fork = channel.merge(cell, writes([human(f"{name}{turn}", f"{name}{turn}")]))
            expect(fork, [*texts, f"{name}{turn}"])
            expect(cell, texts)

    threads = [threading.Thread(target=read_and_fork, args=(name,)) for name in "abc"]
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for number in range(1, 400):
            cell = channel.merge(line[-1], writes([human(str(number), str(number))]))
            if number % 2:
                channel.settle(cell)
            line.append(cell)
    finally:
        done.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(switch_seconds)
    assert errors == []
    expect(line[-1], [str(number) for number in range(400)])
    assert errors == []


def test_whoever_finds_the_turn_taken_copies():
    channel = MessagesChannel(list)
    cell = channel.merge(None, writes([human("a", "1")]))
    channel.settle(cell)
    cell.result.log.turn.clear()
    following = channel.merge(cell, writes([human("b", "2")]))
    assert [message.content for message in channel.read(following)] == ["a", "b"]
    assert following.result.log is not cell.result.log


def test_an_empty_history_is_a_list_where_the_type_can_be_empty():
    assert MessagesChannel(list).read(None) == []
    assert MessagesChannel(list).holds_value(None)
    optional = MessagesChannel(list | None)
    assert not optional.holds_value(None)
    with pytest.raises(EmptyChannelError):
        optional.read(None)
    assert [message.content for message in optional.read(optional.merge(None, writes("hi")))] == ["hi"]


def test_normalising_gives_whole_messages_with_ids():
    channel = MessagesChannel(list)
    given_messages = [human("a"), ("ai", "b"), AIMessageChunk("c", id="3")]
    normal = channel.normalise(given_messages)
    assert [type(message) for message in normal] == [HumanMessage, AIMessage, AIMessage]
    assert all(message.id for message in normal)
    assert normal[0] is given_messages[0]
    assert given_messages[1] == ("ai", "b")


def test_normalising_keeps_a_single_message_single_and_copies_a_list():
    channel = MessagesChannel(list)
    message = human("a", "1")
    messages = [message]
    assert channel.normalise(message) is message
    normal = channel.normalise(messages)
    assert normal == messages
    assert normal is not messages
    assert channel.normalise("hello").content == "hello"
    assert channel.normalise([]) == []


def test_none_is_refused_before_it_is_recorded():
    with pytest.raises(ValueError, match="None was written to a key of messages"):
        MessagesChannel(list).normalise(None)


def test_a_normalised_write_needs_no_ids_at_replay():
    channel = MessagesChannel(list)
    normal = channel.normalise(["a", RemoveMessage(REMOVE_ALL_MESSAGES), "b"])
    replays = [channel.read(channel.merge(None, writes(normal))) for _ in range(2)]
    assert contents(replays[0]) == contents(replays[1])


def test_it_is_a_built_in_reducer_and_says_which():
    assert not MessagesChannel(list).runs_user_code
    assert MessagesChannel(list).name == "messages"
    assert MessagesChannel(list, format="langchain-openai").name == "messages:langchain-openai"
    assert MessagesChannel(list) == MessagesChannel(list[str])
    assert MessagesChannel(list) != MessagesChannel(list, format="langchain-openai")

"""BinaryOperatorAggregate: folding, empty values, Overwrite, laziness and what runs user code."""

from __future__ import annotations

import collections
import collections.abc
import datetime
import operator
import typing
from functools import reduce
from unittest.mock import patch

import pytest
from clew.events.errors import EmptyChannelError, InvalidUpdateError
from clew.events.vocabulary import Payload, Write
from clew.projections.channels import lazy
from clew.projections.channels.aggregate import BinaryOperatorAggregate
from clew.projections.channels.lazy import ANCHOR_EVERY
from hypothesis import given
from hypothesis import strategies as st

from tests.projections.channels.strategies import anchor_distances, write, writes


def appended_in_place(left: list[int], right: list[int]) -> list[int]:
    """A reducer as people write it and should not: it changes what it was given."""
    left.extend(right)
    right.clear()
    return left


def longest(left: str, right: str) -> str:
    return max(left, right, key=len)


@pytest.mark.parametrize(
    ("typ", "empty"),
    [
        (list, []),
        (list[int], []),
        (dict[str, int], {}),
        (int, 0),
        (str, ""),
        (set[int], set()),
        (tuple[int, ...], ()),
        (typing.Sequence[int], []),
        (collections.abc.MutableSequence, []),
        (typing.Mapping[str, int], {}),
        (collections.abc.MutableMapping, {}),
        (collections.abc.Set, set()),
        (typing.Annotated[list[int], "a note"], []),
        (typing.Required[list], []),
        (typing.NotRequired[typing.Annotated[typing.Sequence[int], "a note"]], []),
        (collections.deque, collections.deque()),
    ],
    ids=str,
)
def test_a_type_that_can_be_empty_has_a_value_before_the_first_write(typ, empty):
    channel = BinaryOperatorAggregate(typ, operator.add)
    assert channel.holds_value(None)
    value = channel.read(None)
    assert value == empty
    assert type(value) is type(empty)


@pytest.mark.parametrize(
    "typ", [list | None, int | str, typing.Any, datetime.datetime, typing.Literal["a"], "list"], ids=str
)
def test_otherwise_the_first_write_becomes_the_value(typ):
    channel = BinaryOperatorAggregate(typ, operator.add)
    assert not channel.holds_value(None)
    with pytest.raises(EmptyChannelError, match="BinaryOperatorAggregate holds no value yet"):
        channel.read(None)
    cell = channel.merge(None, writes([1], [2]))
    assert channel.holds_value(cell)
    assert channel.read(cell) == [1, 2]


@given(st.lists(st.lists(st.lists(st.integers()), min_size=1)))
def test_the_value_is_the_fold_of_all_writes_in_order(steps):
    channel = BinaryOperatorAggregate(list, operator.add)
    cell = None
    for step in steps:
        cell = channel.merge(cell, writes(*step))
    assert channel.read(cell) == reduce(operator.add, (value for step in steps for value in step), [])


steps_of_a_line = st.lists(
    st.tuples(
        st.integers(0, 60),  # which cell is built upon, where there are as many: lines, and forks on old cells
        st.sampled_from([False, False, False, False, True]),  # an Overwrite
        st.booleans(),  # settled at once, as in a live thread, or left waiting, as at replay
    ),
    max_size=40,
)


@given(steps_of_a_line, anchor_distances, st.sampled_from([operator.add, appended_in_place]))
def test_every_cell_keeps_its_own_value_whatever_is_built_upon_it(steps, anchor_every, reducer):
    channel = BinaryOperatorAggregate(list, reducer)
    cells, expected = [None], [[]]
    with patch.object(lazy, "ANCHOR_EVERY", anchor_every):
        for number, (choice, overwrites, settles) in enumerate(steps):
            base = choice if choice < len(cells) else -1
            cells.append(channel.merge(cells[base], [write([number], overwrite=overwrites)]))
            expected.append([number] if overwrites else [*expected[base], number])
            if settles:
                channel.settle(cells[-1])
        assert [channel.read(each) for each in reversed(cells)] == expected[::-1]
        assert [channel.read(each) for each in cells] == expected


def test_an_overwrite_wins_over_the_writes_before_and_after_it():
    channel = BinaryOperatorAggregate(list, operator.add)
    before = channel.merge(None, writes([0]))
    cell = channel.merge(before, [write([1]), write([9], overwrite=True), write([2])])
    assert channel.read(cell) == [9]
    assert channel.read(channel.merge(cell, writes([3]))) == [9, 3]


def test_the_first_write_may_be_an_overwrite_of_a_type_without_an_empty_value():
    channel = BinaryOperatorAggregate(list | None, operator.add)
    assert channel.read(channel.merge(None, [write([1], overwrite=True)])) == [1]


def test_two_overwrites_are_refused_before_anybody_reads():
    channel = BinaryOperatorAggregate(list, operator.add)
    with pytest.raises(InvalidUpdateError, match="'key' got 2 Overwrite values"):
        channel.merge(None, [write([1], overwrite=True), write([2], overwrite=True)])


class FailingReader:
    def decode_value(self, encoded: bytes) -> object:
        raise AssertionError("decoded without a reader asking")


def test_merging_decodes_nothing():
    channel = BinaryOperatorAggregate(list, operator.add)
    cell = None
    for _ in range(3):
        cell = channel.merge(cell, [Write("key", Payload.stored(b"\xc0", FailingReader()))])
    assert channel.holds_value(cell)
    with pytest.raises(AssertionError, match="decoded without"):
        channel.read(cell)


def test_ten_thousand_waiting_writes_settle_without_recursion():
    channel = BinaryOperatorAggregate(int, operator.add)
    cell = None
    for number in range(10_000):
        cell = channel.merge(cell, writes(number))
    channel.settle(cell)
    assert channel.read(cell) == sum(range(10_000))


@pytest.mark.slow
def test_a_line_that_nobody_read_is_freed_without_recursion():
    channel = BinaryOperatorAggregate(int, operator.add)
    cell = None
    for number in range(100_000):
        cell = channel.merge(cell, writes(number))
    assert channel.holds_value(cell)
    del cell


def test_a_long_thread_holds_few_of_its_old_lists():
    channel = BinaryOperatorAggregate(list, operator.add)
    cells = []
    for number in range(1_000):
        cells.append(channel.merge(cells[-1] if cells else None, writes([number])))
        channel.settle(cells[-1])
    for cell in cells:
        channel.read(cell)
    held = [cell for cell in cells if isinstance(cell.result, list)]
    assert len(held) <= 1_000 / ANCHOR_EVERY + 3
    assert channel.read(cells[500]) == list(range(501))


def test_a_long_thread_lets_go_of_cells_nobody_holds():
    channel = BinaryOperatorAggregate(int, operator.add)
    cell = None
    for number in range(1_000):
        cell = channel.merge(cell, writes(number))
        channel.settle(cell)
    length = 0
    while cell is not None:
        length, cell = length + 1, cell.content[0]
    assert length <= ANCHOR_EVERY + 1


def test_a_settled_value_is_not_worked_out_again():
    calls = []

    def counting(left: int, right: int) -> int:
        calls.append(right)
        return left + right

    channel = BinaryOperatorAggregate(int, counting)
    cell = channel.merge(None, writes(1, 2))
    channel.settle(cell)
    assert [channel.read(cell), channel.read(cell)] == [3, 3]
    following = channel.merge(cell, writes(3))
    assert channel.read(following) == 6
    assert calls == [1, 2, 3]


def test_a_partial_view_beside_a_step_costs_only_its_own_writes():
    """What a paused step shows is merged onto the same cell as the step itself later."""
    calls = []

    def counting(left: int, right: int) -> int:
        calls.append(right)
        return left + right

    channel = BinaryOperatorAggregate(int, counting)
    cell = None
    for number in range(10):
        cell = channel.merge(cell, writes(number))
        channel.settle(cell)
    calls.clear()
    assert channel.read(channel.merge(cell, writes(100))) == 145
    assert channel.read(channel.merge(cell, writes(100, 200))) == 345
    assert channel.read(cell) == 45
    assert calls == [100, 100, 200]


def test_a_reducers_error_shows_when_the_cell_is_settled_and_leaves_the_older_cell_alone():
    channel = BinaryOperatorAggregate(list, operator.add)
    older = channel.merge(None, writes([1]))
    broken = channel.merge(older, writes([2], 3))
    with pytest.raises(TypeError):
        channel.settle(broken)
    assert channel.read(older) == [1]


def test_a_reducer_that_changes_its_arguments_harms_neither_history_nor_replay():
    channel = BinaryOperatorAggregate(list, appended_in_place)
    step_values = [[1], [2], [3]]
    cells = []
    for value in step_values:
        cells.append(channel.merge(cells[-1] if cells else None, writes(value)))
        channel.settle(cells[-1])
    assert [channel.read(cell) for cell in cells] == [[1], [1, 2], [1, 2, 3]]
    replayed = None
    for value in step_values:
        replayed = channel.merge(replayed, writes(value))
    assert channel.read(replayed) == [1, 2, 3]


def test_a_list_that_was_read_is_the_callers_own():
    channel = BinaryOperatorAggregate(list, operator.add)
    cell = channel.merge(None, writes([1]))
    channel.read(cell).append(2)
    assert channel.read(cell) == [1]


@pytest.mark.parametrize(
    ("typ", "reducer", "name"),
    [
        (list, operator.add, "operator.add:list"),
        (typing.Sequence[int], operator.add, "operator.add:list"),
        (dict[str, int], operator.or_, "operator.or:dict"),
        (int, max, "max:int"),
    ],
)
def test_built_in_reducers_of_built_in_types_run_no_user_code(typ, reducer, name):
    channel = BinaryOperatorAggregate(typ, reducer)
    assert not channel.runs_user_code
    assert channel.name == name


class Money:
    def __add__(self, other):
        return self


@pytest.mark.parametrize(
    ("typ", "reducer", "name"),
    [
        (str, longest, "user:longest"),
        (list, operator.iadd, "user:iadd"),
        (Money, operator.add, "user:add"),
        (list | None, operator.add, "user:add"),
    ],
)
def test_other_reducers_and_types_run_user_code(typ, reducer, name):
    channel = BinaryOperatorAggregate(typ, reducer)
    assert channel.runs_user_code
    assert channel.name == name


def test_channels_with_the_same_function_are_equal():
    def made():
        return BinaryOperatorAggregate(list, lambda left, right: left + right)

    assert made() == made()
    assert hash(made()) == hash(made())
    assert BinaryOperatorAggregate(list, operator.add) == BinaryOperatorAggregate(list[int], operator.add)
    assert BinaryOperatorAggregate(int, operator.add) != BinaryOperatorAggregate(int, operator.mul)
    assert made() != BinaryOperatorAggregate(list, lambda left, right: right + left)

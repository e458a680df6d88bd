"""The three written forms of Overwrite."""

from __future__ import annotations

import pytest
from clew.events.vocabulary import Overwrite
from clew.projections.channels.overwrite import unwrap_overwrite

from tests.support.labels import steady


class Awkward:
    """Like an array: comparing it gives no bool."""

    def __eq__(self, other):
        raise ValueError("ambiguous")


@pytest.mark.parametrize(
    "written",
    [Overwrite([1]), {"__overwrite__": [1]}, {"type": "__overwrite__", "value": [1]}],
    ids=repr,
)
def test_each_form_of_an_overwrite_is_unwrapped(written):
    assert unwrap_overwrite(written) == ([1], True)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [1],
        {},
        {"__overwrite__": [1], "other": 2},
        {"type": "__overwrite__"},
        {"type": "human", "value": 1},
        {"type": Awkward(), "value": 1},
        {"value": 1},
        "__overwrite__",
    ],
    ids=steady,
)
def test_everything_else_stays_the_same_object(value):
    unwrapped, overwrites = unwrap_overwrite(value)
    assert unwrapped is value
    assert overwrites is False


def test_an_overwrite_may_hold_none():
    assert unwrap_overwrite(Overwrite(None)) == (None, True)

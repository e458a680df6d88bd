"""Cells: a persistent mapping, equal to a dict at every version and cheap to keep ten thousand of."""

from __future__ import annotations

import sys

import pytest
from clew.projections.channels.cells import Cells
from hypothesis import given
from hypothesis import strategies as st

changes = st.lists(
    st.dictionaries(st.integers(0, 60).map(lambda number: f"channel {number}"), st.integers() | st.none(), max_size=25),
    max_size=20,
)


@given(changes)
def test_every_version_is_the_dict_it_would_be(steps):
    versions, models = [Cells()], [{}]
    for step in steps:
        versions.append(versions[-1].with_changes(step))
        models.append({**models[-1], **step})
    for cells, model in zip(versions, models, strict=True):
        assert list(cells) == list(model)
        assert len(cells) == len(model)
        assert dict(cells) == model
        assert cells == model
        for name in [f"channel {number}" for number in range(61)]:
            assert cells.get(name, "none") == model.get(name, "none")
            assert (name in cells) is (name in model)


def test_a_missing_channel_is_none_by_get_and_an_error_by_index():
    assert Cells().get("absent") is None
    with pytest.raises(KeyError, match="absent"):
        Cells({"a": 1})["absent"]


def test_changes_leave_older_versions_and_the_callers_dict_alone():
    given_cells = {"a": 1}
    older = Cells(given_cells)
    given_cells["a"] = 2
    newer = older.with_changes({"a": 3, "b": 4})
    assert dict(older) == {"a": 1}
    assert dict(newer) == {"a": 3, "b": 4}


def test_no_change_is_the_same_mapping():
    cells = Cells({"a": 1})
    assert cells.with_changes({}) is cells


def test_a_wide_state_costs_what_changes():
    """300 channels, 3 written per step, other ones each time: bytes per kept version, against a full dict each."""
    cells = Cells({f"channel {number}": number for number in range(300)})
    full_dict_bytes = sys.getsizeof(dict(cells))
    versions = []
    for step in range(1_000):
        cells = cells.with_changes({f"channel {(step * 3 + offset) * 7 % 300}": step for offset in range(3)})
        versions.append(cells)
    dicts = {id(part): part for version in versions for part in (version._base, version._changed)}
    held_bytes = sum(sys.getsizeof(part) for part in dicts.values()) / len(versions)
    assert held_bytes < full_dict_bytes / 3

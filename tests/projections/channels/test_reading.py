"""Reading: what is read again costs what was written since, and is what a first read would give."""

from __future__ import annotations

import operator

from clew.events.codec.values import Codec
from clew.events.vocabulary import Payload, Write
from clew.projections.channels.aggregate import BinaryOperatorAggregate
from clew.projections.channels.cells import Cells
from clew.projections.channels.ephemeral_value import EphemeralValue
from clew.projections.channels.last_value import LastValue
from clew.projections.state.merge import Channels, Reading, merge_writes, read_values
from hypothesis import given
from hypothesis import strategies as st

KEYS = tuple(f"key {number}" for number in range(60))
CHANNELS = Channels(
    {
        **{key: LastValue(object) for key in KEYS},
        "key 1": BinaryOperatorAggregate(list, operator.add),
        "key 2": EphemeralValue(object),
        "aside": LastValue(object),
    }
)
"""Sixty keys, one of them a list that grows, one that is there for one step only; and a channel that nobody reads."""


def written(cells: Cells, values: dict[str, object]) -> Cells:
    """The cells one step later."""
    return merge_writes(CHANNELS, cells, [Write(key, Payload(value)) for key, value in values.items()])


names = st.sampled_from([*KEYS, "aside"])
values = st.integers() | st.text(max_size=3) | st.none() | st.lists(st.integers(), max_size=2)
steps = st.lists(st.dictionaries(names, values, max_size=4), max_size=30)


@given(st.booleans(), steps, st.lists(st.booleans(), max_size=30))
def test_a_read_is_what_a_first_read_gives(full: bool, changes: list[dict[str, object]], back: list[bool]) -> None:
    cells = written(Cells(), {key: [] if key == "key 1" else 0 for key in KEYS} if full else {})
    reading, earlier = Reading(), cells
    for step, change in enumerate(changes):
        if isinstance(change.get("key 1"), list) or "key 1" not in change:
            cells = written(cells, change)
        if step < len(back) and back[step]:
            # A fork goes on from an earlier checkpoint.
            cells, earlier = earlier, cells
        expected = read_values(CHANNELS, cells, KEYS)
        found = reading.values(CHANNELS, cells, KEYS)
        assert (found, list(found)) == (expected, list(expected))
        for value in found.values():
            if isinstance(value, list):
                value.append("whoever reads a list may keep it")
        found["key 3"] = "and change the dict"


def test_a_second_read_of_many_keys_looks_at_what_was_written() -> None:
    channels = Channels({key: LastValue(object) for key in KEYS})
    cells = Cells({key: Payload(0) for key in KEYS})
    reading = Reading()
    reading.values(channels, cells, KEYS)

    class Counted(Payload):
        looks = 0

        @property
        def value(self) -> object:
            """Counts."""
            Counted.looks += 1
            return 1

    payload = Counted(1)
    payload.reader = Codec()  # as if it were still to be decoded: then it is `value` that is asked for
    counted = cells.with_changes({"key 5": payload})
    assert reading.values(channels, counted, KEYS)["key 5"] == 1
    later = counted.with_changes({"key 7": Payload(7)})
    assert reading.values(channels, later, KEYS)["key 7"] == 7
    assert Counted.looks == 1

"""R20 is run by hand (`python -m tests.guarantees.mutation`); what its settings name must be there when it is."""

from __future__ import annotations

import pytest

from .mutation import __main__ as mutation


@pytest.mark.parametrize("target", mutation.SETTINGS["targets"])
def test_a_target_s_code_and_tests_are_there(target: str) -> None:
    settings = mutation.SETTINGS["targets"][target]
    assert [name for name in settings["code"] + settings["tests"] if not (mutation.ROOT / name).exists()] == []


def test_every_survivor_has_a_reason_and_a_function_that_is_there() -> None:
    code = "".join(
        (mutation.ROOT / name).read_text(encoding="utf-8")
        for target in mutation.SETTINGS["targets"].values()
        for name in target["code"]
    )
    for survivor in mutation.EXPECTED["survivor"]:
        assert survivor["reason"]
        assert survivor["changes"]
        assert not survivor["function"] or f"def {survivor['function'].rpartition('.')[2]}(" in code, survivor


def test_an_expected_survivor_is_told_from_another_change_of_its_function() -> None:
    def survived(change: str) -> mutation.Mutant:
        return mutation.Mutant("clew.events.stores.memory.xǁMemoryStoreǁ_place__mutmut_17", "survived", change)

    assert mutation.function_of(survived("").name) == "clew.events.stores.memory.MemoryStore._place"
    assert mutation.reason_for(
        survived("+ begins = entry.expected < 0 and entry.head.epoch > (stream.head.epoch if stream else 1)")
    )
    assert mutation.reason_for(survived("+ if version == entry.expected:")) is None

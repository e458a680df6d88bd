"""Whatever a row holds, reading it runs, opens and imports nothing: it gives a value or a typed error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.events.codec.golden import recorded
from tests.guarantees.sizes import sized
from tests.support.sources import ROOT

CASES = int(os.environ.get("CLEW_FUZZ_CASES") or sized(20_000, 5_000_000))
"""Hostile inputs of one run; the nightly run takes five million."""


def fuzz(cases: int, seed: int) -> dict:
    lines = [f"{name.replace('event', 'commit').split()[0]} {content.hex()}" for name, content in recorded().items()]
    path = filter(None, [os.environ.get("PYTHONPATH")])
    done = subprocess.run(
        [sys.executable, "-P", str(Path(__file__).with_name("fuzz.py")), str(cases), str(seed)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *path])},
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
        timeout=110 + cases / 1000,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the memory limit is read from /proc")
def test_hostile_bytes_give_a_value_or_a_typed_error_and_run_nothing(report_figure):
    found = fuzz(CASES, seed=int(os.environ.get("CLEW_FUZZ_SEED", "1")))
    assert found["wrong"] == []
    assert found["forbidden"] == {}
    # A fuzzer that only ever meets one answer tests nothing.
    assert min(found["outcomes"][kind] for kind in ("read", "DecodeError", "CorruptCommitError")) > CASES / 100
    report_figure(f"R11: {CASES:,} hostile inputs: only values and typed errors, 0 forbidden audit events")

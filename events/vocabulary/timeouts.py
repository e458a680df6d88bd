"""How long a node may take: what people say (`TimeoutPolicy`), and how a Send's limits stand in the log."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from msgspec import Struct


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeoutPolicy:
    """How long one attempt of an async node may take."""

    run_timeout: float | timedelta | None = None
    """Seconds for the whole attempt, whatever happens in it."""
    idle_timeout: float | timedelta | None = None
    """Seconds without progress (writes, chunks, heartbeats)."""
    refresh_on: Literal["auto", "heartbeat"] = "auto"
    """What counts as progress: everything the attempt does, or only `runtime.heartbeat()`."""

    @classmethod
    def coerce(cls, value: float | timedelta | TimeoutPolicy | None) -> TimeoutPolicy | None:
        """The policy in plain seconds, as `timeout_policy` gives it."""
        return timeout_policy(value)


class Limits(Struct, array_like=True, frozen=True, gc=False):
    """A timeout as events keep it, where it is more than one number of seconds for the whole attempt."""

    run: float | None = None
    """Seconds for the whole attempt."""
    idle: float | None = None
    """Seconds without progress."""
    heartbeat_only: bool = False
    """True when only heartbeats are progress."""


def timeout_policy(given: float | timedelta | TimeoutPolicy | None) -> TimeoutPolicy | None:
    """The policy in plain seconds, or None where nothing is limited.

    Raises:
        ValueError: a limit is not above zero, or `refresh_on` is unknown.
        TypeError: a limit is neither a number nor a timedelta.
    """
    if given is None:
        return None
    policy = given if isinstance(given, TimeoutPolicy) else TimeoutPolicy(run_timeout=given)
    if policy.refresh_on not in ("auto", "heartbeat"):
        raise ValueError(f"refresh_on is {policy.refresh_on!r}: use 'auto' or 'heartbeat'")
    run = _seconds("run_timeout", policy.run_timeout)
    idle = _seconds("idle_timeout", policy.idle_timeout)
    if run is None and idle is None:
        return None
    return TimeoutPolicy(run_timeout=run, idle_timeout=idle, refresh_on=policy.refresh_on)


def recorded_timeout(policy: TimeoutPolicy | None) -> float | Limits | None:
    """A policy in plain seconds, as events keep it."""
    if policy is None:
        return None
    run, idle = _seconds("run_timeout", policy.run_timeout), _seconds("idle_timeout", policy.idle_timeout)
    return run if idle is None else Limits(run, idle, policy.refresh_on == "heartbeat")


def timeout_of(recorded: float | Limits | None) -> TimeoutPolicy | None:
    """The policy of what `recorded_timeout` gave."""
    if isinstance(recorded, Limits):
        refresh_on = "heartbeat" if recorded.heartbeat_only else "auto"
        return TimeoutPolicy(run_timeout=recorded.run, idle_timeout=recorded.idle, refresh_on=refresh_on)
    return None if recorded is None else TimeoutPolicy(run_timeout=recorded)


def _seconds(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if not isinstance(value, (int, float)):
        raise TypeError(f"{name} is {value!r}: give seconds as a number, or a timedelta")
    if math.isnan(value) or value <= 0:
        raise ValueError(f"{name} is {value!r} seconds: it must be greater than 0")
    return float(value)

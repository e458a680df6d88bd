"""Virtual time: it stands still until somebody moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import final

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""When a virtual clock begins: long ago, so that nothing real is earlier than anything simulated."""


@final
class VirtualClock:
    """A clock that only `advance` and `jump` move. Not for several threads at once."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self.now = round(start.timestamp() * 1_000_000)
        """Microseconds since the epoch, as commits have them."""
        self.seconds = 0.0
        """Monotonic seconds since the clock was made; a jump does not change them."""

    @property
    def time(self) -> datetime:
        """The time of day, UTC."""
        return datetime.fromtimestamp(self.now / 1_000_000, UTC)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += max(0.0, seconds)
        self.now += round(max(0.0, seconds) * 1_000_000)

    def jump(self, by: timedelta | float) -> None:
        """Set the clock, forwards or backwards, as an administrator or a time server does: no time passes."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        self.now += round(seconds * 1_000_000)

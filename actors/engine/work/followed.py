"""Who is told when a thread's log goes on: readers that follow it."""

from __future__ import annotations

import threading
from collections.abc import Callable

_FOLLOWERS = threading.Lock()
"""Held while a thread's followers change, which happens seldom enough for one lock to do for all threads."""


class Followed:
    """An actor that readers may follow. Its methods may be called from any thread."""

    followers: tuple[Callable[[], None], ...] = ()
    """What is called after each commit and each run's end. Of the class until somebody follows: it costs no memory."""

    def add_follower(self, wake: Callable[[], None]) -> None:
        """Have `wake` called after each commit, from any thread; it must not block."""
        with _FOLLOWERS:
            self.followers = (*self.followers, wake)

    def forget_follower(self, wake: Callable[[], None]) -> None:
        """Call it no longer."""
        with _FOLLOWERS:
            self.followers = tuple(other for other in self.followers if other != wake)

    def _tell_followers(self) -> None:
        for wake in self.followers:
            wake()

"""The chunks of a thread's commits, read one after another: each run as its own stream showed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from langchain_core.messages import BaseMessage
from msgspec import Struct

from ...events.vocabulary import InterruptRaised, Payload, Recorded, RunContinued, RunStarted
from ...projections.state.fold import fold
from ...projections.state.merge import Channels, read_values
from ...projections.state.thread import ThreadState
from ...projections.streams.commit import commit_chunks, line_of
from ...projections.streams.finished import finished
from ...projections.streams.view import Chunk, RunView


class _Commit(Struct, frozen=True):
    """One commit with the states around it."""

    version: int
    events: list[Any]
    before: ThreadState
    after: ThreadState


class Replay:
    """Folds commits, and gives out the chunks of those after a version."""

    def __init__(self, channels: Channels, after: int, new_view: Callable[[dict[str, Any]], RunView]) -> None:
        self.state = ThreadState()
        """The thread as far as it was read."""
        self._channels = channels
        self._after = after
        self._new_view = new_view
        self._view = new_view({})
        self._run: list[_Commit] = []
        """Commits of the present run that are not shown, as long as none of it is: what they showed is known later."""

    def add(self, recorded: Recorded) -> Iterator[tuple[int, Chunk]]:
        """Fold one more commit; (version, chunk) of each chunk to be shown."""
        before = self.state
        self.state = fold(before, recorded, self._channels)
        commit = _Commit(recorded.version, recorded.commit.events, before, self.state)
        self._begin_run(commit)
        if commit.version <= self._after:
            self._run.append(commit)
            return
        earlier, self._run = self._run, []
        for one in earlier:
            self._chunks(one)
        view = self._view
        for chunk in self._chunks(commit):
            yield commit.version, finished(view, chunk)

    def _begin_run(self, commit: _Commit) -> None:
        for event in commit.events:
            if isinstance(event, (RunStarted, RunContinued)) and event.ns == "":
                metadata = event.metadata.value if isinstance(event.metadata, Payload) else {}
                self._view = self._new_view(metadata)
                self._run = []

    def _chunks(self, commit: _Commit) -> list[Chunk]:
        view = self._view
        if "messages" in view.modes:
            view.seen_messages.update(_message_ids(view, commit.before))
        asked = dict.fromkeys(
            event.task for event in commit.events if isinstance(event, InterruptRaised) and event.ns == view.line
        )
        return commit_chunks(view, commit.events, commit.before, commit.after, list(asked))


def _message_ids(view: RunView, state: ThreadState) -> set[str]:
    """Ids of the messages that a step's nodes could see: such a message was shown when it came."""
    values = read_values(view.channels, line_of(view, state).cells, view.keys).values()
    items = (item for value in values for item in (value if isinstance(value, (list, tuple)) else (value,)))
    return {item.id for item in items if isinstance(item, BaseMessage) and item.id}

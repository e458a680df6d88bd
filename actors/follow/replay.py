"""The chunks of a thread's commits, read one after another: each run as its own stream showed it."""

from __future__ import annotations

from collections.abc import Iterator

from langchain_core.messages import BaseMessage

from ...events.vocabulary import InterruptRaised, Recorded, RunContinued, RunStarted
from ...projections.state.decisions import Decided, decisions
from ...projections.state.merge import read_values
from ...projections.state.thread import ThreadState
from ...projections.state.upcast import rules_of
from ...projections.streams.commit import commit_chunks, line_of
from ...projections.streams.finished import finished
from ...projections.streams.view import Chunk, RunView
from .views import Views


class Replay:
    """Folds commits, and gives out the chunks of those after a version."""

    def __init__(self, views: Views, after: int, *, subgraphs: bool = False) -> None:
        self.state = ThreadState()
        """The thread as far as it was read."""
        self._made = views
        self._after = after
        self._subgraphs = subgraphs
        self._views = {"": views.root()}
        """By namespace the view of each graph's present run; graphs inside only where they are shown."""
        self._run: list[Decided] = []
        """What the present run committed and is not shown, as long as none of it is: what it showed is known later."""

    def add(self, recorded: Recorded) -> Iterator[tuple[int, Chunk]]:
        """Fold one more commit; (version, chunk) of each chunk to be shown."""
        for decided in decisions(self.state, recorded, self._made.channels):
            self.state = decided.after
            if any(isinstance(event, (RunStarted, RunContinued)) and event.ns == "" for event in decided.events):
                self._run = []
            if recorded.version <= self._after:
                self._run.append(decided)
                continue
            earlier, self._run = self._run, []
            for one in earlier:
                for _ in self._chunks(one):
                    pass
            for chunk in self._chunks(decided):
                yield recorded.version, chunk

    def _chunks(self, decided: Decided) -> Iterator[Chunk]:
        """What each graph showed of a decision, in the order in which they spoke."""
        for ns in dict.fromkeys(getattr(event, "ns", "") for event in decided.events):
            view = self._view(ns, decided)
            if view is None:
                continue
            if "messages" in view.modes:
                view.seen_messages.update(_message_ids(view, decided.before))
            asked = dict.fromkeys(
                event.task for event in decided.events if isinstance(event, InterruptRaised) and event.ns == ns
            )
            for chunk in commit_chunks(view, decided.events, decided.before, decided.after, list(asked)):
                yield finished(view, chunk)

    def _view(self, ns: str, decided: Decided) -> RunView | None:
        """The view of the graph in a namespace, a new one where its run begins; None for one that is not shown."""
        for event in decided.events:
            if isinstance(event, (RunStarted, RunContinued)) and event.ns == ns:
                if not ns:
                    self._views = {"": self._made.root(event, decided.after)}
                elif self._subgraphs:
                    view = self._views[ns] = self._made.inner(event, decided.after)
                    view.seen_messages = self._views[""].seen_messages
        return self._views.get(ns)


def _message_ids(view: RunView, state: ThreadState) -> set[str]:
    """Ids of the messages that a step's nodes could see: such a message was shown when it came."""
    line = line_of(view, state)
    values = read_values(rules_of(view.channels, state, line), line.cells, view.keys).values()
    items = (item for value in values for item in (value if isinstance(value, (list, tuple)) else (value,)))
    return {item.id for item in items if isinstance(item, BaseMessage) and item.id}

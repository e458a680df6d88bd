"""How the streams of recorded runs look: the views that their own streams had, made anew from what the log says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...events.vocabulary import Payload, RunContinued, RunStarted
from ...projections.state.merge import Channels
from ...projections.state.namespaces import SEPARATOR
from ...projections.state.thread import ThreadState
from ...projections.streams.view import RunView
from ..decider.commands import Terms
from ..doors.config import steps_max
from ..doors.request import Options, describe_view, result_keys
from ..doors.setup import Setup
from ..doors.subgraphs import subgraph_at

Began = RunStarted | RunContinued


class Views:
    """Makes the view of each run that a log tells of, as this graph and this call look at it."""

    def __init__(self, graph: Setup, config: Mapping[str, Any], options: Options) -> None:
        self.channels = graph.channels
        """What the thread is folded with."""
        self._graph = graph
        self._config = config
        self._options = options

    def root(self, began: Began | None = None, state: ThreadState | None = None) -> RunView:
        """The view of a run of the graph itself; `state` is the thread when it began."""
        graph, options = self._graph, self._options
        earlier = None if began is None or state is None else self._earlier(graph, began, state)
        if earlier is not None:
            return self._described(RunView(earlier, tuple(earlier), None, options.modes, None), None, began, options)
        view = RunView(graph.channels, graph.plan.state_view.keys, graph.plan.root, options.modes, options.output_keys)
        return self._described(view, graph, began, options)

    def inner(self, began: Began, state: ThreadState) -> RunView:
        """The view of a run of a graph that a node called: the graph as it is now, or what the log has of it."""
        ns = began.ns
        line = state.line(ns)
        graph = subgraph_at(self._graph.plan, ns, began.fingerprint)
        options = Options(modes=self._options.modes, version=self._options.version)
        earlier = None if graph is None else self._earlier(graph, began, state)
        if graph is None or earlier is not None:
            channels: Channels = earlier or line.rules or Channels({})
            graph = None
            view = RunView(channels, tuple(channels), None, options.modes, None)
        else:
            plan = graph.plan
            view = RunView(graph.channels, plan.state_view.keys, plan.root, options.modes, result_keys(graph, None))
        view.line, view.ns = ns, tuple(ns.split(SEPARATOR))
        view = self._described(view, graph, began, options)
        if line.run is not None:
            view.parents = {above: head.id for above, head in line.run.above}
        return view

    def _earlier(self, graph: Setup, began: Began, state: ThreadState) -> Channels | None:
        """The channels of a run that worked on another version of the graph's schema; None for the graph's own."""
        rules = graph.channels.then(state.graph(began.fingerprint))
        return None if rules is graph.channels else rules

    def _described(self, view: RunView, graph: Setup | None, began: Began | None, options: Options) -> RunView:
        recorded = began.metadata.value if began is not None and isinstance(began.metadata, Payload) else {}
        # The log keeps scalars of `configurable` there as well; the run's stream did not show them as metadata.
        metadata = {key: value for key, value in recorded.items() if key not in self._config["configurable"]}
        place = {"checkpoint_ns": view.line} if view.line else {}
        config = {**self._config, "metadata": {**metadata, **self._config["metadata"], **place}}
        if graph is None:
            view.configurable, view.metadata, view.version = config["configurable"], config["metadata"], options.version
        else:
            describe_view(view, graph, config, Terms(run="", steps_max=steps_max(config)), options)
        return view

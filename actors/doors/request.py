"""From a call's arguments to a run: the same for sync and async, invoke and stream."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from ...events.deprecations import LangGraphDeprecatedSinceV10
from ...events.errors import (
    EmptyInputError,
    GraphChangedError,
    InvalidUpdateError,
    NothingToResumeError,
)
from ...events.vocabulary import EXIT, PARENT, Command, Payload
from ...projections.state.thread import ThreadState
from ...projections.streams.calls import CALL_MODES
from ...projections.streams.commit import MODES
from ...projections.streams.view import RunView
from ..author.returns import input_writes, interpret
from ..decider.answering import already, edited, last_answered
from ..decider.commands import Answer, Apply, Continue, Enter, Start, Terms
from ..decider.commands import Command as ThreadCommand
from ..decider.fitting import misfit
from ..engine.attempts.control import RunControl
from ..engine.call import Scope
from ..engine.run import LIVE_MODES, Run, Settings
from ..engine.thread import ThreadActor
from .config import complete_config, concurrency_max, own, recorded_metadata, steps_max
from .nesting import Site, site_of
from .setup import Setup
from .subgraphs import subgraph_at

DURABILITIES = ("sync", "async", EXIT)
VERSIONS = ("v1", "v2")
"""Forms of stream chunks and results."""
NOWHERE: frozenset[str] = frozenset()
CUSTOM = frozenset({"custom"})
"""The mode of what nodes emit by themselves."""
QUESTION_ID_LENGTH = 32
STRICT_RESUME = "__pregel_strict_resume"
"""Key of `configurable` that has answers refused which LangGraph takes with a shrug; the name is LangGraph's."""


class Options(Struct, frozen=True):
    """What a call may say besides input and config."""

    context: Any = None
    interrupt_before: Sequence[str] | str | None = None
    interrupt_after: Sequence[str] | str | None = None
    durability: str | None = None
    output_keys: str | Sequence[str] | None = None
    modes: frozenset[str] = frozenset()
    stepwise: bool = False
    version: str = "v1"
    message_events: bool = False
    subgraphs: bool = False
    control: RunControl | None = None


def open_run(
    graph: Setup,
    given: Any,
    config: Any,
    options: Options,
    loop: asyncio.AbstractEventLoop | None = None,
) -> Run:
    """The run that a call asks for, not begun yet. Everything that is wrong with the call itself is refused here.

    Raises:
        ValueError, KeyError, TypeError, InvalidUpdateError, EncodeError: as `CompiledStateGraph.invoke` documents.
    """
    completed = complete_config(graph.config, config)
    plan = graph.plan
    site = site_of(graph, completed, config)
    kept, caller = site.kept, site.caller
    around = None if caller is None else caller.call.job.run
    if options.durability is not None and not kept:
        message = f"durability={options.durability!r} has no effect: without a checkpointer nothing is stored"
        warnings.warn(message, UserWarning, stacklevel=3)
    terms = Terms(
        run=str(completed.get("run_id") or random_id()),
        steps_max=steps_max(completed),
        interrupt_before=breakpoints(graph, options.interrupt_before, graph.interrupt_before_nodes, "interrupt_before"),
        interrupt_after=breakpoints(graph, options.interrupt_after, graph.interrupt_after_nodes, "interrupt_after"),
        metadata=_metadata(completed) if kept else None,
        durability=durability(options.durability, around, inside=site.inside),
        who=str(completed["configurable"].get("who") or ""),
        kept=kept,
        calling=caller.call.job.ordinal if site.inside and caller is not None else 0,
        caller=caller.call.job.namespace if site.continuing and caller is not None else "",
        place=site.place,
        process=site.actor.journal.process if kept and site.actor.journal is not None and not site.ns else "",
    )
    settings = _settings(graph, completed, options, around)
    command = _command(graph, site, given, completed)
    if site.inside and around is not None:
        command = _entering(command, around, caller)
    run = Run(
        site.actor,
        plan,
        graph.channels,
        command,
        terms,
        settings,
        site.codec,
        graph.graph_seen,
        loop=loop,
        caller=caller,
        ns=site.ns,
        inside=site.inside,
    )
    if options.modes:
        describe_view(run.view, graph, completed, terms, options)
    if around is not None and site.ns:
        _show_around(run, graph, around, options)
    begun = command.begin if isinstance(command, Enter) else command
    if isinstance(begun, (Start, Apply, Answer)) and kept:
        # Now, so that what cannot be stored is refused to the caller, with its path.
        run.encode_writes(begun.writes)
    return run


def _settings(graph: Setup, config: dict[str, Any], options: Options, around: Run | None) -> Settings:
    """What the run's jobs are done with, and what its stream shows; `around` is the run whose node calls."""
    settings = Settings(
        config,
        options.modes,
        # The tasks of an entrypoint are its steps: they are shown as they end, not when all is over.
        bool(options.subgraphs or options.modes & LIVE_MODES or (graph.plan.entry and options.modes & CALL_MODES)),
        graph.debug,
        options.stepwise,
        options.message_events,
        options.subgraphs,
        graph.context_of(options.context),
        graph.store,
        graph.cache,
        options.control,
        graph.step_timeout,
        own(config, "command_id"),
        concurrency_max(config),
        output_keys(graph, options.output_keys),
        graph.answers,
        graph.runtime,
    )
    if around is not None:
        # A call inside a node has what the node has, unless it says otherwise.
        settings.context = around.settings.context if settings.context is None else settings.context
        settings.store = around.settings.store if settings.store is None else settings.store
        settings.cache = around.settings.cache if settings.cache is None else settings.cache
        settings.control = around.settings.control if settings.control is None else settings.control
    if settings.control is None:
        settings.control = RunControl()
    if options.modes and not options.stepwise:
        settings.output_keys = result_keys(graph, settings.output_keys)
    return settings


def describe_view(view: RunView, graph: Setup, config: Mapping[str, Any], terms: Terms, options: Options) -> None:
    """Tell a stream's view what it shows besides the state."""
    view.kept = terms.kept
    view.configurable = config["configurable"]
    view.metadata = config["metadata"]
    view.tags = config.get("tags") or ()
    view.nodes = graph.shapes
    view.steps_max = terms.steps_max
    view.version = options.version
    above = config["configurable"].get("checkpoint_map")
    if view.line and isinstance(above, Mapping):
        view.parents = above
    output, declared = graph.plan.output_view, graph.plan.declared_view
    if declared is not None and declared.coerce is not None:
        view.state = (declared.keys, declared.coerce)
    if output.coerce is not None and options.output_keys in (None, output.keys):
        view.output = (output.keys, output.coerce)


def _entering(command: ThreadCommand, around: Run, caller: Scope | None) -> ThreadCommand:
    """The command of a graph called in a node: begin like this, or go on with what the same task had called."""
    if caller is None or not isinstance(command, (Start, Continue, Answer, Apply)):
        return command
    root = around
    while root.outer is not None:
        root = root.outer
    branched = root.branched
    older_than, since = (None, 0) if branched is None else branched
    return Enter(caller.call.job.namespace, command, older_than, since)


def _show_around(run: Run, graph: Setup, around: Run, options: Options) -> None:
    """Have the streams around a graph that is called in a node show its chunks, those that want them.

    They show of its state what the call itself would: the output keys of one that only wants the result.
    """
    readers = [(reader, view) for reader, view in around.readers if reader is not around]
    if around.settings.subgraphs:
        readers.append((around, around.view))
    if not readers:
        return
    custom = _reads_custom(run)
    if custom is not None and custom is not run and all(reader is not custom for reader, _ in readers):
        readers.append((custom, custom.view))
    shown = run.settings.output_keys if options.stepwise else result_keys(graph, run.settings.output_keys)
    for reader, outer in readers:
        modes = reader.settings.modes if reader.settings.subgraphs else CUSTOM
        modes = modes if reader is custom else modes - CUSTOM
        view = RunView(run.channels, run.view.keys, run.view.root, modes, shown)
        view.line, view.ns = run.view.line, run.view.ns
        describe_view(view, graph, run.settings.config, run.terms, Options(version=outer.version))
        view.seen_messages = reader.view.seen_messages
        reader.inner_views[view.ns] = view
        run.readers = (*run.readers, (reader, view))


def _reads_custom(run: Run | None) -> Run | None:
    """Who reads what nodes of a run emit: the nearest around that wants it, itself first, which has it alone.

    It may hand it on, and it must not come twice.
    """
    while run is not None and "custom" not in run.settings.modes:
        run = None if run.calling is None else run.calling.run
    return run


def random_id() -> str:
    """A UUID version 4 as text; `uuid.uuid4()` takes five times as long."""
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) & 3]}{text[17:20]}-{text[20:]}"


def _metadata(config: dict[str, Any]) -> Payload | None:
    metadata = recorded_metadata(config)
    return Payload(metadata) if metadata else None


def _command(graph: Setup, site: Site, given: Any, config: dict[str, Any]) -> ThreadCommand:
    """What the input means for the thread (section "meaning of the input" of the conformance page)."""
    checkpoint = _checkpoint(site, config)
    if given is None:
        if not site.kept:
            raise EmptyInputError("the input is None and there is no checkpointer, so nothing to continue: give input")
        return Continue(checkpoint)
    if isinstance(given, Command):
        return _from_command(graph, site, given, config)
    run = config["metadata"].get("run_id")
    if run and site.kept and not site.ns and _run_of(graph.peek(site.actor)) == run:
        return Continue(checkpoint)  # the same run entered again, by whoever does not know how far it came
    return Start(tuple(input_writes(graph.plan, given)), checkpoint)


def _checkpoint(site: Site, config: dict[str, Any]) -> str:
    """The checkpoint that the call names; "" for none. Of one inside of a sub-graph the root graph's above it."""
    if site.inside or not site.kept:
        return ""
    above = config["configurable"].get("checkpoint_map")
    named = own(config, "checkpoint_id")
    if named and config["configurable"].get("checkpoint_ns") and isinstance(above, Mapping):
        return str(above.get("") or named)
    return named


def _run_of(state: ThreadState) -> Any:
    """The `run_id` that the metadata of the thread's head names; None for none."""
    head = state.root.head
    metadata = None if head is None or head.run is None else head.run.metadata
    return None if metadata is None or not isinstance(metadata.value, dict) else metadata.value.get("run_id")


def _from_command(graph: Setup, site: Site, given: Command[Any], config: dict[str, Any]) -> ThreadCommand:
    if given.graph == PARENT:
        raise InvalidUpdateError("Command(graph=Command.PARENT) is for nodes: a root graph's input has no parent")
    if not given.answers and given.update is None and not given.goto:
        raise EmptyInputError("Command() says nothing: give it resume, update or goto")
    understood = interpret(graph.plan, graph.plan.start, Command(update=given.update, goto=given.goto))
    writes, routes = tuple(understood.writes), tuple(understood.routes)
    if given.answers:
        return _answer(graph, site, given.resume, config, writes, routes)
    checkpoint = _checkpoint(site, config)
    if site.is_new(graph):
        return Start(writes, checkpoint, routes)
    return Apply(writes, routes, checkpoint)


def _answer(graph: Setup, site: Site, resume: Any, config: dict[str, Any], writes: Any, routes: Any) -> ThreadCommand:
    if not site.kept:
        raise NothingToResumeError(
            "Command(resume=...) needs a checkpointer: without one no question is kept; compile(checkpointer=...)"
        )
    checkpoint = _checkpoint(site, config)
    strict = bool(config["configurable"].get(STRICT_RESUME))
    encode = site.codec.encode_value
    if isinstance(resume, dict) and all(is_question_id(key) for key in resume):
        answers = {question: Payload(value) for question, value in resume.items()}
        for question, payload in answers.items():
            payload.encoded = encode(payload.value, f"$.resume[{question!r}]")
        state = _state_to_answer(graph, site)
        return Answer(answers if strict else _not_said_before(state, answers), None, checkpoint, writes, routes, strict)
    bare = Payload(resume)
    bare.encoded = encode(resume, "$.resume")
    state = _state_to_answer(graph, site)
    questions = state.open_questions(site.ns)
    if len(questions) == 1 and not checkpoint:
        # Bound now: what is asked later, while this answer waits its turn, was not what the person answered.
        return Answer({questions[0].raised.question: bare}, None, checkpoint, writes, routes, strict)
    if not questions and not checkpoint and own(config, "command_id") not in state.commands:
        _refuse_late(state, site.actor)
    return Answer({}, bare, checkpoint, writes, routes, strict)


def _state_to_answer(graph: Setup, site: Site) -> ThreadState:
    """The thread's state from the store, not as the actor remembers it: what was asked may be another process's."""
    state = site.state(graph)
    if not site.ns and state.root.below:
        check_nodes_inside(graph, state, site.actor.thread)
    return state


def _not_said_before(state: ThreadState, answers: Mapping[str, Payload]) -> Mapping[str, Payload]:
    """The answers less those that are on record as they are, where others are left: a map is sent again as a whole."""
    said = {asked.raised.question: asked.answer.value for asked in state.answered if asked.answer is not None}
    new = {question: answer for question, answer in answers.items() if said.get(question) != answer}
    return new or answers


def check_nodes_inside(graph: Setup, state: ThreadState, thread: str) -> None:
    """Refuse an answer, before it is taken, where a node that asks inside of a sub-graph is gone from its code."""
    for line in state.live_lines():
        seen = None if line.run is None else state.graph(line.run.fingerprint)
        found = subgraph_at(graph.plan, line.ns, b"" if seen is None else seen.fingerprint) if line.ns else None
        if found is None:
            continue
        reason = misfit(found.plan, line)
        if reason:
            raise GraphChangedError(f"thread {thread!r}, in its graph {line.ns!r}, {reason}; nothing was changed")


def _refuse_late(state: ThreadState, actor: ThreadActor) -> None:
    """Refuse a bare answer where nothing is asked now, a second click: it must not wait for the next question."""
    question = last_answered(state)
    if question is not None and not state.paused_at() and not edited(state):
        raise already(state, question)
    if actor.run is not None:
        raise NothingToResumeError(f"thread {actor.thread!r} is running and has no open question")


def is_question_id(key: Any) -> bool:
    """True for what looks like a question's id: 32 hexadecimal characters."""
    if not isinstance(key, str) or len(key) != QUESTION_ID_LENGTH:
        return False
    return all(character in "0123456789abcdef" for character in key)


def breakpoints(
    graph: Setup, given: Sequence[str] | str | None, usual: Sequence[str] | str, argument: str
) -> frozenset[str]:
    """The nodes to stop at, the call's or the graph's. Raises `ValueError` for an unknown one."""
    given = given or usual
    if not given:
        return NOWHERE
    nodes = graph.plan.nodes
    if given == "*" or (not isinstance(given, str) and "*" in given):
        return frozenset(name for name, node in nodes.items() if not node.hidden)
    names = frozenset([given] if isinstance(given, str) else given)
    unknown = sorted(names - set(nodes))
    if unknown:
        raise ValueError(f"{argument} names {unknown}, which are no nodes of this graph; it has {sorted(nodes)}")
    return names


def meant_durability(given: str | None, kwargs: Mapping[str, Any], *, frames: int = 3) -> str | None:
    """The durability that a call names, by its older keyword as well; any other keyword does nothing, with a warning.

    Args:
        given: the call's `durability`.
        kwargs: the keywords that its door does not have.
        frames: how far up the caller is, for the warnings.

    Raises:
        ValueError: both names are given.
    """
    for name in kwargs:
        if name != "checkpoint_during":
            message = f"the argument {name!r} is not known to clew and does nothing"
            warnings.warn(message, UserWarning, stacklevel=frames)
    during = kwargs.get("checkpoint_during")
    if during is None:
        return given
    named = "async" if during else EXIT
    message = f"checkpoint_during={during!r} is an older name for durability={named!r}"
    warnings.warn(message, LangGraphDeprecatedSinceV10, stacklevel=frames)
    if given is not None:
        raise ValueError(f"both durability={given!r} and checkpoint_during={during!r} are given: give durability alone")
    return named


def durability(given: str | None, around: Run | None, *, inside: bool) -> str:
    """The durability of a call: its own, else that of the run around it, else "sync".

    What runs inside the thread of that run is stored with it, whatever the call says.

    Raises `ValueError` for an unknown one.
    """
    if given is not None and given not in DURABILITIES:
        raise ValueError(f"durability is {given!r}: use one of {list(DURABILITIES)}")
    if around is not None and (inside or given is None):
        return around.terms.durability
    return given or "sync"


def output_keys(graph: Setup, given: str | Sequence[str] | None) -> str | tuple[str, ...] | None:
    """The keys that output is restricted to; None for no restriction. Raises `ValueError` for an unknown one."""
    if given is None:
        return None
    keys = (given,) if isinstance(given, str) else tuple(given)
    unknown = [key for key in keys if key not in graph.plan.channels]
    if unknown:
        raise ValueError(
            f"output_keys names {unknown}, which the state does not have; it has {list(graph.plan.channels)}"
        )
    return given if isinstance(given, str) else keys


def result_keys(graph: Setup, given: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
    """What a call shows that wants the result: the keys given, or the output schema's; None for the whole state."""
    keys = graph.plan.output_view.keys
    narrow = given is None and graph.plan.root is None and keys != graph.plan.state_view.keys
    return keys if narrow else given


def stream_modes(given: str | Sequence[str] | None, default: str) -> tuple[str, ...]:
    """The stream modes of a call. Raises `ValueError` for an unknown one."""
    modes = (given or default,) if given is None or isinstance(given, str) else tuple(given)
    for mode in modes:
        if mode not in MODES:
            raise ValueError(f"stream_mode {mode!r} does not exist; there are {sorted(MODES)}")
    return modes


def stream_version(given: str) -> str:
    """The version of the forms that a call gives out. Raises `ValueError` for an unknown one."""
    if given not in VERSIONS:
        raise ValueError(f"version is {given!r}: use one of {list(VERSIONS)}; 'v3' belongs to stream_events")
    return given

"""Section 19.3: a v3 event stream as its reader sees it: events, state, questions, ends, errors, giving up."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from operator import add
from typing import Annotated, Any

import pytest
from clew import Command, CompiledStateGraph
from clew.checkpoint import BaseCheckpointSaver, InMemorySaver
from clew.errors import EmptyInputError, GraphRecursionError, InvalidUpdateError
from clew.graph import START, StateGraph
from clew.runtime import Runtime
from clew.stream import AsyncGraphRunStream, GraphRunStream, UpdatesTransformer
from pydantic import BaseModel

from .v3_programs import (
    GIVEN,
    THREAD,
    AsyncReader,
    Reader,
    State,
    asking,
    chain,
    data,
    failing,
    methods,
    says,
)

# --- the two doors


@pytest.mark.parametrize("name", ["stream_events", "astream_events"])
def test_both_doors_take_input_and_config_and_by_name_version_and_transformers(name: str) -> None:
    parameters = list(inspect.signature(getattr(CompiledStateGraph, name)).parameters.values())[1:]
    assert [one.name for one in parameters] == ["input", "config", "version", "transformers", "kwargs"]
    assert [one.default for one in parameters[1:4]] == [None, "v2", None]
    assert [one.kind for one in parameters[2:4]] == [inspect.Parameter.KEYWORD_ONLY] * 2


def test_a_sync_stream_is_a_graph_run_stream() -> None:
    assert type(chain("a").stream_events(GIVEN, version="v3")) is GraphRunStream


def test_an_async_stream_is_awaited_and_is_an_async_graph_run_stream() -> None:
    async def opened() -> Any:
        waiting = chain("a").astream_events(GIVEN, version="v3")
        assert inspect.isawaitable(waiting)
        return await waiting

    assert type(asyncio.run(opened())) is AsyncGraphRunStream


@pytest.mark.parametrize("version", ["v1", "v2", "v4"])
def test_other_versions_do_not_exist_for_sync_callers(version: str) -> None:
    with pytest.raises(NotImplementedError, match=version):
        chain("a").stream_events(GIVEN, version=version)


def test_the_default_version_of_the_sync_door_is_v2_which_does_not_exist() -> None:
    with pytest.raises(NotImplementedError, match="v2"):
        chain("a").stream_events(GIVEN)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.filterwarnings("ignore:astream_events version='v1' is deprecated")
def test_v1_and_v2_are_langchain_cores_event_dicts_for_async_callers(version: Any) -> None:
    async def told() -> list[Any]:
        events: Any = chain("a").astream_events(GIVEN, version=version)
        assert isinstance(events, AsyncIterator)
        return [event async for event in events]

    events = asyncio.run(told())
    assert [(event["event"], event["name"]) for event in events] == [
        ("on_chain_start", "LangGraph"),
        ("on_chain_start", "a"),
        ("on_chain_stream", "a"),
        ("on_chain_end", "a"),
        ("on_chain_stream", "LangGraph"),
        ("on_chain_end", "LangGraph"),
    ]
    assert set(events[0]) == {"data", "event", "metadata", "name", "parent_ids", "run_id", "tags"}


def test_v2_is_the_default_for_async_callers_and_takes_langchain_cores_filters() -> None:
    async def told() -> list[Any]:
        events: Any = chain("a", "b").astream_events(GIVEN, include_names=["b"])
        return [event async for event in events]

    assert {event["name"] for event in asyncio.run(told())} == {"b"}


@pytest.mark.parametrize("options", [{"stream_mode": "values"}, {"stream_mode": None}, {"subgraphs": True}])
def test_modes_and_sub_graphs_are_the_streams_own_business(reader: Reader, options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(options))):
        reader.open(chain("a"), **options)


def test_both_are_named_where_both_are_given(reader: Reader) -> None:
    with pytest.raises(TypeError, match="stream_mode, subgraphs"):
        reader.open(chain("a"), stream_mode="values", subgraphs=False)


def test_an_argument_that_is_not_known_is_warned_of(reader: Reader) -> None:
    with pytest.warns(UserWarning, match="'bogus' is not known"):
        reader.open(chain("a"), bogus=1)


# --- events


def test_an_event_is_an_envelope_around_a_modes_payload(reader: Reader) -> None:
    before = time.time_ns() // 1_000_000
    event = reader.all(reader.open(chain("a")))[0]
    assert before <= event["params"].pop("timestamp") <= time.time_ns() // 1_000_000
    assert event == {
        "type": "event",
        "method": "values",
        "params": {"namespace": [], "data": GIVEN, "interrupts": ()},
        "seq": 1,
    }


def test_the_keys_of_an_event_stand_in_order(reader: Reader) -> None:
    event = reader.all(reader.open(chain("a")))[0]
    assert list(event) == ["type", "method", "params", "seq"]
    assert list(event["params"]) == ["namespace", "timestamp", "data", "interrupts"]


def test_the_state_is_told_after_the_input_and_after_every_step(reader: Reader) -> None:
    events = reader.all(reader.open(chain("a", "b")))
    assert methods(events) == ["values"] * 3
    assert data(events, "values") == [{"x": 1, "log": names} for names in ([], ["a"], ["a", "b"])]


def test_events_are_numbered_from_one(reader: Reader) -> None:
    assert [event["seq"] for event in reader.all(reader.open(chain("a", "b")))] == [1, 2, 3]


def test_only_values_have_interrupts(reader: Reader) -> None:
    events = reader.all(reader.open(chain("a"), transformers=[UpdatesTransformer]))
    assert {event["method"]: "interrupts" in event["params"] for event in events} == {"values": True, "updates": False}


def test_events_are_read_once(reader: Reader) -> None:
    run = reader.open(chain("a"))
    reader.all(run)
    with pytest.raises(RuntimeError, match=r"already has a subscriber; use \.a?tee\(n\)"):
        reader.all(run)


def test_tasks_are_no_events_of_the_log(reader: Reader) -> None:
    assert "tasks" not in methods(reader.all(reader.open(chain("a", "b"))))


# --- the state


def test_values_is_the_state_after_the_input_and_each_step(reader: Reader) -> None:
    run = reader.open(chain("a", "b"))
    assert reader.all(run.values) == [{"x": 1, "log": names} for names in ([], ["a"], ["a", "b"])]


def test_values_is_read_once(reader: Reader) -> None:
    run = reader.open(chain("a"))
    reader.all(run.values)
    with pytest.raises(RuntimeError, match="already has a subscriber"):
        reader.all(run.values)


def test_output_runs_the_graph_to_its_end(reader: Reader) -> None:
    run = reader.open(chain("a", "b"))
    assert reader.output(run) == {"x": 1, "log": ["a", "b"]}
    assert reader.output(run) == {"x": 1, "log": ["a", "b"]}


def test_what_came_before_a_reader_began_is_not_shown(reader: Reader) -> None:
    run = reader.open(chain("a"))
    reader.output(run)
    assert reader.all(run.values) == []
    assert reader.all(run) == []


def test_values_and_output_have_the_class_of_a_pydantic_schema(reader: Reader) -> None:
    class Model(BaseModel):
        x: int = 0
        y: str = "d"

    builder = StateGraph(Model).add_node("a", lambda state: {"x": state.x + 1}).add_edge(START, "a")
    run = reader.open(builder.compile(), {"x": 1})
    assert reader.all(run.values) == [Model(x=1), Model(x=2)]
    assert reader.output(run) == Model(x=2)


def test_values_and_output_have_the_class_of_a_dataclass_schema(reader: Reader) -> None:
    @dataclass
    class Data:
        x: int = 0
        y: str = "d"

    builder = StateGraph(Data).add_node("a", lambda state: {"x": state.x + 1}).add_edge(START, "a")
    assert data(reader.all(reader.open(builder.compile(), {"x": 1})), "values") == [Data(1), Data(2)]


def test_a_root_states_values_are_bare(reader: Reader) -> None:
    builder = StateGraph(Annotated[list, add]).add_node("a", lambda state: ["a"]).add_edge(START, "a")
    run = reader.open(builder.compile(), ["i"])
    assert reader.all(run.values) == [["i"], ["i", "a"]]
    assert reader.output(run) == ["i", "a"]


@pytest.mark.parametrize(("keys", "last"), [(["log"], {"log": ["a"]}), ("log", ["a"])])
def test_output_keys_restrict_what_is_told(reader: Reader, keys: Any, last: Any) -> None:
    run = reader.open(chain("a"), output_keys=keys)
    assert reader.all(run.values)[-1] == last
    assert reader.output(run) == last


# --- one pump


def test_nothing_runs_before_it_is_read(reader: Reader) -> None:
    seen: list[str] = []
    builder = StateGraph(State).add_node("a", lambda state: seen.append("a")).add_edge(START, "a")
    run = reader.open(builder.compile())
    assert seen == []
    reader.output(run)
    assert seen == ["a"]


def test_a_step_does_not_begin_before_the_last_ones_events_are_read(reader: Reader) -> None:
    seen: list[str] = []

    def noting(name: str) -> Any:
        return lambda state: seen.append(name) or {"log": [name]}

    builder = StateGraph(State).add_node("a", noting("a")).add_node("b", noting("b"))
    run = reader.open(builder.add_edge(START, "a").add_edge("a", "b").compile())
    reader.first(run)
    assert seen == []
    reader.abort(run)


def test_reading_one_projection_feeds_those_that_have_a_reader() -> None:
    run = chain("a", "b").stream_events(GIVEN, version="v3")
    values, events = iter(run.values), iter(run)
    assert next(values) == GIVEN
    assert next(events)["seq"] == 1
    assert len(list(values)) == 2
    assert [event["seq"] for event in events] == [2, 3]


def test_several_tasks_read_one_run_at_once() -> None:
    async def together() -> list[Any]:
        run: Any = await chain("a", "b").astream_events(GIVEN, version="v3")

        async def read(source: Any) -> list[Any]:
            return [item async for item in source]

        return await asyncio.gather(read(run.values), read(run), read(run.lifecycle), run.output())

    values, events, lifecycle, output = asyncio.run(together())
    assert values == data(events, "values")
    assert len(values) == 3
    assert lifecycle == []
    assert output == values[-1]


def test_output_is_awaited_by_several_tasks_at_once() -> None:
    async def together() -> list[Any]:
        run: Any = await chain("a").astream_events(GIVEN, version="v3")
        return await asyncio.gather(run.output(), run.output(), run.interrupted())

    assert asyncio.run(together()) == [{"x": 1, "log": ["a"]}, {"x": 1, "log": ["a"]}, False]


# --- projections by name


def test_the_built_in_projections_are_attributes_and_extensions(reader: Reader) -> None:
    run = reader.open(chain("a"))
    assert list(run.extensions) == ["values", "messages", "lifecycle", "subgraphs"]
    assert all(getattr(run, name) is run.extensions[name] for name in run.extensions)


def test_extensions_cannot_be_changed(reader: Reader) -> None:
    extensions = reader.open(chain("a")).extensions
    assert isinstance(extensions, Mapping)
    with pytest.raises(TypeError):
        extensions["more"] = 1


def test_a_projection_that_nobody_registered_is_an_attribute_error_that_lists_those_there_are(reader: Reader) -> None:
    run = reader.open(chain("a"))
    with pytest.raises(AttributeError, match=r"'updates'.*lifecycle, messages, subgraphs, values"):
        run.updates


def test_hasattr_works_on_a_run_stream(reader: Reader) -> None:
    run = reader.open(chain("a"))
    assert hasattr(run, "values")
    assert not hasattr(run, "tool_calls")


# --- several projections in one loop


def test_interleave_gives_items_in_the_order_in_which_they_came() -> None:
    run = chain("a", "b").stream_events(GIVEN, version="v3", transformers=[UpdatesTransformer])
    assert list(run.interleave("values", "updates")) == [
        ("values", {"x": 1, "log": []}),
        ("updates", {"a": {"log": ["a"]}}),
        ("values", {"x": 1, "log": ["a"]}),
        ("updates", {"b": {"log": ["b"]}}),
        ("values", {"x": 1, "log": ["a", "b"]}),
    ]


def test_interleave_of_nothing_is_empty() -> None:
    assert list(chain("a").stream_events(GIVEN, version="v3").interleave()) == []


def test_interleave_of_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="nope"):
        list(chain("a").stream_events(GIVEN, version="v3").interleave("nope"))


def test_interleave_needs_channels_that_nobody_reads() -> None:
    run = chain("a").stream_events(GIVEN, version="v3")
    iter(run.values)
    with pytest.raises(RuntimeError, match="'values' already has a subscriber"):
        list(run.interleave("values"))


def test_interleave_gives_its_channels_back() -> None:
    run = chain("a", "b").stream_events(GIVEN, version="v3")
    items = run.interleave("values")
    assert next(items) == ("values", GIVEN)
    with pytest.raises(RuntimeError, match="already has a subscriber"):
        list(run.values)
    items.close()
    assert [value["log"] for value in run.values] == [["a"], ["a", "b"]]


def test_interleave_raises_what_ended_the_run_after_its_items() -> None:
    items = failing().stream_events(GIVEN, version="v3").interleave("values", "messages")
    assert [next(items), next(items)] == [("values", GIVEN), ("values", {"x": 1, "log": ["pre"]})]
    with pytest.raises(ValueError, match="boom"):
        next(items)


def test_async_streams_have_no_interleave() -> None:
    assert not hasattr(AsyncGraphRunStream, "interleave")


# --- questions


def test_a_question_is_in_the_interrupts_of_the_last_values_event(reader: Reader, saver: BaseCheckpointSaver) -> None:
    events = reader.all(reader.open(asking(saver, "q"), GIVEN, THREAD))
    assert [len(event["params"]["interrupts"]) for event in events] == [0, 1]
    question = events[-1]["params"]["interrupts"][0]
    assert (question.value, len(question.id)) == ("q", 32)
    assert events[-1]["params"]["data"] == GIVEN


def test_interrupted_and_interrupts_tell_of_a_question(reader: Reader, saver: BaseCheckpointSaver) -> None:
    run = reader.open(asking(saver, "q"), GIVEN, THREAD)
    assert reader.interrupted(run) is True
    assert [question.value for question in reader.interrupts(run)] == ["q"]
    assert reader.output(run) == GIVEN


def test_interrupts_has_the_questions_of_all_siblings(reader: Reader) -> None:
    run = reader.open(asking(InMemorySaver(), "qa", "qb"), GIVEN, THREAD)
    assert {question.value for question in reader.interrupts(run)} == {"qa", "qb"}


def test_a_run_without_questions_is_not_interrupted(reader: Reader) -> None:
    run = reader.open(chain("a"))
    assert reader.interrupted(run) is False
    assert reader.interrupts(run) == []


def test_an_answer_goes_on_in_a_v3_stream(reader: Reader, saver: BaseCheckpointSaver) -> None:
    graph = asking(saver, "q")
    reader.output(reader.open(graph, GIVEN, THREAD))
    run = reader.open(graph, Command(resume="A"), THREAD)
    assert reader.all(run.values) == [GIVEN, {"x": 1, "log": ["A"]}]
    assert reader.interrupted(run) is False


@pytest.mark.parametrize("stop", [{"interrupt_before": ["b"]}, {"interrupt_after": ["a"]}])
def test_a_breakpoint_ends_the_stream_without_a_question(
    reader: Reader, saver: BaseCheckpointSaver, stop: dict[str, Any]
) -> None:
    graph = chain("a", "b", checkpointer=saver)
    run = reader.open(graph, GIVEN, THREAD, **stop)
    assert reader.output(run) == {"x": 1, "log": ["a"]}
    assert (reader.interrupted(run), reader.interrupts(run)) == (False, [])
    assert reader.output(reader.open(graph, None, THREAD)) == {"x": 1, "log": ["a", "b"]}


def test_a_run_that_finds_nothing_to_do_tells_the_state(reader: Reader, saver: BaseCheckpointSaver) -> None:
    graph = chain("a", checkpointer=saver)
    reader.output(reader.open(graph, GIVEN, THREAD))
    run = reader.open(graph, None, THREAD)
    assert reader.all(run.values) == [{"x": 1, "log": ["a"]}]


# --- what the call says otherwise


def test_context_reaches_the_nodes(reader: Reader) -> None:
    def told(state: State, runtime: Runtime) -> dict:
        return {"log": [runtime.context]}

    builder = StateGraph(State, context_schema=str).add_node("a", told).add_edge(START, "a")
    assert reader.output(reader.open(builder.compile(), context="here"))["log"] == ["here"]


def test_bound_config_counts(reader: Reader) -> None:
    graph = chain("a", checkpointer=InMemorySaver()).with_config(THREAD)
    reader.output(reader.open(graph))
    assert graph.get_state(THREAD).values == {"x": 1, "log": ["a"]}


def test_the_run_is_kept_like_any_other(reader: Reader, saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b", checkpointer=saver)
    reader.output(reader.open(graph, GIVEN, THREAD))
    assert [snapshot.metadata["step"] for snapshot in graph.get_state_history(THREAD)] == [2, 1, 0, -1]


# --- errors


def test_a_nodes_error_is_raised_after_the_events_of_what_was_done(reader: Reader) -> None:
    run = reader.open(failing())
    with pytest.raises(ValueError, match="boom"):
        reader.output(run)


def test_events_before_an_error_are_given_out() -> None:
    events = iter(failing().stream_events(GIVEN, version="v3"))
    assert [next(events)["params"]["data"]["log"] for _ in range(2)] == [[], ["pre"]]
    with pytest.raises(ValueError, match="boom"):
        next(events)


@pytest.mark.parametrize("ask", ["output", "interrupted", "interrupts"])
def test_every_question_about_the_end_raises_what_ended_the_run(reader: Reader, ask: str) -> None:
    run = reader.open(failing())
    for _ in range(2):
        with pytest.raises(ValueError, match="boom"):
            getattr(reader, ask)(run)


@pytest.mark.parametrize("name", ["values", "messages", "lifecycle", "subgraphs"])
def test_every_projection_raises_what_ended_the_run(reader: Reader, name: str) -> None:
    run = reader.open(failing())
    with pytest.raises(ValueError, match="boom"):
        reader.output(run)
    with pytest.raises(ValueError, match="boom"):
        reader.all(run.extensions[name])


@pytest.mark.parametrize(
    ("given", "config", "error"),
    [
        (None, {"configurable": {"thread_id": "new"}}, EmptyInputError),
        ({}, {"configurable": {"other": 1}}, KeyError),
        (5, THREAD, InvalidUpdateError),
        (GIVEN, {**THREAD, "recursion_limit": 1}, GraphRecursionError),
    ],
)
def test_what_is_wrong_with_the_input_is_raised_when_the_stream_is_read(
    reader: Reader, given: Any, config: Any, error: type[Exception]
) -> None:
    run = reader.open(chain("a", "b", checkpointer=InMemorySaver()), given, config)
    with pytest.raises(error):
        reader.output(run)


# --- giving up


def test_abort_ends_the_stream_where_it_is(reader: Reader) -> None:
    run = reader.open(chain("a", "b", "c"))
    assert reader.first(run) is not None
    reader.abort(run)
    reader.abort(run)
    assert reader.output(run) == GIVEN
    assert (reader.interrupted(run), reader.interrupts(run)) == (False, [])
    assert reader.all(run.values) == []


def test_an_aborted_run_stays_at_its_last_commit(reader: Reader, saver: BaseCheckpointSaver) -> None:
    graph = chain("a", "b", checkpointer=saver)
    run = reader.open(graph, GIVEN, THREAD)
    reader.first(run.values)
    reader.abort(run)
    assert "b" in graph.get_state(THREAD).next or "a" in graph.get_state(THREAD).next
    assert reader.output(reader.open(graph, None, THREAD)) == {"x": 1, "log": ["a", "b"]}


def test_a_stream_that_nobody_read_is_aborted_without_having_run(reader: Reader) -> None:
    run = reader.open(chain("a"))
    reader.abort(run)
    assert reader.output(run) is None


def test_a_with_block_aborts_the_run_on_leaving() -> None:
    with chain("a", "b").stream_events(GIVEN, version="v3") as run:
        assert isinstance(run, GraphRunStream)
        values = iter(run.values)
        assert next(values) == GIVEN
    assert list(values) == []
    assert run.output == GIVEN


def test_a_with_block_lets_errors_out() -> None:
    def left() -> None:
        with run:
            next(iter(run.values))
            raise KeyError("mine")

    run = chain("a").stream_events(GIVEN, version="v3")
    with pytest.raises(KeyError):
        left()
    assert run.output == GIVEN


def test_an_async_with_block_aborts_the_run_on_leaving() -> None:
    async def left() -> tuple[bool, Any]:
        async with await chain("a", "b").astream_events(GIVEN, version="v3") as run:  # type: ignore[misc]
            same = isinstance(run, AsyncGraphRunStream)
            async for _ in run.values:
                break
        return same, await run.output()

    assert asyncio.run(left()) == (True, GIVEN)


class Slow:
    """START -> fast -> slow, an async node that waits until it is cancelled."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.cancelled = threading.Event()
        builder = StateGraph(State).add_node("fast", says("fast")).add_node("slow", self._slow)
        self.graph = builder.add_edge(START, "fast").add_edge("fast", "slow").compile()

    async def _slow(self, state: State) -> dict:
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return {}

    async def reading(self) -> tuple[Any, asyncio.Task[list[Any]]]:
        """A run stream, and a task that reads its values and waits for the slow node."""
        run: Any = await self.graph.astream_events(GIVEN, version="v3")

        async def read() -> list[Any]:
            return [value async for value in run.values]

        task = asyncio.create_task(read())
        await self.started.wait()
        return run, task


def test_abort_cancels_nodes_under_way_and_lets_readers_end() -> None:
    async def aborted() -> None:
        slow = Slow()
        run, task = await slow.reading()
        await run.abort()
        assert slow.cancelled.is_set()
        assert await task == [GIVEN, {"x": 1, "log": ["fast"]}]
        assert await run.output() == {"x": 1, "log": ["fast"]}

    asyncio.run(aborted())


def test_a_reader_that_is_cancelled_while_it_moves_the_run_on_cancels_the_run() -> None:
    async def cancelled() -> None:
        slow = Slow()
        run, task = await slow.reading()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert slow.cancelled.is_set()
        await run.abort()
        assert await run.output() == {"x": 1, "log": ["fast"]}

    asyncio.run(cancelled())


# --- inside a node


def test_a_stream_opened_inside_a_node_shows_its_own_graphs_state() -> None:
    inner, seen = chain("i", "j"), []

    def node(state: State) -> dict:
        run = inner.stream_events(GIVEN, version="v3")
        seen.append([value["log"] for value in run.values])
        return run.output

    builder = StateGraph(State).add_node("n", node).add_edge(START, "n")
    assert builder.compile().invoke(GIVEN)["log"] == ["i", "j"]
    assert seen == [[[], ["i"], ["i", "j"]]]


def test_the_async_reader_is_bound_to_its_form() -> None:
    with AsyncReader() as reader:
        run = reader.open(chain("a"))
        with pytest.raises(TypeError, match="async mode"):
            iter(run.values)
    with pytest.raises(TypeError, match="sync mode"):
        aiter(chain("a").stream_events(GIVEN, version="v3").values)

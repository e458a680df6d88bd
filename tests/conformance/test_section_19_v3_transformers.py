"""Section 19.3: transformers, which make projections of a v3 stream, and channels, which carry them to one reader."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any, ClassVar

import clew.stream
import clew.stream.run_stream
import clew.stream.stream_channel
import clew.stream.transformers
import pytest
from clew.stream import (
    CheckpointsTransformer,
    CustomTransformer,
    DebugTransformer,
    ProtocolEvent,
    StreamChannel,
    StreamTransformer,
    TasksTransformer,
    UpdatesTransformer,
)
from clew.stream._mux import StreamMux

from .v3_programs import GIVEN, AsyncReader, Reader, chain, data, failing, methods


class Counter(StreamTransformer):
    """Counts updates: into a channel whose items are events, and into one whose items are not."""

    required_stream_modes: ClassVar[tuple[str, ...]] = ("updates",)

    def __init__(self, scope: tuple[str, ...] = ()) -> None:
        super().__init__(scope)
        self.told: StreamChannel[int] = StreamChannel("told")
        self.quiet: StreamChannel[int] = StreamChannel()
        self.count = 0

    def init(self) -> dict[str, Any]:
        return {"told": self.told, "quiet": self.quiet, "answer": 42}

    def process(self, event: ProtocolEvent) -> bool:
        if event["method"] == "updates":
            self.count += 1
            self.told.push(self.count)
            self.quiet.push(self.count)
        return True


class Quiet(StreamTransformer):
    """Has no projection and lets everything pass."""

    def init(self) -> dict[str, Any]:
        return {}

    def process(self, event: ProtocolEvent) -> bool:
        return True


def calling(note: Callable[..., Any], base: type[StreamTransformer] = Quiet, **own: Any) -> type[StreamTransformer]:
    """A sub-class of Quiet whose hooks tell `note`."""

    class Noting(base):
        def process(self, event: ProtocolEvent) -> bool:
            note("process", event["method"], "seq" in event)
            return True

        def finalize(self) -> None:
            note("finalize")

        def fail(self, err: BaseException) -> None:
            note("fail", err)

    for name, value in own.items():
        setattr(Noting, name, value)
    return Noting


# --- the package


def test_the_package_has_the_names_people_know() -> None:
    assert clew.stream.__all__ == [
        "AsyncGraphRunStream",
        "AsyncSubgraphRunStream",
        "CheckpointsTransformer",
        "CustomTransformer",
        "DebugTransformer",
        "GraphRunStream",
        "LifecyclePayload",
        "LifecycleTransformer",
        "ProtocolEvent",
        "StreamChannel",
        "StreamTransformer",
        "SubgraphRunStream",
        "SubgraphStatus",
        "SubgraphTransformer",
        "TasksTransformer",
        "UpdatesTransformer",
    ]


def test_the_modules_below_it_have_theirs() -> None:
    assert clew.stream.run_stream.GraphRunStream is clew.stream.GraphRunStream
    assert clew.stream.stream_channel.StreamChannel is StreamChannel
    assert {"MessagesTransformer", "ValuesTransformer"} <= set(clew.stream.transformers.__all__)


def test_a_transformers_defaults_are_none_of_everything() -> None:
    made = Quiet(("a:1",))
    assert (made.scope, Quiet().scope) == (("a:1",), ())
    assert (made.requires_async, made.supports_sync, made.before_builtins) == (False, False, False)
    assert made.required_stream_modes == ()


def test_init_is_the_one_thing_a_transformer_must_have() -> None:
    assert StreamTransformer.__abstractmethods__ == {"init"}
    with pytest.raises(TypeError, match="abstract"):
        StreamTransformer()  # type: ignore[abstract]


def test_hooks_have_the_signatures_people_know() -> None:
    signatures = {name: list(inspect.signature(getattr(StreamTransformer, name)).parameters) for name in HOOKS}
    assert signatures == HOOKS
    asynchronous = {name for name in HOOKS if inspect.iscoroutinefunction(getattr(StreamTransformer, name))}
    assert asynchronous == {"aprocess", "afinalize", "afail"}


HOOKS = {
    "init": ["self"],
    "process": ["self", "event"],
    "aprocess": ["self", "event"],
    "finalize": ["self"],
    "afinalize": ["self"],
    "fail": ["self", "err"],
    "afail": ["self", "err"],
    "schedule": ["self", "coro", "on_error"],
}

# --- giving them


def test_a_class_is_given_to_the_call(reader: Reader) -> None:
    run = reader.open(chain("a", "b"), transformers=[Counter])
    assert reader.all(run.extensions["told"]) == [1, 2]


def test_a_class_is_given_to_compile(reader: Reader) -> None:
    graph = chain("a", transformers=[Counter])
    assert graph.stream_transformers == (Counter,)
    assert reader.all(reader.open(graph).extensions["told"]) == [1]


def test_compiles_transformers_do_not_touch_other_streams() -> None:
    assert list(chain("a", transformers=[Counter]).stream(GIVEN)) == [{"a": {"log": ["a"]}}]


def test_a_function_of_the_scope_is_a_transformer_too(reader: Reader) -> None:
    scopes: list[tuple[str, ...]] = []

    def make(scope: tuple[str, ...]) -> Counter:
        scopes.append(scope)
        return Counter(scope)

    assert reader.all(reader.open(chain("a"), transformers=[make]).extensions["told"]) == [1]
    assert scopes == [()]


def test_each_call_has_fresh_ones(reader: Reader) -> None:
    graph = chain("a", transformers=[Counter])
    assert [reader.all(reader.open(graph).extensions["told"]) for _ in range(2)] == [[1], [1]]


def test_a_projection_that_is_no_channel_is_given_as_it_is(reader: Reader) -> None:
    assert reader.open(chain("a"), transformers=[Counter]).extensions["answer"] == 42


def test_projections_of_users_are_no_attributes(reader: Reader) -> None:
    run = reader.open(chain("a"), transformers=[Counter])
    with pytest.raises(AttributeError, match="told"):
        run.told


def test_those_of_a_native_transformer_are(reader: Reader) -> None:
    run = reader.open(chain("a"), transformers=[calling(print, Counter, _native=True)])
    assert run.told is run.extensions["told"]
    assert run.answer == 42


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("updates", UpdatesTransformer),
        ("custom", CustomTransformer),
        ("checkpoints", CheckpointsTransformer),
        ("debug", DebugTransformer),
        ("tasks", TasksTransformer),
    ],
)
def test_each_other_mode_has_a_transformer_that_makes_it_an_attribute(reader: Reader, name: str, kind: type) -> None:
    assert kind.required_stream_modes == (name,)
    run = reader.open(chain("a"), transformers=[kind])
    assert getattr(run, name) is run.extensions[name]


def test_updates_are_what_each_task_wrote(reader: Reader) -> None:
    run = reader.open(chain("a", "b"), transformers=[UpdatesTransformer])
    assert reader.all(run.updates) == [{"a": {"log": ["a"]}}, {"b": {"log": ["b"]}}]


# --- refusals


class Taken(Quiet):
    def init(self) -> dict[str, Any]:
        return {"values": StreamChannel()}


class Nothing(Quiet):
    def init(self) -> dict[str, Any]:
        return None  # type: ignore[return-value]


class Idle(StreamTransformer):
    def init(self) -> dict[str, Any]:
        return {}


class Async(Quiet):
    async def aprocess(self, event: ProtocolEvent) -> bool:
        return True


class AsyncEnd(Quiet):
    async def afinalize(self) -> None: ...


class AsyncFailure(Quiet):
    async def afail(self, err: BaseException) -> None: ...


class Scheduling(Quiet):
    requires_async: ClassVar[bool] = True


@pytest.mark.parametrize(
    ("transformers", "error", "message"),
    [
        ([Taken], ValueError, r"Taken has projection keys that conflict.*'values' \(owned by ValuesTransformer\)"),
        ([Counter, Counter], ValueError, r"'answer' \(owned by Counter\)"),
        ([Nothing], TypeError, "must return a dict, got NoneType"),
        ([Quiet()], TypeError, "pre-built instance of Quiet"),
        (["x"], TypeError, "scope-aware callables, got str"),
        ([lambda: Quiet()], TypeError, "positional argument"),
    ],
)
def test_what_is_wrong_with_transformers_is_said_by_the_call(
    reader: Reader, transformers: list[Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        reader.open(chain("a"), transformers=transformers)


@pytest.mark.parametrize("kind", [Async, AsyncEnd, AsyncFailure, Scheduling])
def test_one_that_needs_an_event_loop_is_refused_in_a_sync_run(kind: type[StreamTransformer]) -> None:
    with pytest.raises(RuntimeError, match=f"{kind.__name__} requires an async run"):
        chain("a").stream_events(GIVEN, version="v3", transformers=[kind])


@pytest.mark.parametrize("kind", [Async, AsyncEnd, AsyncFailure, Scheduling])
def test_and_works_in_an_async_one(kind: type[StreamTransformer]) -> None:
    with AsyncReader() as reader:
        assert reader.output(reader.open(chain("a"), transformers=[kind])) == {"x": 1, "log": ["a"]}


def test_supports_sync_lets_one_with_async_hooks_into_sync_runs() -> None:
    kind = type("Both", (Async,), {"supports_sync": True})
    assert chain("a").stream_events(GIVEN, version="v3", transformers=[kind]).output == {"x": 1, "log": ["a"]}


def test_a_sync_one_works_in_an_async_run() -> None:
    with AsyncReader() as reader:
        assert reader.all(reader.open(chain("a"), transformers=[Counter]).extensions["quiet"]) == [1]


def test_one_without_process_fails_the_run_with_its_name(reader: Reader) -> None:
    with pytest.raises(NotImplementedError, match=r"Idle must override process\(\) or aprocess\(\)"):
        reader.output(reader.open(chain("a"), transformers=[Idle]))


def test_stream_modes_that_do_not_exist_are_refused(reader: Reader) -> None:
    kind = type("Odd", (Quiet,), {"required_stream_modes": ("nope",)})
    with pytest.raises(ValueError, match="nope"):
        reader.open(chain("a"), transformers=[kind])


# --- seeing events


def test_process_sees_every_event_before_it_is_numbered(reader: Reader) -> None:
    calls: list[Any] = []
    reader.output(reader.open(chain("a"), transformers=[calling(lambda *call: calls.append(call))]))
    assert calls == [
        ("process", "values", False),
        ("process", "tasks", False),
        ("process", "tasks", False),
        ("process", "values", False),
        ("finalize",),
    ]


def test_false_takes_an_event_out_of_the_log_but_not_from_other_projections(reader: Reader) -> None:
    kind = type("Dropping", (Quiet,), {"process": lambda self, event: event["method"] != "values"})
    assert reader.all(reader.open(chain("a"), transformers=[kind])) == []
    run = reader.open(chain("a"), transformers=[kind])
    assert len(reader.all(run.values)) == 2
    assert reader.output(run) == {"x": 1, "log": ["a"]}


def test_none_takes_an_event_out_too(reader: Reader) -> None:
    kind = type("Forgetful", (Quiet,), {"process": lambda self, event: None})
    assert reader.all(reader.open(chain("a"), transformers=[kind])) == []


def _redact(self: Any, event: Any) -> bool:
    if event["method"] == "values":
        event["params"]["data"] = {**event["params"]["data"], "x": 99}
    return True


@pytest.mark.parametrize(("early", "shown"), [(True, 99), (False, 1)])
def test_before_builtins_is_for_changing_what_projections_show(reader: Reader, early: bool, shown: int) -> None:
    kind = type("Redacting", (Quiet,), {"process": _redact, "before_builtins": early})
    assert [value["x"] for value in reader.all(reader.open(chain("a"), transformers=[kind]).values)] == [shown] * 2
    run = reader.open(chain("a"), transformers=[kind])
    assert [event["params"]["data"]["x"] for event in reader.all(run)] == [99] * 2
    assert reader.output(run)["x"] == 1


def test_transformers_run_in_the_order_given_with_the_early_ones_first(reader: Reader) -> None:
    order: list[str] = []

    def named(name: str, early: bool) -> type[StreamTransformer]:
        def process(self: Any, event: Any) -> bool:
            order.append(name)
            return True

        return type(name, (Quiet,), {"process": process, "before_builtins": early})

    transformers = [named("b", False), named("a", True), named("d", False), named("c", True)]
    reader.first(run := reader.open(chain("x"), transformers=transformers))
    assert order == ["a", "c", "b", "d"]
    reader.abort(run)


def test_an_awaited_aprocess_is_done_before_the_next_transformer_sees_the_event() -> None:
    async def aprocess(self: Any, event: Any) -> bool:
        await asyncio.sleep(0)
        return _redact(self, event)

    kind = type("Redacting", (Quiet,), {"aprocess": aprocess, "before_builtins": True})
    with AsyncReader() as reader:
        assert [value["x"] for value in reader.all(reader.open(chain("a"), transformers=[kind]).values)] == [99, 99]


def test_an_error_in_process_ends_the_run(reader: Reader) -> None:
    def process(self: Any, event: Any) -> bool:
        raise KeyError("mine")

    run = reader.open(chain("a"), transformers=[type("Broken", (Quiet,), {"process": process})])
    with pytest.raises(KeyError, match="mine"):
        reader.output(run)
    with pytest.raises(KeyError, match="mine"):
        reader.all(run.values)


# --- the end


def test_a_failed_run_calls_fail_with_the_error(reader: Reader) -> None:
    calls: list[Any] = []
    run = reader.open(failing(), transformers=[calling(lambda *call: calls.append(call))])
    with pytest.raises(ValueError, match="boom") as raised:
        reader.output(run)
    assert calls[-1] == ("fail", raised.value)
    assert ("finalize",) not in calls


def test_an_aborted_run_is_finalized(reader: Reader) -> None:
    calls: list[Any] = []
    reader.first(run := reader.open(chain("a"), transformers=[calling(lambda *call: calls.append(call))]))
    reader.abort(run)
    assert calls == [("process", "values", False), ("finalize",)]


def test_async_ends_go_to_the_async_hooks_which_fall_back_on_the_others() -> None:
    calls: list[Any] = []

    async def afinalize(self: Any) -> None:
        calls.append("afinalize")

    async def afail(self: Any, err: BaseException) -> None:
        calls.append(err)

    kind = type("Both", (Quiet,), {"afinalize": afinalize, "afail": afail})
    with AsyncReader() as reader:
        reader.output(reader.open(chain("a"), transformers=[kind, calling(lambda *call: calls.append(call))]))
        assert [call for call in calls if call[0] != "process"] == ["afinalize", ("finalize",)]
        with pytest.raises(ValueError, match="boom") as raised:
            reader.output(reader.open(failing(), transformers=[kind]))
    assert calls[-1] is raised.value


def test_an_error_in_finalize_is_the_runs_and_reaches_whoever_reads(reader: Reader) -> None:
    def finalize(self: Any) -> None:
        raise KeyError("late")

    kind = type("Late", (Quiet,), {"finalize": finalize})
    run = reader.open(chain("a"), transformers=[kind])
    assert reader.first(run.values) == GIVEN, "what came before is given out"
    with pytest.raises(KeyError, match="late"):
        reader.output(run)
    run = reader.open(chain("a"), transformers=[kind])
    for read in (lambda: run, lambda: run.values, lambda: reader.open(chain("a"), transformers=[kind]).values):
        with pytest.raises(KeyError, match="late"):
            reader.all(read())


def test_a_transformer_that_requires_a_loop_is_refused_in_sync_runs_whatever_else_it_says() -> None:
    kind = type("Torn", (Quiet,), {"requires_async": True, "supports_sync": True})
    with pytest.raises(RuntimeError, match="requires an async run"):
        chain("a").stream_events(GIVEN, version="v3", transformers=[kind])


def test_an_error_in_fail_does_not_hide_the_runs(reader: Reader) -> None:
    def fail(self: Any, err: BaseException) -> None:
        raise RuntimeError("in fail")

    with pytest.raises(ValueError, match="boom") as raised:
        reader.output(reader.open(failing(), transformers=[type("Worse", (Quiet,), {"fail": fail})]))
    assert any("in fail" in note for note in raised.value.__notes__)


# --- work beside the stream


class Beside(Quiet):
    """Schedules the length of each state, some moments later."""

    requires_async: ClassVar[bool] = True
    on_error: ClassVar[Any] = "log"
    broken: ClassVar[bool] = False

    def init(self) -> dict[str, Any]:
        self.lengths: StreamChannel[int] = StreamChannel("lengths")
        self.ended = False
        return {"lengths": self.lengths, "self": self}

    def process(self, event: ProtocolEvent) -> bool:
        if event["method"] == "values":
            self.schedule(self._later(len(event["params"]["data"]["log"])), on_error=self.on_error)
        return True

    async def _later(self, length: int) -> None:
        await asyncio.sleep(0)
        if self.broken:
            raise ValueError("beside")
        self.lengths.push(length)

    async def afinalize(self) -> None:
        self.ended = True


def test_the_end_waits_for_what_was_scheduled() -> None:
    with AsyncReader() as reader:
        run = reader.open(chain("a", "b"), transformers=[Beside])
        assert reader.all(run.extensions["lengths"]) == [0, 1, 2]
        assert run.extensions["self"].ended
        events = reader.all(reader.open(chain("a", "b"), transformers=[Beside]))
    assert sorted(methods(events)) == ["custom:lengths"] * 3 + ["values"] * 3


def test_a_scheduled_tasks_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    kind = type("Broken", (Beside,), {"broken": True})
    with caplog.at_level(logging.ERROR), AsyncReader() as reader:
        assert reader.output(reader.open(chain("a"), transformers=[kind])) == {"x": 1, "log": ["a"]}
    assert [record.exc_info[1].args for record in caplog.records if record.exc_info] == [("beside",)] * 2  # type: ignore[union-attr]


def test_or_fails_the_run_where_it_is_asked_to() -> None:
    kind = type("Broken", (Beside,), {"broken": True, "on_error": "raise"})
    with AsyncReader() as reader:
        run = reader.open(chain("a"), transformers=[kind])
        with pytest.raises(ValueError, match="beside"):
            reader.all(run.extensions["lengths"])
        assert not run.extensions["self"].ended


def test_a_failed_run_cancels_what_was_scheduled() -> None:
    cancelled: list[bool] = []

    async def later(self: Any, length: int) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with AsyncReader() as reader, pytest.raises(ValueError, match="boom"):
        reader.output(reader.open(failing(), transformers=[type("Waiting", (Beside,), {"_later": later})]))
    assert cancelled == [True, True]


def test_schedule_needs_an_event_loop() -> None:
    async def never() -> None: ...

    with pytest.raises(RuntimeError, match=r"Quiet\.schedule\(\).*requires_async"):
        Quiet().schedule(never())


# --- channels in a run


def test_a_named_channels_items_are_events_before_the_one_they_are_made_of(reader: Reader) -> None:
    events = reader.all(reader.open(chain("a"), transformers=[Counter]))
    assert methods(events) == ["values", "custom:told", "updates", "values"]
    assert [event["seq"] for event in events] == [1, 2, 3, 4]
    assert data(events, "custom:told") == [1]
    assert events[1]["params"]["namespace"] == []


def test_those_of_a_native_transformer_have_its_bare_name(reader: Reader) -> None:
    kind = type("Native", (Counter,), {"_native": True})
    assert methods(reader.all(reader.open(chain("a"), transformers=[kind]))) == ["values", "told", "updates", "values"]


def test_channels_of_transformers_interleave_with_others() -> None:
    run = chain("a").stream_events(GIVEN, version="v3", transformers=[Counter])
    names = [name for name, _ in run.interleave("told", "values", "quiet")]
    assert names == ["values", "told", "quiet", "values"]


def test_interleave_refuses_a_projection_that_is_no_channel() -> None:
    run = chain("a").stream_events(GIVEN, version="v3", transformers=[Counter])
    with pytest.raises(TypeError, match="StreamChannel projections, got int for 'answer'"):
        list(run.interleave("answer"))


def test_channels_raise_what_ended_the_run(reader: Reader) -> None:
    run = reader.open(failing(), transformers=[Counter])
    with pytest.raises(ValueError, match="boom"):
        reader.all(run.extensions["quiet"])


# --- channels by themselves


def channel(name: str | None = None, *, is_async: bool = False) -> StreamChannel[Any]:
    """A channel of a run that is driven by hand."""
    made: StreamChannel[Any] = StreamChannel(name)

    class Holding(Quiet):
        def init(self) -> dict[str, Any]:
            return {"channel": made}

    StreamMux([Holding()], is_async=is_async)
    return made


def test_a_channel_takes_a_name_and_a_length_that_is_not_used() -> None:
    parameters = inspect.signature(StreamChannel).parameters
    assert list(parameters) == ["name", "maxlen"]
    assert StreamChannel("n", maxlen=5).name == "n"
    assert StreamChannel().name is None


@pytest.mark.parametrize("maxlen", [0, -1])
def test_a_length_below_one_is_refused(maxlen: int) -> None:
    with pytest.raises(ValueError, match="maxlen"):
        StreamChannel(maxlen=maxlen)


def test_a_channel_without_a_run_cannot_be_read_but_pushed_to() -> None:
    loose: StreamChannel[int] = StreamChannel()
    loose.push(1)
    for read in (iter, aiter, lambda one: one.tee(), lambda one: one.atee()):
        with pytest.raises(TypeError, match="has not been bound yet"):
            read(loose)


def test_a_channel_belongs_to_one_run() -> None:
    made = channel()

    class Again(Quiet):
        def init(self) -> dict[str, Any]:
            return {"channel": made}

    with pytest.raises(RuntimeError, match="already bound"):
        StreamMux([Again()])


def test_items_are_kept_from_the_first_reader_on_and_given_out_once() -> None:
    made = channel()
    made.push("before")
    items = iter(made)
    made.push(1)
    made.push(2)
    assert next(items) == 1
    made.close()
    assert list(items) == [2]
    with pytest.raises(RuntimeError, match="already has a subscriber"):
        iter(made)


def test_a_closed_channel_takes_nothing_more_from_where_it_is_read() -> None:
    unread, read = channel(), channel()
    iter(read)
    for one in (unread, read):
        one.close()
    unread.push(1)
    with pytest.raises(RuntimeError, match="Cannot push to a closed StreamChannel"):
        read.push(1)


@pytest.mark.parametrize("ends", [("fail",), ("close", "fail"), ("fail", "close")])
def test_a_failed_channel_gives_its_items_and_then_the_error(ends: tuple[str, ...]) -> None:
    made = channel()
    items = iter(made)
    made.push(1)
    for end in ends:
        made.fail(ValueError("f")) if end == "fail" else made.close()
    assert next(items) == 1
    with pytest.raises(ValueError, match="f"):
        next(items)


def test_tee_gives_every_item_to_each_reader_at_its_own_pace() -> None:
    made = channel()
    first, second = made.tee()
    made.push(1)
    assert next(first) == 1
    made.push(2)
    made.close()
    assert (list(first), list(second)) == ([2], [1, 2])
    assert len(channel().tee(3)) == 3


def test_atee_does_so_for_tasks() -> None:
    async def read() -> list[Any]:
        made = channel(is_async=True)
        branches = made.atee(3)
        made.push(1)
        made.push(2)
        made.close()

        async def drained(branch: Any) -> list[Any]:
            return [item async for item in branch]

        return await asyncio.gather(*map(drained, branches))

    assert asyncio.run(read()) == [[1, 2]] * 3


def test_every_reader_of_a_tee_gets_the_error() -> None:
    made = channel()
    branches = made.tee()
    made.push(1)
    made.fail(ValueError("t"))
    for branch in branches:
        assert next(branch) == 1
        with pytest.raises(ValueError, match="t"):
            next(branch)


@pytest.mark.parametrize("count", [0, -1])
def test_a_tee_has_at_least_one_reader(count: int) -> None:
    with pytest.raises(ValueError, match=r"tee\(\) requires n >= 1"):
        channel().tee(count)
    with pytest.raises(ValueError, match=r"atee\(\) requires n >= 1"):
        channel(is_async=True).atee(count)


def test_a_tee_of_a_projection_moves_the_run_on() -> None:
    first, second = chain("a").stream_events(GIVEN, version="v3").values.tee()
    assert list(first) == list(second)


def test_a_channel_is_read_in_its_runs_form() -> None:
    with pytest.raises(TypeError, match="async mode — use 'async for'"):
        channel(is_async=True).tee()
    with pytest.raises(TypeError, match="sync mode — use 'for'"):
        channel().atee()


# --- a mux without a graph, for testing transformers


def event(method: str, payload: Any, *ns: str) -> ProtocolEvent:
    return {"type": "event", "method": method, "params": {"namespace": list(ns), "timestamp": 0, "data": payload}}


def test_a_mux_sends_events_through_its_transformers_into_its_log() -> None:
    counter = Counter()
    mux = StreamMux([counter])
    log, told = iter(mux.log), iter(mux.extensions["told"])
    mux.push(event("updates", {}))
    mux.close()
    assert methods(list(log)) == ["custom:told", "updates"]
    assert list(told) == [1]
    assert mux.transformer_by_key("told") is counter
    assert mux.transformer_by_key("other") is None


def test_a_closed_mux_takes_no_more_events() -> None:
    mux = StreamMux([Counter()])
    mux.close()
    mux.push(event("updates", {}))
    mux.close()
    assert list(mux.log) == []


def test_a_failed_mux_fails_its_channels_and_its_log() -> None:
    mux = StreamMux([Counter()])
    mux.fail(ValueError("m"))
    for source in (mux.log, mux.extensions["told"]):
        with pytest.raises(ValueError, match="m"):
            list(source)


def test_an_async_mux_awaits_the_hooks() -> None:
    async def sent() -> list[Any]:
        mux = StreamMux([Async()], is_async=True)
        log = aiter(mux.log)
        await mux.apush(event("x", 1))
        await mux.aclose()
        return [one async for one in log]

    assert methods(asyncio.run(sent())) == ["x"]


def test_only_factories_make_transformers_for_sub_graphs() -> None:
    with pytest.raises(RuntimeError, match="factories"):
        StreamMux([Counter()]).child(("a:1",))
    child = StreamMux(factories=[Counter]).child(("a:1",))
    assert child.scope == ("a:1",)
    assert child.transformer_by_key("told").scope == ("a:1",)  # type: ignore[union-attr]

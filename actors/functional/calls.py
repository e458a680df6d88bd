"""One call of a task: played back if it is on record, else run, tried again, and put on record.

Written once, as a script (a generator of steps), for tasks on threads and on an event loop.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables.config import RunnableConfig, get_callback_manager_for_config, var_child_runnable_config
from msgspec import Struct

from ...events.codec.digest import canonical_digest
from ...events.codec.values import Codec
from ...events.errors import EffectNotReproducibleError, EncodeError
from ...events.vocabulary import EffectRecorded, Payload, TimeoutPolicy
from ...projections.channels.message_ids import assign_message_ids
from ...projections.state import ids
from ...projections.streams.calls import CALL_MODES, CallShape, Shown, call_began, call_raised, call_returned
from ...projections.streams.tasks import in_graph
from ..author.plan import Callee
from ..caching.slots import Slot, decode_value, open_slot
from ..engine.attempts.limits import Deadline, with_progress
from ..engine.call import Scope, strand_here
from ..engine.context import ExecutionInfo, injected
from ..engine.effects import Effect, refuse_new
from ..engine.run import Run
from ..scripts import Script

if TYPE_CHECKING:
    from .task import TaskFunction

SHOWN_MAX = 200
"""Characters of a call's arguments in an error message."""


class TaskPlace(Struct, frozen=True):
    """What the code of a running task can be told about itself."""

    execution: ExecutionInfo
    code: bytes
    """Fingerprint of the task's function."""


class TaskCall:
    """One call of a task in a running node. Made on the caller's thread, run anywhere."""

    __slots__ = (
        "_cached",
        "_started_at",
        "arguments",
        "config",
        "context",
        "effect",
        "function",
        "id",
        "keywords",
        "metadata",
        "ns",
        "place",
        "scope",
    )

    def __init__(
        self, function: TaskFunction[Any, Any], scope: Scope, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> None:
        self.function = function
        self.scope = scope
        self.arguments = arguments
        self.keywords = keywords
        call, name = scope.call, function.name
        scope.progress()
        digest = arguments_digest(call.job.run.codec, arguments, keywords) if call.job.run.terms.kept else b""
        self.effect: Effect = scope.effect_at(name, digest)
        self.place = f"{name}:{digest[:4].hex()}:{self.effect.ordinal}"
        """Name of the call's place in its scope; the same at every re-run."""
        if scope.strand == strand_here():
            self.effect.call = call.next_ordinal("call", scope.name, name)
            self.effect.code = call.job.node.callee.fingerprint if scope.info is None else scope.info.code
        self.id = ids.task_id(call.job.task_id, scope.path(self.place), name, -1)
        self.config, self.metadata, self.ns = self._own_config(call.next_ordinal("place", scope.name))
        self.context: Context = copy_context()
        self._started_at = time.time()
        self._cached = False

    @property
    def recorded(self) -> EffectRecorded | None:
        """The record of this call by an earlier attempt; None when it is to be run.

        Raises:
            EffectNotReproducibleError: the same code made another call in this one's turn, which is on record and which
                this attempt has not made.
        """
        if not self.scope.call.job.run.terms.kept:
            return None
        found = self.effect.recorded
        if found is None and self.effect.call >= 0:
            self._refuse_in_anothers_place()
        return found

    def script(self) -> Script[Any]:
        """Run the task to its end: tried again as its policy says, then put on record and shown."""
        with self.scope.child(self.place, self._info(1)) as here:
            refuse_new(here, f"task {self.function.name!r}")
            surrounding = var_child_runnable_config.set(self.config)
            try:
                value = yield from self._attempts(here)
            except Exception as error:
                self._failed(error)
                raise
            finally:
                var_child_runnable_config.reset(surrounding)
        self._succeeded(value, cached=self._cached)
        return value

    def _attempts(self, here: Scope) -> Script[Any]:
        slot = self._slot()
        if slot is not None:
            found = self._value_in((yield _Find(slot)))
            if found is not None:
                self._cached = True
                return found.value
        value = yield from self._tries(here)
        if slot is not None and not here.paused:
            yield _Keep(slot, self.scope.call.job.run.codec, value)
        return value

    def _tries(self, here: Scope) -> Script[Any]:
        tried = 1
        while True:
            here.info = self._info(tried)
            try:
                return (yield _Body(self, here))
            except Exception as raised:
                error = _named(raised, self.function.name)
                delay = self._delay(error, tried)
                if delay is None:
                    raise error from error.__cause__
            tried += 1
            yield _Pause(self.scope.call.job.run, delay)

    def _slot(self) -> Slot | None:
        """The place in the graph's cache for this call's result; None where nothing may be cached."""
        cache, function = self.scope.call.job.run.settings.cache, self.function
        if cache is None or function.cache_policy is None or self._has_asked():
            # What a person answered is never cached: on a hit nobody would be asked.
            return None
        codec = self.scope.call.job.run.codec
        return open_slot(cache, function.cache_policy, function.cache_place, codec, self.arguments, self.keywords)

    def _value_in(self, encoded: bytes | None) -> Payload | None:
        return None if encoded is None else decode_value(encoded, self.scope.call.job.run.codec)

    def _delay(self, error: Exception, tried: int) -> float | None:
        policy = next((policy for policy in self.function.retry_policy if policy.covers(error)), None)
        if policy is None or tried >= policy.max_attempts:
            return None
        return policy.wait_seconds(tried, random.random())

    def _info(self, tried: int) -> TaskPlace:
        job = self.scope.call.job
        configurable = job.run.settings.config.get("configurable") or {}
        execution = ExecutionInfo(
            thread_id=configurable.get("thread_id"),
            checkpoint_id=job.checkpoint_id,
            checkpoint_ns=self.ns,
            task_id=self.id,
            run_id=job.run.terms.run,
            node_attempt=tried,
            node_first_attempt_time=self._started_at,
        )
        return TaskPlace(execution, self.function.callee.fingerprint)

    def _own_config(self, turn: int) -> tuple[RunnableConfig, dict[str, Any], str]:
        """The config the task sees, the metadata in it, and its namespace."""
        around: RunnableConfig = var_child_runnable_config.get() or {}
        metadata = dict(around.get("metadata") or {})
        ns = f"{metadata.get('langgraph_checkpoint_ns', '')}|{self.function.name}:{self.id}"
        metadata["langgraph_node"] = self.function.name
        metadata["langgraph_triggers"] = ("__pregel_push",)
        metadata["langgraph_path"] = ("__pregel_push", metadata.get("langgraph_path", ()), turn, True)
        metadata["langgraph_checkpoint_ns"] = ns
        configurable: Mapping[str, Any] = around.get("configurable") or {}
        own: RunnableConfig = {
            **around,
            "metadata": metadata,
            "configurable": {**configurable, "checkpoint_ns": ns},
        }
        return own, metadata, ns

    def _refuse_in_anothers_place(self) -> None:
        call = self.scope.call
        if call.records.passed_over(self.effect) is None or call.records.was_tried(self.effect.place):
            return
        if self._has_asked():
            return
        raise EffectNotReproducibleError(
            call.job.node.name, self.function.name, self.effect.call, _shown(self.arguments, self.keywords)
        )

    def began(self) -> None:
        """Show that the call is made, whether it runs or is played back."""
        if "tasks" in self._modes or "debug" in self._modes:
            self._show(call_began(self._shape(), self.arguments, self.keywords))

    def _has_asked(self) -> bool:
        """True when an earlier attempt of this call asked a question."""
        place = self.scope.path(self.place)
        return any(
            question.raised.scope == place or question.raised.scope.startswith(f"{place}/")
            for question in self.scope.call.job.task.questions
        )

    def _succeeded(self, value: Any, *, cached: bool) -> None:
        self.scope.progress()
        assign_message_ids(value)
        if self.scope.call.job.run.terms.kept:
            self.effect.keep(value, early=True)
        if "messages" in self._modes:
            self._show_messages(value)
        if self._modes & CALL_MODES:
            self._show(call_returned(self._shape(), value, cached=cached))

    def _failed(self, error: Exception) -> None:
        note = f"raised in task {self.function.name!r}, {self.id}"
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
        if self.scope.call.job.run.terms.kept:
            self.effect.fail(error)
        if self._modes & CALL_MODES:
            self._show(call_raised(self._shape(), error))

    @property
    def _modes(self) -> frozenset[str]:
        return frozenset().union(*(view.modes for _, view in self.scope.call.job.run.readers))

    def _shape(self) -> CallShape:
        return CallShape(self.id, self.function.name, self.scope.call.job.checkpoint.step + 1, time.time())

    def _show(self, chunks: Shown) -> None:
        run = self.scope.call.job.run
        for mode, payload in chunks:
            run.emit(mode, payload)

    def _show_messages(self, value: Any) -> None:
        run = self.scope.call.job.run
        for message in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(message, BaseMessage) and message.id not in run.view.seen_messages:
                run.view.seen_messages.add(message.id or "")
                run.emit("messages", (message, in_graph(self.metadata)))


class _Body:
    """The call of the task's function."""

    __slots__ = ("_call", "_here")

    def __init__(self, call: TaskCall, here: Scope) -> None:
        self._call = call
        self._here = here

    def make(self) -> Any:
        """Call it on this thread."""
        with self._watched() as watched:
            return watched.saw(self._made())

    async def amake(self) -> Any:
        """Await it on the running loop, for as long as its timeout lets it."""
        with self._watched() as watched:
            limits = self._call.function.timeout
            return watched.saw(await (self._made() if limits is None else self._within(limits)))

    async def _within(self, limits: TimeoutPolicy) -> Any:
        """Whatever the body makes of its end, a limit that was passed fails it."""
        deadline = Deadline(self._here, limits, self._call.function.name)
        try:
            with deadline, self._noting_progress(deadline):
                returned = await self._made()
        except asyncio.CancelledError as error:
            if deadline.passed is None:
                raise
            raise deadline.passed from error
        if deadline.passed is not None:
            raise deadline.passed
        return returned

    @contextmanager
    def _noting_progress(self, deadline: Deadline) -> Iterator[None]:
        """Have callbacks of the task's models, tools and graphs count as progress, where everything does."""
        config: RunnableConfig = var_child_runnable_config.get() or {}
        if not deadline.any_progress:
            yield
            return
        noting: RunnableConfig = {**config, "callbacks": with_progress(config.get("callbacks"), deadline)}
        token = var_child_runnable_config.set(noting)
        try:
            yield
        finally:
            var_child_runnable_config.reset(token)

    def _made(self) -> Any:
        call = self._call
        callee: Callee = call.function.callee
        names = call.function.left_open(call.arguments, call.keywords)
        given = injected(call.scope.call.job, names, call.config) if names else {}
        if "runtime" in given:
            given["runtime"] = given["runtime"].override(execution_info=self._here.info.execution)
        return callee.call(*call.arguments, **call.keywords, **given)

    def _watched(self) -> _Watched:
        return _Watched(self._call)


class _Watched:
    """A task's own run in the tracers' tree, while it runs; nothing where nobody watches."""

    __slots__ = ("_call", "_returned", "_run", "_token")

    def __init__(self, call: TaskCall) -> None:
        self._call = call
        self._returned: Any = None
        self._run: Any = None
        self._token: Any = None

    def saw(self, returned: Any) -> Any:
        """Note what the function returned, which is the run's output."""
        self._returned = returned
        return returned

    def __enter__(self) -> _Watched:
        call = self._call
        if call.scope.call.job.run.settings.watch is None:
            return self
        manager = get_callback_manager_for_config(call.config)
        given = call.function.named(call.arguments, call.keywords)
        self._run = manager.on_chain_start(None, given, name=call.function.name)  # type: ignore[arg-type]
        self._token = var_child_runnable_config.set({**call.config, "callbacks": self._run.get_child("seq:step:1")})
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if self._run is None:
            return
        var_child_runnable_config.reset(self._token)
        if error is None:
            self._run.on_chain_end(self._returned)
        else:
            self._run.on_chain_error(error)


class _Pause:
    """The wait before a task is tried again."""

    __slots__ = ("_run", "_seconds")

    def __init__(self, run: Run, seconds: float) -> None:
        self._run = run
        self._seconds = seconds

    def make(self) -> None:
        """Wait on this thread; nobody wants the next attempt once the run is given up."""
        if not self._run.wait_apart(self._seconds):
            raise asyncio.CancelledError

    async def amake(self) -> None:
        """Sleep on the running loop."""
        await asyncio.sleep(self._seconds)


class _Find:
    """A look into the cache."""

    __slots__ = ("_slot",)

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    def make(self) -> bytes | None:
        """Look on this thread."""
        return self._slot.find()

    async def amake(self) -> bytes | None:
        """Look off the running loop."""
        return await self._slot.afind()


class _Keep:
    """Leaving a result in the cache, if it can be stored."""

    __slots__ = ("_encoded", "_slot")

    def __init__(self, slot: Slot, codec: Codec, value: Any) -> None:
        self._slot = slot
        try:
            self._encoded: bytes | None = codec.encode_value(value)
        except EncodeError:
            self._encoded = None

    def make(self) -> None:
        """Store it on this thread."""
        if self._encoded is not None:
            self._slot.keep(self._encoded)

    async def amake(self) -> None:
        """Store it off the running loop."""
        if self._encoded is not None:
            await self._slot.akeep(self._encoded)


def arguments_digest(codec: Codec, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> bytes:
    """16 bytes over a call's arguments; of one that cannot be stored (a client, a lock) only its class counts."""
    try:
        return canonical_digest((arguments, dict(keywords)), codec)
    except EncodeError:
        given = [_argument_digest(codec, value) for value in arguments]
        named = {name: _argument_digest(codec, value) for name, value in keywords.items()}
        return canonical_digest((given, named), codec)


def _argument_digest(codec: Codec, value: Any) -> bytes:
    try:
        return canonical_digest(value, codec)
    except EncodeError:
        return type(value).__qualname__.encode()


def _named(error: Exception, task: str) -> Exception:
    if isinstance(error, (StopIteration, StopAsyncIteration)):
        # No generator and no future lets it through as it is.
        instead = RuntimeError(f"task {task!r} raised {type(error).__name__}")
        instead.__cause__ = error
        return instead
    return error


def _shown(arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> str:
    given = [repr(value) for value in arguments] + [f"{name}={value!r}" for name, value in keywords.items()]
    text = f"({', '.join(given)})"
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"

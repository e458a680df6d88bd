"""What users write to make projections of their own of a v3 stream."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, ClassVar, Literal

from ...projections.streams.protocol import ProtocolEvent

logger = logging.getLogger("clew")


class StreamTransformer(ABC):
    """Sees every event of a v3 stream before it is logged, and makes projections of them.

    Give the class, or a function `scope -> transformer`, to `compile(transformers=[...])` or to the call. A fresh one
    is made for the root and for each sub-graph; it sees the events of its own graph and of those inside it.

    A transformer has one of two lanes. With `process` alone it works in every run. With `aprocess`, `afinalize` or
    `afail`, or with `requires_async`, it works in async runs only; `supports_sync` says that it has both.

    Hooks run one after the other on whatever thread or loop reads the stream. An error in one ends the run.
    """

    requires_async: ClassVar[bool] = False
    """True for one that needs an event loop though it overrides no async hook: it calls `schedule`."""
    supports_sync: ClassVar[bool] = False
    """True for one that overrides async hooks and serves sync runs as well."""
    required_stream_modes: ClassVar[tuple[str, ...]] = ()
    """Stream modes that it needs; the run streams those of all its transformers."""
    before_builtins: ClassVar[bool] = False
    """True for one that must see events before the built-in projections do, to change them.

    It also sees the `tasks` events that tell of sub-graphs: changing their ids, results or namespaces loses those.
    """
    _native: ClassVar[bool] = False
    """True where projections are attributes of the run stream too, and named channels are methods without `custom:`."""

    def __init__(self, scope: tuple[str, ...] = ()) -> None:
        self.scope = scope
        """Namespace of the graph whose events it sees: `()` for the root."""

    @abstractmethod
    def init(self) -> dict[str, Any]:
        """The projections by name, as `run.extensions` shows them. A `StreamChannel` among them is closed with the run.

        Called once, when the run stream is made.
        """

    def process(self, event: ProtocolEvent) -> bool:
        """See an event. True keeps it in the log; the other transformers see it in any case.

        Raises `NotImplementedError` where neither this nor `aprocess` is overridden.
        """
        raise NotImplementedError(f"{type(self).__name__} must override process() or aprocess()")

    async def aprocess(self, event: ProtocolEvent) -> bool:
        """As `process`, in async runs; the next transformer sees the event when this is done."""
        return self.process(event)

    def finalize(self) -> None:  # noqa: B027  # nothing to do is common
        """The run ended well: its channels are closed after this."""

    async def afinalize(self) -> None:
        """As `finalize`, in async runs, after everything scheduled is done."""
        self.finalize()

    def fail(self, err: BaseException) -> None:  # noqa: B027  # as above
        """The run ended with this error, which its channels raise after this."""

    async def afail(self, err: BaseException) -> None:
        """As `fail`, in async runs, after everything scheduled was cancelled."""
        self.fail(err)

    def schedule(
        self, coro: Coroutine[Any, Any, Any], *, on_error: Literal["log", "raise"] = "log"
    ) -> asyncio.Task[Any]:
        """Have a coroutine run beside the stream; the run's end waits for it, its failure cancels it.

        Args:
            coro: what to run; its results go where it puts them, such as a channel.
            on_error: "log" writes its error to the log; "raise" fails the run with it.

        Raises:
            RuntimeError: no event loop runs: the stream is read by a sync caller.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            coro.close()
            raise RuntimeError(
                f"{type(self).__name__}.schedule() needs a running event loop: set requires_async = True on the class, "
                "and read the stream with astream_events(version='v3')"
            ) from None
        task = loop.create_task(coro if on_error == "raise" else _logged(coro, type(self).__name__))
        # Made here, so that a sub-class need not call our constructor.
        tasks: set[asyncio.Task[Any]] = vars(self).setdefault("_tasks", set())
        tasks.add(task)
        return task


async def _logged(coro: Coroutine[Any, Any, Any], name: str) -> Any:
    try:
        return await coro
    except Exception:
        logger.exception("what %s scheduled beside its stream failed", name)
        return None


def needs_loop(transformer: StreamTransformer) -> bool:
    """True for a transformer that works in async runs only."""
    if transformer.requires_async or transformer.supports_sync:
        return transformer.requires_async
    own = type(transformer)
    hooks = ("aprocess", "afinalize", "afail")
    return any(getattr(own, hook) is not getattr(StreamTransformer, hook) for hook in hooks)

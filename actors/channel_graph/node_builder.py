"""NodeBuilder: one node of a graph of channels, said step by step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Self

from langchain_core.runnables.base import coerce_to_runnable
from msgspec import Struct

from ...events.vocabulary import TimeoutPolicy, timeout_policy
from ..author.policies import CachePolicy, RetryPolicy


class ChannelWriteEntry(Struct, frozen=True):
    """One write of a node: `value`, or what the node made where there is none, through `mapper`."""

    channel: str
    value: Any = ...
    """What is written; `...` stands for what the node made."""
    skip_none: bool = False
    """True writes nothing where the value is None."""
    mapper: Callable[[Any], Any] | None = None
    """Makes what is written of the value. It is called with the node's writes, as part of the node."""

    def of(self, made: Any) -> Any:
        """What is written when the node made this."""
        value = made if self.value is ... else self.value
        return value if self.mapper is None else self.mapper(value)


class PregelNode(Struct, frozen=True, kw_only=True):
    """What a `NodeBuilder` builds."""

    triggers: tuple[str, ...]
    """The channels whose writes make it run."""
    reads: tuple[str, ...]
    """The channels that it is given."""
    single: bool
    """True where it is given the one channel's value itself, False where a dict of those that have a value."""
    bound: Any = None
    """What runs; None hands on what it is given."""
    writes: tuple[ChannelWriteEntry, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    retry_policy: tuple[RetryPolicy, ...] = ()
    cache_policy: CachePolicy[Any] | None = None
    timeout: TimeoutPolicy | None = None


class NodeBuilder:
    """A node of `Pregel(nodes=...)`: `NodeBuilder().subscribe_only("a").do(function).write_to("b")`.

    Every method returns the builder itself. Not safe for threads.
    """

    def __init__(self) -> None:
        self._triggers: dict[str, None] = {}
        self._reads: dict[str, None] = {}
        self._single = False
        self._bound: Any = None
        self._writes: list[ChannelWriteEntry] = []
        self._tags: list[str] = []
        self._metadata: dict[str, Any] = {}
        self._retries: list[RetryPolicy] = []
        self._cache: CachePolicy[Any] | None = None
        self._timeout: TimeoutPolicy | None = None

    def subscribe_only(self, channel: str) -> Self:
        """Run when this channel is written, with its value as input. Raises `ValueError` beside other channels."""
        if self._reads or self._triggers:
            raise ValueError(f"subscribe_only({channel!r}): this node subscribes to {list(self._reads)} already")
        self._triggers[channel] = self._reads[channel] = None
        self._single = True
        return self

    def subscribe_to(self, *channels: str, read: bool = True) -> Self:
        """Run when one of these channels is written; with `read` their values are in the dict that is the input.

        Raises `ValueError` after `subscribe_only`.
        """
        self._refuse_single("subscribe_to", channels)
        self._triggers.update(dict.fromkeys(channels))
        if read:
            self._reads.update(dict.fromkeys(channels))
        return self

    def read_from(self, *channels: str) -> Self:
        """Have these channels in the input too; writes to them trigger nothing. `ValueError` after `subscribe_only`."""
        self._refuse_single("read_from", channels)
        self._reads.update(dict.fromkeys(channels))
        return self

    def do(self, node: Any) -> Self:
        """What runs: a function, a Runnable or a dict of Runnables; another `do` runs on what the one before made."""
        self._bound = node if self._bound is None else coerce_to_runnable(self._bound) | coerce_to_runnable(node)
        return self

    def write_to(self, *channels: str | ChannelWriteEntry, **kwargs: Any) -> Self:
        """Where what the node made is written; by keyword: another value, or a function of what it made."""
        self._writes.extend(ChannelWriteEntry(one) if isinstance(one, str) else one for one in channels)
        self._writes.extend(
            ChannelWriteEntry(name, mapper=value) if callable(value) else ChannelWriteEntry(name, value)
            for name, value in kwargs.items()
        )
        return self

    def meta(self, *tags: str, **metadata: Any) -> Self:
        """Tags and metadata of the node's runs, as tracers see them; the metadata is in its config too."""
        self._tags.extend(tags)
        self._metadata.update(metadata)
        return self

    def add_retry_policies(self, *policies: RetryPolicy) -> Self:
        """When it is tried again; of several policies the first that covers an error governs."""
        self._retries.extend(policies)
        return self

    def add_cache_policy(self, policy: CachePolicy[Any]) -> Self:
        """When its writes are taken from the graph's cache."""
        self._cache = policy
        return self

    def set_timeout(self, timeout: float | timedelta | TimeoutPolicy | None) -> Self:
        """Seconds for one attempt; async nodes only. None for no limit."""
        self._timeout = timeout_policy(timeout)
        return self

    def build(self) -> PregelNode:
        """The node; `Pregel` does it for a builder that it is given."""
        return PregelNode(
            triggers=tuple(self._triggers),
            reads=tuple(self._reads),
            single=self._single,
            bound=self._bound,
            writes=tuple(self._writes),
            tags=tuple(self._tags),
            metadata=self._metadata.copy(),
            retry_policy=tuple(self._retries),
            cache_policy=self._cache,
            timeout=self._timeout,
        )

    def _refuse_single(self, method: str, channels: tuple[str, ...]) -> None:
        if self._single:
            raise ValueError(
                f"{method}{channels!r}: this node takes {next(iter(self._reads))!r} alone (subscribe_only)"
            )

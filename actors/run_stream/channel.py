"""A queue of a run's stream that one reader drains; reading it when it is empty moves the run on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

Pump = Callable[[], bool]
"""Moves the run on by one event; False when there are no more."""
AsyncPump = Callable[[], Awaitable[bool]]


class StreamChannel(Generic[T]):
    """What a transformer pushes, in order, for one reader; `tee` makes several of it.

    Nothing is kept before somebody reads: what is pushed earlier is not shown, and what was read is gone. A channel is
    of use once its transformer is registered, in the sync or async form of its run. Not for several threads at once.

    Args:
        name: with one, each pushed item is an event of the stream too, with the method `custom:<name>`.
        maxlen: accepted and not used: a run goes only as far as it is read.

    Raises:
        ValueError: `maxlen` is less than 1.
    """

    def __init__(self, name: str | None = None, *, maxlen: int | None = None) -> None:
        if maxlen is not None and maxlen <= 0:
            raise ValueError(f"maxlen of a StreamChannel is {maxlen!r}: give a whole number from 1, or None")
        self.name = name
        self._items: deque[tuple[int, T]] = deque()
        """(stamp, item): stamps order the items of all channels of a run."""
        self._closed = False
        self._error: BaseException | None = None
        self._is_async: bool | None = None
        self._subscribed = False
        self._pump: Pump | None = None
        self._apump: AsyncPump | None = None
        self._forward: Callable[[T], None] | None = None
        self._stamp: Callable[[], int] = lambda: 0

    # -- what the mux does

    def bind(self, *, is_async: bool, stamp: Callable[[], int] | None = None) -> None:
        """Make the channel one of a sync or async run. Raises `RuntimeError` the second time."""
        if self._is_async is not None:
            raise RuntimeError("StreamChannel is already bound: make a new one in each transformer's __init__ or init")
        self._is_async = is_async
        if stamp is not None:
            self._stamp = stamp

    def forward_to(self, forward: Callable[[T], None]) -> None:
        """Have each pushed item go there too."""
        self._forward = forward

    def pull_with(self, pump: Pump | None, apump: AsyncPump | None) -> None:
        """What moves the run on when a reader finds the channel empty."""
        self._pump, self._apump = pump or self._pump, apump or self._apump

    # -- what a transformer does

    def push(self, item: T) -> None:
        """Add an item. Raises `RuntimeError` when the channel is closed and somebody reads it."""
        if self._subscribed:
            if self._closed:
                raise RuntimeError("Cannot push to a closed StreamChannel: its run is over")
            self._items.append((self._stamp(), item))
        if self._forward is not None:
            self._forward(item)

    def close(self) -> None:
        """No more items come; the run's end does it."""
        self._closed = True

    def fail(self, err: BaseException) -> None:
        """No more items come, and the reader gets this error after those that are there."""
        self._error = err
        self._closed = True

    # -- what a reader does

    def __iter__(self) -> Iterator[T]:
        self.subscribe(is_async=False)
        return self._read()

    def __aiter__(self) -> AsyncIterator[T]:
        self.subscribe(is_async=True)
        return self._aread()

    def tee(self, n: int = 2) -> tuple[Iterator[T], ...]:
        """Become the reader, and give out the items to `n` iterators, each at its own pace.

        Raises:
            ValueError: `n` is less than 1.
            TypeError, RuntimeError: as iterating does.
        """
        if n < 1:
            raise ValueError(f"tee() requires n >= 1, got {n!r}")
        source = iter(self)
        shared = _Shared[T](n)
        return tuple(shared.branch(number, source) for number in range(n))

    def atee(self, n: int = 2) -> tuple[AsyncIterator[T], ...]:
        """As `tee`, for an async run; the iterators may be read by several tasks."""
        if n < 1:
            raise ValueError(f"atee() requires n >= 1, got {n!r}")
        source = aiter(self)
        shared = _Shared[T](n)
        return tuple(shared.abranch(number, source) for number in range(n))

    def subscribe(self, *, is_async: bool, name: str | None = None) -> None:
        """Become the one reader; `name` is what the caller calls the channel.

        Raises:
            TypeError: the channel is of no run yet, or of one in the other form.
            RuntimeError: it has a reader.
        """
        if self._is_async is None:
            raise TypeError("StreamChannel has not been bound yet: it is read from a run whose transformer has it")
        if self._is_async and not is_async:
            raise TypeError("This StreamChannel is bound to async mode — use 'async for' instead.")
        if is_async and not self._is_async:
            raise TypeError("This StreamChannel is bound to sync mode — use 'for' instead.")
        if self._subscribed:
            which = "StreamChannel" if name is None else f"StreamChannel {name!r}"
            raise RuntimeError(f"{which} already has a subscriber; use .{'a' * is_async}tee(n) for fan-out.")
        self._subscribed = True

    def release(self) -> None:
        """Stop being the reader; another may begin where this one stopped."""
        self._subscribed = False

    @property
    def read(self) -> bool:
        """True while somebody reads the channel: what is pushed to another one is not kept."""
        return self._subscribed

    @property
    def head(self) -> int | None:
        """Stamp of the first item that waits, None without one."""
        return self._items[0][0] if self._items else None

    def take(self) -> T:
        """The first item that waits."""
        return self._items.popleft()[1]

    @property
    def closed(self) -> bool:
        """True when no more items come."""
        return self._closed

    @property
    def error(self) -> BaseException | None:
        """What the run ended with, None if well or not yet."""
        return self._error

    def _ended(self, more: bool) -> bool:
        """True when the reader has come to the end. Raises the run's error."""
        if self._items or (more and not self._closed):
            return False
        if self._error is not None:
            raise self._error
        return self._closed or not more

    def _read(self) -> Iterator[T]:
        while True:
            while self._items:
                yield self.take()
            more = not self._closed and self._pump is not None and self._pump()
            if self._ended(more):
                return

    async def _aread(self) -> AsyncIterator[T]:
        while True:
            while self._items:
                yield self.take()
            more = not self._closed and self._apump is not None and await self._apump()
            if self._ended(more):
                return


class _Shared(Generic[T]):
    """One reader's items for several iterators."""

    def __init__(self, count: int) -> None:
        self._waiting: list[deque[T]] = [deque() for _ in range(count)]
        self._over = False
        self._error: BaseException | None = None
        self._lock = asyncio.Lock()

    def _give(self, item: T) -> None:
        for waiting in self._waiting:
            waiting.append(item)

    def _end(self, error: BaseException | None) -> None:
        self._over, self._error = True, error

    def _ended(self) -> bool:
        if self._over and self._error is not None:
            raise self._error
        return self._over

    def branch(self, number: int, source: Iterator[T]) -> Iterator[T]:
        waiting = self._waiting[number]
        while True:
            while waiting:
                yield waiting.popleft()
            if self._ended():
                return
            try:
                self._give(next(source))
            except StopIteration:
                self._end(None)
            except Exception as error:
                self._end(error)

    async def abranch(self, number: int, source: AsyncIterator[T]) -> AsyncIterator[T]:
        waiting = self._waiting[number]
        while True:
            while waiting:
                yield waiting.popleft()
            async with self._lock:
                # Whoever had the lock before may have filled this one's queue.
                if waiting:
                    continue
                if self._ended():
                    return
                try:
                    self._give(await anext(source))
                except StopAsyncIteration:
                    self._end(None)
                except Exception as error:
                    self._end(error)

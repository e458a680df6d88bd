"""Savers: what people write in `compile(checkpointer=…)`. One names a store and a tenant."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, NoReturn, Self, cast
from weakref import WeakValueDictionary

from ..codec.serializer import JsonPlusSerializer
from ..errors import InternalError, StoreError
from ..privacy.cipher import Cipher
from ..privacy.keyring import Keyring, SubjectCipher, whole_thread
from ..privacy.serializer import cipher_on
from .checkpoints import Checkpoint, CheckpointTuple, ThreadReader, matches
from .copying import copy_commits
from .memory import MemoryStore
from .reading import reader
from .store import Store

THREADS_LISTED_MAX = 1_000_000
"""Threads that `list(None)` looks at; the newest ones."""


class _Nowhere:
    """Stands for the store of a saver that was made without one."""

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(
            "this saver has no store: take InMemorySaver, SqliteSaver or PostgresSaver, or give BaseCheckpointSaver a "
            "store of your own (clew.testing has its contract). What LangGraph's savers define, put and get_tuple of "
            "checkpoints, is not asked of one here: threads are kept as events"
        )

    def close(self) -> None:
        """Nothing to close."""


class BaseCheckpointSaver:
    """A store to keep threads in, and the tenant whose threads are meant.

    Safe for threads. The engine never awaits a saver: the `Async…` twins keep the same store and differ in how they are
    opened, set up and closed.

    Reading gives the checkpoints of the root graph and of those inside, folded from the thread's commits: with the
    channels of the graph that was compiled with this saver and worked on the thread last, or, where this process has
    none, with the rules that the log names (a reducer of the user's then shows what was written last).
    """

    store: Store
    """Where the threads are."""
    tenant: str
    """Threads of another tenant cannot be seen through this saver, whatever their names."""
    serde: Any
    """What programs for LangGraph ask to write values in the form of threads."""
    cipher: Cipher | None
    """What seals commits before they are chained and stored; None: they are stored in plain."""

    def __init__(
        self,
        store: Store | None = None,
        *,
        tenant: str = "",
        serde: Any = None,
        cipher: Keyring | Cipher | None = None,
    ) -> None:
        """A saver on a store. Without one its methods raise `NotImplementedError`: it is a base, and keeps nothing."""
        store = cast("Store", _Nowhere()) if store is None else store
        self.store = store
        self.tenant = tenant
        self.serde = JsonPlusSerializer() if serde is None else serde
        try:
            self.cipher = cipher_on(store, serde, cipher)
        except BaseException:
            store.close()
            raise
        self.graphs: WeakValueDictionary[bytes, Any] = WeakValueDictionary()
        """The graphs that were compiled with this saver, by fingerprint: what reading folds with."""

    # -- whole threads

    def delete_thread(self, thread_id: str) -> None:
        """Erase a thread: its commits are deleted. A later call with its id begins it anew, and its log says so.

        With a keyring that gives each thread a key of its own, that key is destroyed too: copies cannot be read either.
        Whoever still works on it, in any process, fails at the next step with `ThreadErasedError`.

        Raises:
            StoreError: the store cannot delete.
        """
        self.store.erase(str(thread_id), self.tenant)
        if isinstance(self.cipher, SubjectCipher) and self.cipher.keyring.subject_of is whole_thread:
            self.cipher.destroy(str(thread_id), self.tenant)

    async def adelete_thread(self, thread_id: str) -> None:
        """As `delete_thread`, off the event loop."""
        await asyncio.to_thread(self.delete_thread, thread_id)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Make another thread with the same history and open questions, which from then on goes its own way.

        Both can be continued and answered. The copy has a chain of its own. A copy that was broken off is finished by
        making it again.

        Raises:
            KeyError: there is no such thread.
            ThreadErasedError: one of them was erased.
            ValueError: the target exists and is no part of such a copy.
        """
        copy_commits(self.store, str(source_thread_id), str(target_thread_id), self.tenant, self.cipher)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """As `copy_thread`, off the event loop."""
        await asyncio.to_thread(self.copy_thread, source_thread_id, target_thread_id)

    # -- keys

    def erase_subject(self, subject: str) -> list[str]:
        """Make all that is stored about a subject unreadable for good, by destroying its keys; its threads' ids.

        The sealed commits stay, so that the chains of its threads can still be proved. Whoever still works on one of
        them fails at the next step. May be repeated, and is to be if it was broken off.

        Raises:
            StoreError: this saver has no keyring.
        """
        ring = self._subject_cipher("erase_subject")
        found = self._close_threads_of(subject, ring)
        ring.destroy(subject, self.tenant)
        # Threads that began between the look and the destruction.
        return sorted({*found, *self._close_threads_of(subject, ring)})

    async def aerase_subject(self, subject: str) -> list[str]:
        """As `erase_subject`, off the event loop."""
        return await asyncio.to_thread(self.erase_subject, subject)

    def renew_key(self, subject: str) -> None:
        """Seal what is stored about a subject from now on with another key; what there is stays readable.

        Raises:
            StoreError: this saver has no keyring.
        """
        self._subject_cipher("renew_key").renew(subject, self.tenant)

    def rotate_master_key(self) -> int:
        """Wrap all subjects' keys, of every tenant, with the keyring's active master key; how many there were to do.

        Raises:
            CipherError: a master key that wraps one is not in the keyring.
            StoreError: this saver has no keyring.
        """
        return self._subject_cipher("rotate_master_key").rotate()

    def _subject_cipher(self, name: str) -> SubjectCipher:
        if isinstance(self.cipher, SubjectCipher):
            return self.cipher
        raise StoreError(f"{type(self).__name__}.{name}: it needs a key for each subject: give cipher=Keyring(...)")

    def _close_threads_of(self, subject: str, ring: SubjectCipher) -> list[str]:
        subject_of = ring.keyring.subject_of
        heads = self.store.heads(limit=THREADS_LISTED_MAX, tenant=self.tenant)
        found = [head.thread for head in heads if subject_of(head.thread) == subject]
        for thread in found:
            self.store.retire(thread, self.tenant)
        return found

    def _set_up(self) -> None:
        self.store.setup()
        if isinstance(self.cipher, SubjectCipher):
            self.cipher.vault.setup()

    # -- checkpoints, for reading

    def get(self, config: Mapping[str, Any]) -> Checkpoint | None:
        """The checkpoint of `get_tuple`."""
        found = self.get_tuple(config)
        return None if found is None else found.checkpoint

    async def aget(self, config: Mapping[str, Any]) -> Checkpoint | None:
        """As `get`, off the event loop."""
        return await asyncio.to_thread(self.get, config)

    def get_tuple(self, config: Mapping[str, Any]) -> CheckpointTuple | None:
        """The checkpoint that the config names, or the one on which its thread stands; None where there is none.

        Raises `KeyError` for a config without a thread_id.
        """
        configurable = config.get("configurable") or {}
        thread = str(configurable["thread_id"])
        ns = str(configurable.get("checkpoint_ns") or "")
        if checkpoint := configurable.get("checkpoint_id"):
            return next(iter(self._reader.checkpoints(self, thread, str(checkpoint), ns)), None)
        return self._reader.latest(self, thread, ns)

    async def aget_tuple(self, config: Mapping[str, Any]) -> CheckpointTuple | None:
        """As `get_tuple`, off the event loop."""
        return await asyncio.to_thread(self.get_tuple, config)

    def list(
        self,
        config: Mapping[str, Any] | None,
        *,
        filter: dict[str, Any] | None = None,
        before: Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Checkpoints, newest first across branches.

        Args:
            config: the thread, with a checkpoint_ns only the graph of that namespace ("" the root), with a
                checkpoint_id only that one; None, or one without a thread_id, for all threads, those written last
                first.
            filter: metadata entries that must be equal.
            before: only checkpoints older than the one this config names.
            limit: how many at most.
        """
        configurable = (config or {}).get("configurable") or {}
        bound = ((before or {}).get("configurable") or {}).get("checkpoint_id")
        found = (
            one
            for one in self._all_of(configurable)
            if matches(one, filter) and (not bound or one.checkpoint["id"] < bound)
        )
        return islice(found, limit)

    async def alist(
        self,
        config: Mapping[str, Any] | None,
        *,
        filter: dict[str, Any] | None = None,
        before: Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As `list`; the log is read off the event loop."""
        for one in await asyncio.to_thread(lambda: [*self.list(config, filter=filter, before=before, limit=limit)]):
            yield one

    @property
    def config_specs(self) -> Sequence[Any]:
        """Nothing: a saver reads no keys of `configurable` but the coordinates."""
        return []

    def get_next_version(self, current: str | int | float | None, channel: Any = None) -> str:
        """A version greater than `current`, for programs that count some of their own: clew's channels have none."""
        number = 0 if current is None else int(str(current).partition(".")[0])
        return f"{number + 1:032}.{random.random():016}"

    # -- what only a thread's actor does, and what clew's stores do not do

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> NoReturn:
        """Refused: a thread is written by its actor alone. `graph.update_state` changes one."""
        self._refuse("put")

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> NoReturn:
        """As `put`."""
        self._refuse("aput")

    def put_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> NoReturn:
        """Refused, as `put`."""
        self._refuse("put_writes")

    async def aput_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> NoReturn:
        """As `put_writes`."""
        self._refuse("aput_writes")

    def delete_for_runs(self, run_ids: Sequence[str]) -> NoReturn:
        """Refused: a log's commits stand or go together; `delete_thread` erases a thread."""
        self._keep("delete_for_runs")

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> NoReturn:
        """As `delete_for_runs`."""
        self._keep("adelete_for_runs")

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """With "delete", `delete_thread` for each. "keep_latest" is refused: the latest state is made of what was."""
        if strategy != "delete":
            self._keep(f"prune(strategy={strategy!r})")
        for thread_id in thread_ids:
            self.delete_thread(thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """As `prune`, off the event loop."""
        await asyncio.to_thread(lambda: self.prune(thread_ids, strategy=strategy))

    def _all_of(self, configurable: Mapping[str, Any]) -> Iterator[CheckpointTuple]:
        ns = configurable.get("checkpoint_ns")
        checkpoint = str(configurable.get("checkpoint_id") or "")
        if "thread_id" in configurable:
            threads = [str(configurable["thread_id"])]
        else:
            threads = [head.thread for head in self.store.heads(limit=THREADS_LISTED_MAX, tenant=self.tenant)]
        for thread in threads:
            yield from self._reader.checkpoints(self, thread, checkpoint, ns)

    @property
    def _reader(self) -> ThreadReader:
        found = reader()
        if found is None:
            raise InternalError("nothing here can fold threads: `import clew` gives savers their reader")
        return found

    def _refuse(self, name: str) -> NoReturn:
        raise NotImplementedError(
            f"{type(self).__name__}.{name}: clew's threads are written by their actor alone, as events; run the graph, "
            "or change its state with graph.update_state(...)"
        )

    def _keep(self, name: str) -> NoReturn:
        raise NotImplementedError(
            f"{type(self).__name__}.{name}: clew keeps a thread's whole log or none of it; "
            "delete_thread(...) erases one"
        )

    def close(self) -> None:
        """Close the store. A connection or pool that was passed in stays open."""
        self.store.close()


class InMemorySaver(BaseCheckpointSaver):
    """Keeps threads in this process's memory, for tests and notebooks; they end with it."""

    def __init__(self, *, serde: Any = None, tenant: str = "", cipher: Keyring | Cipher | None = None) -> None:
        super().__init__(MemoryStore(), tenant=tenant, serde=serde, cipher=cipher)

    def setup(self) -> None:
        """Nothing to create."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


MemorySaver = InMemorySaver
"""The name of older tutorials."""

"""`BaseStore`: what a long-term store offers, each method one operation in a batch. A sub-class writes two methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from .checks import check_minutes, check_namespace
from .items import (
    NOT_PROVIDED,
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    NamespacePath,
    NotProvided,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
)


class BaseStore(ABC):
    """Values under a namespace and a key, kept across threads.

    A sub-class serves `batch` and `abatch`; every other method is one operation in a batch. A node gets the store that
    its graph was compiled with as `store`, `runtime.store` or `get_store()`.
    """

    supports_ttl: bool = False
    """Whether values can expire."""
    ttl_config: TTLConfig | None = None

    @abstractmethod
    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Do several operations at once, and give their results in order.

        All reads see the store as it was before the batch's puts; of several puts to one address the last counts.
        """

    @abstractmethod
    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As `batch`, without blocking the event loop."""

    def get(self, namespace: tuple[str, ...], key: str, *, refresh_ttl: bool | None = None) -> Item | None:
        """The item under this address, or None.

        Args:
            namespace: its labels, outermost first.
            key: its key.
            refresh_ttl: whether its time to live begins anew; None: as the store was set up.

        Raises:
            InvalidNamespaceError: a label that no namespace can have.
        """
        return self.batch([self._get(namespace, key, refresh_ttl)])[0]  # type: ignore[return-value]

    async def aget(self, namespace: tuple[str, ...], key: str, *, refresh_ttl: bool | None = None) -> Item | None:
        """As `get`."""
        return (await self.abatch([self._get(namespace, key, refresh_ttl)]))[0]  # type: ignore[return-value]

    def put(
        self,
        namespace: tuple[str, ...],
        key: str,
        value: Mapping[str, Any],
        index: Literal[False] | list[str] | None = None,
        *,
        ttl: float | NotProvided | None = NOT_PROVIDED,
    ) -> None:
        """Keep a value under this address, in the place of what is there.

        Args:
            namespace: one label or more; none is empty or holds a ".".
            key: its key in the namespace.
            value: a dict with text keys. The SQL stores keep it as JSON.
            index: False: not searchable by meaning; a list of field paths: what is embedded; None: the index's fields.
            ttl: minutes until it expires; None for never; not given: the store's default.

        Raises:
            InvalidNamespaceError: no such namespace can be.
            TypeError, ValueError: the value is no dict, or (`EncodeError`) cannot be kept.
            NotImplementedError: a ttl, and this store has none.
        """
        self.batch([self._put(namespace, key, value, index, ttl)])

    async def aput(
        self,
        namespace: tuple[str, ...],
        key: str,
        value: Mapping[str, Any],
        index: Literal[False] | list[str] | None = None,
        *,
        ttl: float | NotProvided | None = NOT_PROVIDED,
    ) -> None:
        """As `put`."""
        await self.abatch([self._put(namespace, key, value, index, ttl)])

    def delete(self, namespace: tuple[str, ...], key: str) -> None:
        """Forget the item under this address, if there is one."""
        self.batch([PutOp(namespace, str(key), None)])

    async def adelete(self, namespace: tuple[str, ...], key: str) -> None:
        """As `delete`."""
        await self.abatch([PutOp(namespace, str(key), None)])

    def search(
        self,
        namespace_prefix: tuple[str, ...],
        /,
        *,
        query: str | None = None,
        filter: dict[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        refresh_ttl: bool | None = None,
    ) -> list[SearchItem]:
        """The items below a namespace.

        Args:
            namespace_prefix: the first labels of the namespaces that are meant; () means all.
            query: a text; the items nearest to it come first, then those without a vector. Needs an index.
            filter: field to the value it must have, to a dict of such, or to `{operator: value}` with $eq, $ne, $gt,
                $gte, $lt, $lte.
            limit: how many at most.
            offset: how many of the found ones to leave out.
            refresh_ttl: as `get`, for the items that are returned.

        Raises:
            ValueError: an unknown operator, a negative limit.
        """
        op = self._search(namespace_prefix, query, filter, limit, offset, refresh_ttl)
        return self.batch([op])[0]  # type: ignore[return-value]

    async def asearch(
        self,
        namespace_prefix: tuple[str, ...],
        /,
        *,
        query: str | None = None,
        filter: dict[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        refresh_ttl: bool | None = None,
    ) -> list[SearchItem]:
        """As `search`."""
        op = self._search(namespace_prefix, query, filter, limit, offset, refresh_ttl)
        return (await self.abatch([op]))[0]  # type: ignore[return-value]

    def list_namespaces(
        self,
        *,
        prefix: NamespacePath | None = None,
        suffix: NamespacePath | None = None,
        max_depth: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[tuple[str, ...]]:
        """The namespaces that hold something, sorted.

        Args:
            prefix: how they must begin; "*" stands for any one label.
            suffix: how they must end.
            max_depth: cut longer ones to so many labels, and list each once.
            limit: how many at most.
            offset: how many to leave out.
        """
        return self.batch([_listing(prefix, suffix, max_depth, limit, offset)])[0]  # type: ignore[return-value]

    async def alist_namespaces(
        self,
        *,
        prefix: NamespacePath | None = None,
        suffix: NamespacePath | None = None,
        max_depth: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[tuple[str, ...]]:
        """As `list_namespaces`."""
        return (await self.abatch([_listing(prefix, suffix, max_depth, limit, offset)]))[0]  # type: ignore[return-value]

    def _get(self, namespace: tuple[str, ...], key: str, refresh_ttl: bool | None) -> GetOp:
        return GetOp(namespace, str(key), self._refreshes(refresh_ttl))

    def _search(
        self,
        prefix: tuple[str, ...],
        query: str | None,
        filter: dict[str, Any] | None,
        limit: int,
        offset: int,
        refresh_ttl: bool | None,
    ) -> SearchOp:
        return SearchOp(prefix, filter, limit, offset, query, self._refreshes(refresh_ttl))

    def _put(
        self,
        namespace: tuple[str, ...],
        key: str,
        value: Mapping[str, Any],
        index: Literal[False] | list[str] | None,
        ttl: float | NotProvided | None,
    ) -> PutOp:
        check_namespace(namespace)
        if not isinstance(ttl, NotProvided) and ttl is not None and not self.supports_ttl:
            raise NotImplementedError(
                f"TTL is not supported by {type(self).__name__}. Use a store that supports it (SqliteStore, "
                "PostgresStore), or leave ttl out"
            )
        minutes = (self.ttl_config or {}).get("default_ttl") if isinstance(ttl, NotProvided) else ttl
        return PutOp(namespace, str(key), None if value is None else dict(value), index, check_minutes(minutes))

    def _refreshes(self, asked: bool | None) -> bool:
        return asked if asked is not None else (self.ttl_config or {}).get("refresh_on_read", True)


def _listing(
    prefix: NamespacePath | None, suffix: NamespacePath | None, max_depth: int | None, limit: int, offset: int
) -> ListNamespacesOp:
    conditions = []
    if prefix:
        conditions.append(MatchCondition("prefix", prefix))
    if suffix:
        conditions.append(MatchCondition("suffix", suffix))
    return ListNamespacesOp(tuple(conditions), max_depth, limit, offset)

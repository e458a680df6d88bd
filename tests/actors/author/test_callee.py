"""What can be a node, what is injected into it, and whether it is async."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Optional, TypedDict

import pytest
from clew.actors.author.callee import NodeError, StreamWriter, callee_of, has_own_async, name_of
from clew.actors.author.plan import Callee
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableConfig, RunnableLambda, RunnableParallel
from langchain_core.runnables.utils import AddableDict

if TYPE_CHECKING:
    from langchain_core.runnables.config import RunnableConfig as HiddenConfig


class State(TypedDict):
    x: int


class BaseStore:
    """Stands for the long-term store, which is told by its name."""


class OwnStore(BaseStore):
    pass


def made(action: Any) -> Callee:
    return callee_of(action, role="node 'a'")[0]


def sync(state: State) -> dict[str, Any]:
    return {}


async def waits(state: State) -> dict[str, Any]:
    return {}


class Sync:
    def __call__(self, state: State) -> dict[str, Any]:
        return {}

    def method(self, state: State) -> dict[str, Any]:
        return {}


class Waits:
    async def __call__(self, state: State) -> dict[str, Any]:
        return {}

    async def method(self, state: State) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("action", "is_async"),
    [
        (sync, False),
        (waits, True),
        (lambda state: {}, False),
        (Sync(), False),
        (Sync().method, False),
        (Waits(), True),
        (Waits().method, True),
        (functools.partial(sync), False),
        (functools.partial(functools.partial(waits)), True),
        (functools.partial(Waits()), True),
        (dict, False),
        (len, False),
        (RunnableLambda(sync), False),
        (RunnableLambda(waits), True),
        (RunnableLambda(sync, waits), False),
    ],
)
def test_async_callables_are_told_from_sync_ones(action: Any, is_async: bool) -> None:
    assert made(action).is_async is is_async


@pytest.mark.parametrize(
    ("action", "own"),
    [
        (sync, False),
        (waits, True),
        (Sync().method, False),
        (RunnableLambda(sync), False),
        (RunnableLambda(sync, waits), True),
        (RunnableLambda(waits), True),
        (RunnableLambda(sync) | RunnableLambda(sync), True),
    ],
)
def test_only_own_async_code_can_be_cancelled(action: Any, own: bool) -> None:
    assert has_own_async(made(action)) is own


@pytest.mark.parametrize("action", [5, "text", None, [sync]])
def test_what_cannot_run_is_refused(action: Any) -> None:
    with pytest.raises(TypeError, match=r"node 'a' is .*expected a function"):
        made(action)


def test_a_runnable_takes_the_config_and_has_both_forms() -> None:
    model = FakeListChatModel(responses=["hi"])
    callee = made(model)
    assert callee.call == model.invoke
    assert callee.acall == model.ainvoke
    assert callee.wants_config
    assert callee.name == "FakeListChatModel"


def test_a_dict_of_runnables_runs_them_side_by_side() -> None:
    callee = made({"double": lambda x: 2 * x, "square": RunnableLambda(lambda x: x * x)})
    assert callee.call(3) == {"double": 6, "square": 9}
    assert isinstance(callee.call.__self__, RunnableParallel)


def every(state: State, config: RunnableConfig, *, writer: StreamWriter, store: BaseStore, runtime: Any) -> None: ...


def optional(state: State, config: RunnableConfig | None, store: Optional[OwnStore] = None) -> None: ...  # noqa: UP045


def unannotated(state, previous, writer, config=None): ...


def quoted(state: State, config: HiddenConfig, other: int = 3) -> None: ...


def annotated(state: State, config: Annotated[RunnableConfig, "doc"]) -> None: ...


def handler(state: State, error: NodeError) -> None: ...


def optional_handler(state: State, error: NodeError | None = None) -> None: ...


def not_an_error(state: State, error: str = "") -> None: ...


def other_kinds(state: State, writer: int = 3, store: str = "", runtime: int = 0) -> None: ...


def loose(state: State, *config: Any, **writer: Any) -> None: ...


def config_first(config): ...


@pytest.mark.parametrize(
    ("action", "injects"),
    [
        (every, ("config", "writer", "store", "runtime")),
        (optional, ("config", "store")),
        (unannotated, ("previous", "writer", "config")),
        (annotated, ("config",)),
        (handler, ("error",)),
        (optional_handler, ("error",)),
        (not_an_error, ()),
        (other_kinds, ("runtime",)),
        (loose, ()),
        (config_first, ()),
        (functools.partial(unannotated, previous=1), ("writer", "config")),
    ],
)
def test_parameters_are_injected_by_name_and_annotation(action: Any, injects: tuple[str, ...]) -> None:
    assert made(action).injects == injects


@pytest.mark.parametrize("annotation", ["RunnableConfig", "RunnableConfig | None", "Optional[core.RunnableConfig]"])
def test_a_config_annotated_for_type_checkers_only_is_known_by_its_name(annotation: str) -> None:
    def hidden(state: State, config: Any) -> None: ...

    hidden.__annotations__["config"] = annotation.replace("RunnableConfig", "Elsewhere.RunnableConfig")
    assert made(hidden).injects == ("config",)


def test_a_config_of_another_type_gets_nothing_and_a_warning() -> None:
    def wrong(state: State, config: dict) -> None: ...

    with pytest.warns(UserWarning, match="'config' of node 'a' is annotated <class 'dict'>"):
        assert made(wrong).injects == ()


def no_yield(state: Any) -> Iterator[Any]:
    yield from ()


def yields(*chunks: Any) -> Callable[[Any], Iterator[Any]]:
    def generate(state: Any) -> Iterator[Any]:
        yield from chunks

    return generate


@pytest.mark.parametrize(
    ("generate", "merged"),
    [
        (no_yield, None),
        (yields({"x": 9}), {"x": 9}),
        (yields({"x": 5}, {"log": ["a"]}, {"x": 6}), {"x": 6}),
        (yields(AddableDict(x=5, log=["a"]), AddableDict(log=["b"])), {"x": 5, "log": ["a", "b"]}),
        (yields("a", "b"), "ab"),
        (yields(["a"], ["b"]), ["a", "b"]),
        (yields({"x": 1}, None), None),
        (yields(object, 5), 5),
    ],
)
def test_a_generator_s_yields_are_added_or_the_last_one_counts(generate: Any, merged: Any) -> None:
    assert made(generate).call({}) == merged


def test_an_async_generator_is_an_async_node() -> None:
    async def generate(state: Any, *, writer: Any) -> AsyncIterator[Any]:
        yield {"x": 1}
        yield {"y": writer}

    callee = made(generate)
    assert callee.is_async
    assert callee.injects == ("writer",)
    assert asyncio.run(callee.call({}, writer=3)) == {"y": 3}


def test_a_named_runnable_gives_its_name() -> None:
    assert name_of(RunnableLambda(sync, name="shop")) == "shop"
    assert name_of(Sync().method) == "method"


def test_runnables_of_equal_class_name_and_code_have_equal_fingerprints() -> None:
    one, same, other = RunnableLambda(sync), RunnableLambda(sync), RunnableLambda(waits)
    assert made(one).fingerprint == made(same).fingerprint != made(other).fingerprint
    assert made(FakeListChatModel(responses=["a"])).fingerprint == made(FakeListChatModel(responses=["b"])).fingerprint

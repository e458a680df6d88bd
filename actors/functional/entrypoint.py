"""`@entrypoint`: a workflow written as one function. It becomes a plan of one node, run as every graph is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias, get_args, get_origin

from langchain_core.runnables import Runnable, RunnableConfig

from ...events.vocabulary import END, START, TimeoutPolicy, timeout_policy
from ...projections.channels.ephemeral_value import EphemeralValue
from ...projections.channels.last_value import LastValue
from ...projections.state.merge import Channels
from ..author.builder import DEFAULT_NAME, under_new_names
from ..author.callee import callee_of, digest
from ..author.hints import EMPTY, Shape, for_pydantic
from ..author.plan import Callee, Node, Plan, StateView
from ..author.policies import CachePolicy, RetryPolicy, retry_policies
from ..author.returns import PREVIOUS, Final
from ..author.validation import check_answers, check_checkpointer, check_timeout
from ..doors.compiled import CompiledStateGraph
from ..engine.runtime import Runtime
from .task import refuse_generators

_START = Node(START, Callee(call=lambda given: given, name=START), StateView(keys=()), hidden=True)
"""Never run: an entrypoint's node takes the input itself. It has its targets for drawings."""


class entrypoint:  # the name people write
    """Makes a graph of a function: its calls of tasks are steps on record, its return value is the thread's state.

    The function takes one input and, by name, what it wants of `previous` (what the thread's last finished call saved
    or returned, None at first), `config`, `store`, `writer`, `runtime`. When it pauses at `interrupt`, fails or is cut
    short, the next call runs it again from its first line; calls of tasks that have finished give their recorded
    results (see `task`).

    ```python
    @entrypoint(checkpointer=InMemorySaver())
    def review(topic: str) -> dict:
        draft = write(topic).result()
        return {"draft": draft, "verdict": interrupt({"review": draft})}
    ```

    The graph has every method of a compiled one. Its stream shows `{task: result}` as each task ends and
    `{entrypoint: result}` at the end; its state is the last return value.

    Args:
        checkpointer: keeps the threads; None keeps nothing.
        store: long-term memory for nodes and tasks.
        cache: for the results of tasks with a cache policy.
        context_schema: of what callers give as `context`.
        cache_policy: takes the whole function's result from the cache.
        retry_policy: when a failed run of the function is tried again; finished tasks keep their results.
        timeout: seconds that one attempt may take, for an async function.
        answers: how answers find their questions, as in `StateGraph.compile`.
        runtime: where the threads run; None takes the process's own.
        **kwargs: the older names `retry` and `config_schema`.
    """

    final: TypeAlias = Final

    def __init__(
        self,
        checkpointer: Any = None,
        store: Any = None,
        cache: Any = None,
        context_schema: Any = None,
        cache_policy: CachePolicy[Any] | None = None,
        retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
        timeout: float | timedelta | TimeoutPolicy | None = None,
        *,
        answers: str = "question",
        runtime: Runtime | None = None,
        **kwargs: Any,
    ) -> None:
        old = under_new_names("entrypoint", kwargs, {"retry": "retry_policy", "config_schema": "context_schema"})
        if inspect.isroutine(checkpointer):
            raise TypeError(f"write @entrypoint() above {checkpointer.__name__!r}, with parentheses")
        check_checkpointer(checkpointer)
        self.checkpointer = checkpointer
        self.store = store
        self.cache = cache
        self.context_schema = old.get("context_schema", context_schema)
        self.cache_policy = cache_policy
        self.retry_policy = retry_policies(old.get("retry_policy", retry_policy))
        self.timeout = timeout_policy(timeout)
        check_answers(answers)
        self.answers = answers
        self.runtime = runtime

    def __call__(self, func: Callable[..., Any]) -> CompiledEntrypoint:
        """The graph of a function.

        Raises:
            ValueError: it takes no input, or has a timeout and is sync.
            NotImplementedError: it is a generator function.
        """
        name = getattr(func, "__name__", None) or type(func).__name__
        refuse_generators(func, f"entrypoint {name!r}")
        if not inspect.signature(func).parameters:
            raise ValueError(f"entrypoint {name!r} has no parameter: give it one, for the input of the call")
        callee, shape = callee_of(func, role=f"entrypoint {name!r}")
        check_timeout(name, callee, self.timeout)
        node = Node(
            name=name,
            callee=callee,
            view=StateView(keys=(END,), root=True),
            retry_policy=self.retry_policy,
            cache_policy=self.cache_policy,
            timeout=self.timeout,
            destinations=(END,),
            triggers=(START,),
        )
        returns, saves = _outputs(shape)
        return CompiledEntrypoint(
            _plan(node, self.context_schema, (shape.state, returns, saves)),
            takes=Any if shape.state is EMPTY else shape.state,
            returns=Any if returns is EMPTY else returns,
            checkpointer=self.checkpointer,
            store=self.store,
            cache=self.cache,
            answers=self.answers,
            runtime=self.runtime,
        )


class CompiledEntrypoint(CompiledStateGraph):
    """The graph that an entrypoint's function became. Made by `entrypoint`; safe to use from any thread and loop."""

    def __init__(self, plan: Plan, *, takes: Any, returns: Any, **options: Any) -> None:
        super().__init__(plan, **options)
        self._takes = takes
        self._returns = returns

    @property
    def nodes(self) -> Mapping[str, Any]:
        """The graph's one node, by name."""
        return dict(self.plan.nodes)

    @property
    def InputType(self) -> Any:
        """What the function's input is annotated with."""
        return for_pydantic(self._takes)

    @property
    def OutputType(self) -> Any:
        """What the function is annotated to return; of `entrypoint.final[R, S]`, R."""
        return for_pydantic(self._returns)

    def get_input_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """JSON schema of what `invoke` takes."""
        return Runnable.get_input_jsonschema(self, config)

    def get_output_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """JSON schema of what `invoke` returns."""
        return Runnable.get_output_jsonschema(self, config)


# The name under which people know it, where pickles find it.
Final.__module__, Final.__name__, Final.__qualname__ = __name__, "final", "entrypoint.final"


def _outputs(shape: Shape) -> tuple[Any, Any]:
    """What the function returns and what it saves, as annotated."""
    returns = shape.returns
    if returns is Final:
        return EMPTY, EMPTY
    if get_origin(returns) is Final:
        value, save = get_args(returns)
        return value, save
    return returns, EMPTY


def _plan(node: Node, context_schema: Any, types: Sequence[Any]) -> Plan:
    channels = Channels({END: LastValue(Any), PREVIOUS: EphemeralValue(Any)})
    view = StateView(keys=(END,), root=True)
    return Plan(
        name=DEFAULT_NAME,
        channels=channels,
        nodes={node.name: node},
        start=Node(START, _START.callee, _START.view, targets=(node.name,), hidden=True),
        joins={},
        input_view=view,
        output_view=view,
        state_view=view,
        fingerprint=digest(["entrypoint", node.name, node.callee.fingerprint]),
        context_schema=context_schema,
        root=END,
        types=[annotation for annotation in types if annotation is not EMPTY],
        entry=node.name,
    )

"""`create_react_agent`: a graph of a model's node and a tools' node, put together by what the caller asks for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import BaseModel

from ....events.deprecations import LangGraphDeprecatedSinceV10
from ....events.vocabulary import END, START
from ...author.builder import StateGraph, under_new_names
from ...doors.compiled import CompiledStateGraph
from ..review.node import HumanInTheLoop
from ..tool_node import ToolNode
from .models import Model, ModelChoice
from .nodes import ModelNode, ResponseNode
from .prompts import Prompt, Prompting
from .routes import TOOLS, after_hook, after_model, after_tools
from .states import (
    AgentState,
    AgentStateWithStructuredResponse,
    check_state_schema,
    for_response,
    with_llm_input,
)

Hook = Runnable[Any, Any] | Callable[..., Any] | Mapping[str, Any]
"""A node of the agent: what `add_node` takes."""
AGENT, PRE_HOOK, POST_HOOK, RESPONSE = "agent", "pre_model_hook", "post_model_hook", "generate_structured_response"
VERSIONS = ("v1", "v2")


def create_react_agent(
    model: Model,
    tools: Sequence[BaseTool | Callable[..., Any] | dict[str, Any]] | ToolNode,
    *,
    prompt: Prompt | None = None,
    response_format: dict[str, Any] | type[BaseModel] | tuple[str, dict[str, Any] | type[BaseModel]] | None = None,
    pre_model_hook: Hook | None = None,
    post_model_hook: Hook | None = None,
    state_schema: Any = None,
    context_schema: type[Any] | None = None,
    checkpointer: Any = None,
    store: Any = None,
    interrupt_before: list[str] | None = None,
    interrupt_after: list[str] | None = None,
    debug: bool = False,
    version: Literal["v1", "v2"] = "v2",
    name: str | None = None,
    **deprecated_kwargs: Any,
) -> CompiledStateGraph:
    """An agent: asks the model, runs the tools it calls, tells it the results, until it calls none.

    Nodes: `agent`, `tools` (where there are tools), and as asked for `pre_model_hook`, `post_model_hook`,
    `generate_structured_response`.

    ```python
    agent = create_react_agent("openai:gpt-4.1", [search], prompt="Answer briefly.", checkpointer=InMemorySaver())
    agent.invoke({"messages": [("user", "What is a clew?")]}, {"configurable": {"thread_id": "1"}})
    ```

    Args:
        model: a chat model, its name as `init_chat_model` takes it, or a function of state and runtime that returns a
            model with its tools bound.
        tools: tools, functions to make tools of, a provider's own tools as dicts; or a ToolNode.
        prompt: a text or SystemMessage to stand before the messages; or a function or Runnable that makes the model's
            input of the state.
        response_format: a pydantic model or JSON schema, alone or after a prompt for it: when the agent has come to its
            end, the model is asked once more, and `structured_response` of the state is its answer in this form.
        pre_model_hook: a node before the model. Returns `messages` to store, or `llm_input_messages` that only the
            model gets to see.
        post_model_hook: a node after the model, for instance a `HumanInTheLoop`. Calls that it answers with a
            ToolMessage are not made.
        state_schema: a state with `messages` and `remaining_steps` (and `structured_response`): extend AgentState or
            AgentStatePydantic.
        context_schema: the class of `context`.
        checkpointer: the saver that keeps threads; None keeps nothing beyond a run.
        store: the long-term store that tools, prompts and hooks receive.
        interrupt_before: nodes to stop ahead of.
        interrupt_after: nodes to stop after.
        debug: as `compile` has it.
        version: "v2" runs each tool call as a task of its own; "v1" all calls of a message in one task.
        name: the agent's name: in traces, as a sub-graph, and as the `name` of its messages.
        **deprecated_kwargs: `config_schema`, the older name of `context_schema`.

    Raises:
        ValueError: an unknown version, a prompt that is none, a state schema that lacks a key, an unknown breakpoint,
            a model with other tools bound; at a call: an unanswered tool call in the history (INVALID_CHAT_HISTORY).
        TypeError: an unknown argument, or a model that takes no tools.
    """
    warnings.warn(
        "create_react_agent has its place in LangChain's own agents since; clew keeps it as it is",
        LangGraphDeprecatedSinceV10,
        stacklevel=2,
    )
    old = under_new_names("create_react_agent", deprecated_kwargs, {"config_schema": "context_schema"})
    if version not in VERSIONS:
        raise ValueError(f"version is {version!r}: an agent is one of {', '.join(VERSIONS)}")
    state_schema = _state_schema(state_schema, with_response=response_format is not None)
    tool_node, bound = _tools_of(tools)
    choice = ModelChoice(model, bound)
    builder = StateGraph(
        state_schema, context_schema=old.get("context_schema") if context_schema is None else context_schema
    )
    entry = AGENT if pre_model_hook is None else PRE_HOOK
    ending = END if response_format is None else RESPONSE
    builder.add_node(
        AGENT,
        ModelNode(choice, Prompting(prompt), name),
        input_schema=state_schema if pre_model_hook is None else with_llm_input(state_schema),
    )
    builder.add_edge(START, entry)
    if tool_node is not None:
        _add_tools(builder, tool_node, entry)
    if pre_model_hook is not None:
        builder.add_node(PRE_HOOK, pre_model_hook)  # type: ignore[arg-type]
        builder.add_edge(PRE_HOOK, AGENT)
    _add_ways_on(builder, post_model_hook, tool_node, each_alone=version == "v2", entry=entry, ending=ending)
    if response_format is not None:
        response = ResponseNode(choice, response_format)
        kept = dict if isinstance(response.schema, dict) else response.schema
        builder.add_node(RESPONSE, response, input_schema=for_response(kept))
    return builder.compile(
        checkpointer=checkpointer,
        store=store,
        interrupt_before=interrupt_before,
        interrupt_after=interrupt_after,
        debug=debug,
        name=name,
    )


def _state_schema(given: Any, *, with_response: bool) -> Any:
    """The agent's own state schema where none is given. Raises `ValueError` for one that lacks a key."""
    if given is None:
        return AgentStateWithStructuredResponse if with_response else AgentState
    check_state_schema(given, with_response=with_response)
    return given


def _tools_of(tools: Any) -> tuple[ToolNode | None, list[Any]]:
    """The node that runs the tools, if there are any to run here, and all that is bound to the model."""
    if isinstance(tools, ToolNode):
        return (tools if tools.tools_by_name else None), list(tools.tools_by_name.values())
    providers = [tool for tool in tools if isinstance(tool, dict)]
    own = [tool for tool in tools if not isinstance(tool, dict)]
    if not own:
        return None, providers
    node = ToolNode(own)
    return node, [*node.tools_by_name.values(), *providers]


def _add_tools(builder: StateGraph[Any], tool_node: ToolNode, entry: str) -> None:
    """Lead from the tools back to the model, or to the end after one whose result is the answer."""
    builder.add_node(TOOLS, tool_node)
    direct = {tool.name for tool in tool_node.tools_by_name.values() if tool.return_direct}
    if direct:
        builder.add_conditional_edges(TOOLS, after_tools(entry, direct), [entry, END])
    else:
        builder.add_edge(TOOLS, entry)


def _add_ways_on(
    builder: StateGraph[Any], hook: Any, tool_node: ToolNode | None, *, each_alone: bool, entry: str, ending: str
) -> None:
    """Lead from the model on: through the hook, to the tools or to the end."""
    if hook is None:
        if tool_node is not None:
            builder.add_conditional_edges(AGENT, after_model(each_alone, ending), [TOOLS, ending])
        elif ending != END:
            builder.add_edge(AGENT, ending)
        return
    if isinstance(hook, HumanInTheLoop):
        hook = hook.for_tools(() if tool_node is None else tool_node.tools_by_name.values())
    builder.add_node(POST_HOOK, hook)
    builder.add_edge(AGENT, POST_HOOK)
    if tool_node is not None:
        path = after_hook(each_alone, entry, ending)
        builder.add_conditional_edges(POST_HOOK, path, [entry, TOOLS, ending])
    elif ending != END:
        builder.add_edge(POST_HOOK, ending)

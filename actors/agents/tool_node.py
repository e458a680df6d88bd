"""ToolNode: the node that runs the tools a model called. An ordinary Runnable; works outside of a graph as well.

`ToolNode` is what users see; a `Round` is one message's calls on their way.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from langchain_core.messages import ToolCall
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool
from langchain_core.tools import tool as create_tool

from ..author.callee import code_digest, digest
from .injection import ToolRuntime
from .tools.arguments import Surroundings, fill, functions_of
from .tools.body import ToolBody
from .tools.calls import ToolCallRequest
from .tools.errors import ErrorPolicy, HandleToolErrors, say_arguments_error
from .tools.round import ToolRound

ToolCallWrapper = Callable[[ToolCallRequest, Callable[[ToolCallRequest], Any]], Any]
"""`wrap_tool_call(request, execute)`: returns what the call comes to; calls `execute(request)` any number of times."""
AsyncToolCallWrapper = Callable[[ToolCallRequest, Callable[[ToolCallRequest], Awaitable[Any]]], Awaitable[Any]]
"""`awrap_tool_call(request, execute)`: as `wrap_tool_call`, both awaited."""


class ToolNode(Runnable[Any, Any]):
    """Runs the tool calls of the last AI message at once, and returns their messages in call order.

    Takes a state (dict or object), a bare list of messages, a list of tool calls, or one call with its state
    (`{"__type": "tool_call_with_context", "tool_call": ..., "state": ...}`, for a `Send`). Returns
    `{messages_key: [ToolMessage, ...]}`; a list for a list; a list of Commands and updates where tools return Commands.

    In a graph each call is on record by itself: when one of them asks a person, the others run to their end, and
    after the answer only the asking tool runs again, from its first line. Several questions surface together, each with
    an id of its own. A call that a person rejected or answered in a `HumanInTheLoop` is not made.

    Outside of a graph it just runs. What a graph would give to its tools (context, store, writer) it takes from a
    `clew.runtime.Runtime` under `config["configurable"]["__pregel_runtime"]`, if there is one.

    ```python
    builder.add_node("tools", ToolNode([search, human_assistance]))
    builder.add_conditional_edges("chatbot", tools_condition)
    ```

    Args:
        tools: tools, or functions to make tools of.
        name: the node's name, if `add_node` is not given another.
        tags: added to the runs of the tools, as tracing shows them.
        handle_tool_errors: which errors the model is told, as a message of status "error". By default only wrong
            arguments; what a tool itself raises fails the node. True: every error, by its repr. A text: every error, by
            this text. A type of exception or a tuple of such: those. A function: the types that its parameter is
            annotated with, by what it returns. False: none. A pause is never handled.
        messages_key: where in the state the messages are.
        wrap_tool_call: called instead of each tool, with the request and a function that runs it.
        awrap_tool_call: the same for async callers; without it they use `wrap_tool_call`, on a thread.

    Raises:
        ValueError: two tools of one name, a parameter marked for two things, a wrong `handle_tool_errors`.
    """

    def __init__(
        self,
        tools: Sequence[BaseTool | Callable[..., Any]],
        *,
        name: str = "tools",
        tags: list[str] | None = None,
        handle_tool_errors: HandleToolErrors = say_arguments_error,
        messages_key: str = "messages",
        wrap_tool_call: ToolCallWrapper | None = None,
        awrap_tool_call: AsyncToolCallWrapper | None = None,
    ) -> None:
        self.name = name
        self.tags = tags
        self.messages_key = messages_key
        self.wrap_tool_call = wrap_tool_call
        self.awrap_tool_call = awrap_tool_call
        self.errors = ErrorPolicy(handle_tool_errors)
        self.bodies = _bodies(tools)

    @property
    def tools_by_name(self) -> dict[str, BaseTool]:
        """The node's tools."""
        return {name: body.tool for name, body in self.bodies.items()}

    @functools.cached_property
    def code_fingerprint(self) -> bytes:
        """Equal for equal code of the tools and wrappers, in every process."""
        parts: list[object] = ["tools"]
        for name, body in self.bodies.items():
            parts += [name, *map(code_digest, functions_of(body.tool))]
        wrappers = [wrapper for wrapper in (self.wrap_tool_call, self.awrap_tool_call) if wrapper is not None]
        return digest([*parts, *map(code_digest, wrappers)])

    def inject_tool_args(
        self, tool_call: ToolCall, tool_runtime: ToolRuntime[Any, Any], tool: BaseTool | None = None
    ) -> ToolCall:
        """The call with the arguments that the graph fills in, from `tool_runtime`; the given call stays as it is.

        Args:
            tool_call: a call as a model made it. What it gives for injected parameters is thrown away.
            tool_runtime: state, store and the rest.
            tool: the tool to fill in for; by default the node's own of that name, and a call of no known tool comes
                back unchanged.

        Raises:
            KeyError, AttributeError: the state lacks a field.
            ValueError: the tool wants a store and there is none.
        """
        body = self.bodies.get(tool_call["name"]) if tool is None else ToolBody(tool)
        if body is None:
            return tool_call
        state, is_list = tool_runtime.state, isinstance(tool_runtime.state, list)
        around = Surroundings(
            state={self.messages_key: state} if is_list else state,
            store=tool_runtime.store,
            call_id=tool_call["id"] or "",
            runtime=lambda: tool_runtime,
            messages_only=is_list,
        )
        return {**tool_call, "args": fill(body.tool.name, tool_call["args"], body.injections, around)}

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run the calls that `input` asks for: one of them on the calling thread, the others beside it.

        Raises:
            ValueError: no message or no AI message in the input, or a tool's result leaves its call unanswered.
            Exception: what a tool raised and `handle_tool_errors` does not handle; every other call has ended by then.
        """
        with ToolRound(self, input, config, kwargs) as calls:
            calls.do()
            return calls.result()

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """As `invoke`, on the running loop; tools without an async form run on threads."""
        with ToolRound(self, input, config, kwargs) as calls:
            await calls.ado()
            return calls.result()


def _bodies(tools: Sequence[BaseTool | Callable[..., Any]]) -> dict[str, ToolBody]:
    bodies: dict[str, ToolBody] = {}
    for given in tools:
        made = given if isinstance(given, BaseTool) else create_tool(given)
        if made.name in bodies and bodies[made.name].tool is not made:
            raise ValueError(f"two tools are named {made.name!r}: a model could only ever call one; rename the other")
        bodies[made.name] = ToolBody(made)
    return bodies

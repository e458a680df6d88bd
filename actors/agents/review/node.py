"""`HumanInTheLoop`: a person decides about tool calls before they are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langchain_core.runnables.config import ensure_config, var_child_runnable_config
from langchain_core.tools import BaseTool
from pydantic import TypeAdapter

from ....events.vocabulary import END
from ...engine.context import NodeRuntime
from ...engine.question import interrupt
from ..injection import ToolRuntime
from ..tool_node import ToolNode
from ..tools.calls import REVIEW_KEY, ToolCallRequest, calling_message, messages_in
from .answers import answer_schema
from .policy import check_tools, policies_of
from .shapes import ActionRequest, Decision, HITLRequest, InterruptOnConfig, ReviewConfig

DESCRIPTION_PREFIX = "This tool call needs approval"


class HumanInTheLoop:
    """A node that asks a person about the tool calls of the model's last message: one question for all of them.

    The question's value is `{"action_requests": [{"name", "args", "description"}, ...], "review_configs":
    [{"action_name", "allowed_decisions"}, ...]}`, the answer `Command(resume={"decisions": [...]})` with one decision
    for each request, in order:

    - `{"type": "approve"}`: the call is made;
    - `{"type": "edit", "edited_action": {"name", "args"}}`: this call is made in its place, under the same id; it
      stands in the model's message from then on (the log keeps what the model sent);
    - `{"type": "reject", "message": ...}`: the call is not made; the model is told by a ToolMessage of status "error";
    - `{"type": "respond", "message": ...}`: the call is not made, and the message is its result.

    An answer that does not fit is refused with a `ValidationError`, and the question stays open. Calls that nobody has
    to decide about wait with the others and are made after the answer.

    As `create_react_agent(post_model_hook=HumanInTheLoop(...))`, or as a node of one's own graph between the model and
    its tools:

    ```python
    builder.add_node("review", HumanInTheLoop({"pay": True}, tools=tools))
    builder.add_edge("model", "review")
    builder.add_conditional_edges("review", after_review, {"tools": "tools", "model": "model", END: END})
    ```

    Args:
        interrupt_on: tool name to True (every decision is allowed), False (no review) or a setting:
            `allowed_decisions`, and if wanted `description` (a text, or a function of tool_call, state and runtime),
            `args_schema`, and `when`, a function of a `ToolCallRequest` that says whether this call is asked about.
        description_prefix: first line of descriptions that the setting does not give.
        tools: the tools there are: a name in `interrupt_on` that none of them has is refused, and so is an edit to
            another name. An agent fills them in by itself.
        messages_key: where in the state the messages are.

    Raises:
        TypeError, ValueError: a setting is not understood, or names no tool.
    """

    def __init__(
        self,
        interrupt_on: Mapping[str, bool | InterruptOnConfig],
        *,
        description_prefix: str = DESCRIPTION_PREFIX,
        tools: Sequence[BaseTool | Callable[..., Any]] | ToolNode | None = None,
        messages_key: str = "messages",
    ) -> None:
        self.interrupt_on = dict(interrupt_on) if isinstance(interrupt_on, Mapping) else interrupt_on
        self.description_prefix = description_prefix
        self.messages_key = messages_key
        self._policies = policies_of(interrupt_on)
        self._tools = {} if tools is None else _by_name(tools)
        if tools is not None:
            check_tools(self.interrupt_on, self._tools)

    def for_tools(self, tools: Iterable[BaseTool]) -> HumanInTheLoop:
        """The same for these tools. Raises `ValueError` when a setting names none of them."""
        return HumanInTheLoop(
            self.interrupt_on,
            description_prefix=self.description_prefix,
            tools=[*tools],
            messages_key=self.messages_key,
        )

    def __call__(self, state: Any, runtime: NodeRuntime[Any]) -> dict[str, Any] | None:
        """Ask about the calls that wait and do as the person decides.

        Returns:
            The messages that the decisions lead to; None when every call is made as it is.

        Raises:
            ValidationError: the answer is none of the decisions that were allowed.
        """
        message, pending = calling_message(messages_in(state, self.messages_key))
        if message is None:
            return None
        asked = [call for call in pending if self._is_asked_about(call, state, runtime)]
        if not asked:
            return None
        decisions = self._ask(asked, state, runtime)
        return self._update(message, dict(zip([call["id"] for call in asked], decisions, strict=True)), asked)

    def _is_asked_about(self, call: ToolCall, state: Any, runtime: NodeRuntime[Any]) -> bool:
        policy = self._policies.get(call["name"])
        if policy is None:
            return False
        when = policy.get("when")
        if when is None:
            return True
        return bool(
            when(ToolCallRequest(call, self._tools.get(call["name"]), state, _tool_runtime(state, runtime, call)))
        )

    def _ask(self, calls: list[ToolCall], state: Any, runtime: NodeRuntime[Any]) -> Sequence[Decision]:
        policies = [self._policies[call["name"]] for call in calls]
        request = HITLRequest(
            action_requests=[
                self._request(call, policy, state, runtime) for call, policy in zip(calls, policies, strict=True)
            ],
            review_configs=[_review(call, policy) for call, policy in zip(calls, policies, strict=True)],
        )
        schema = answer_schema([policy["allowed_decisions"] for policy in policies], self._tools)
        answer = interrupt(request, response_schema=schema)
        # Once more: an answer that nobody checked must not open the gate.
        return TypeAdapter(schema).validate_python(answer)["decisions"]

    def _request(
        self, call: ToolCall, policy: InterruptOnConfig, state: Any, runtime: NodeRuntime[Any]
    ) -> ActionRequest:
        given = policy.get("description")
        if given is None:
            description = f"{self.description_prefix}\n\nTool: {call['name']}\nArgs: {call['args']}"
        else:
            description = given if isinstance(given, str) else given(call, state, runtime)
        return ActionRequest(name=call["name"], args=call["args"], description=description)

    def _update(
        self, message: AIMessage, decisions: Mapping[str | None, Decision], asked: list[ToolCall]
    ) -> dict[str, Any] | None:
        calls = [_made(call, decisions.get(call["id"])) for call in message.tool_calls]
        answers = [answer for call in asked if (answer := _answer(call, decisions[call["id"]])) is not None]
        edited = [] if calls == message.tool_calls else [message.model_copy(update={"tool_calls": calls})]
        messages = [*edited, *answers]
        return {self.messages_key: messages} if messages else None


def after_review(state: Any, messages_key: str = "messages") -> Literal["tools", "model", "__end__"]:
    """Where to go after a `HumanInTheLoop`; a path function.

    Returns:
        "tools" while calls of the model's last message have no answer; "model" when each has one, so that the model
        hears what the person decided; END when it made none.
    """
    message, pending = calling_message(messages_in(state, messages_key))
    if pending:
        return "tools"
    return "model" if message is not None and message.tool_calls else END  # type: ignore[return-value]


def _review(call: ToolCall, policy: InterruptOnConfig) -> ReviewConfig:
    review = ReviewConfig(action_name=call["name"], allowed_decisions=policy["allowed_decisions"])
    if "args_schema" in policy:
        review["args_schema"] = policy["args_schema"]
    return review


def _made(call: ToolCall, decision: Decision | None) -> ToolCall:
    """The call that is made for a decision; an edited one keeps its id, so that its answer fits the model's message."""
    if decision is None or decision["type"] != "edit":
        return call
    return {**call, "name": decision["edited_action"]["name"], "args": decision["edited_action"]["args"]}


def _answer(call: ToolCall, decision: Decision) -> ToolMessage | None:
    """The answer to a call that is not made; None for one that is."""
    if decision["type"] == "respond":
        return _said_by_person(call, decision, decision["message"], "success")
    if decision["type"] != "reject":
        return None
    reason = decision.get("message")
    said = f"A person rejected this call of {call['name']!r}, and it was not made"
    content = f"{said}: {reason}" if reason else f"{said}. Do not make it again unless you are asked to."
    return _said_by_person(call, decision, content, "error")


def _said_by_person(
    call: ToolCall, decision: Decision, content: str, status: Literal["success", "error"]
) -> ToolMessage:
    """An answer in the tool's place, marked so that no ToolNode makes the call all the same."""
    return ToolMessage(
        content,
        name=call["name"],
        tool_call_id=call["id"] or "",
        artifact={REVIEW_KEY: dict(decision)},
        status=status,
    )


def _by_name(tools: Any) -> dict[str, BaseTool]:
    return dict((tools if isinstance(tools, ToolNode) else ToolNode(tools)).tools_by_name)


def _tool_runtime(state: Any, runtime: NodeRuntime[Any], call: ToolCall) -> ToolRuntime[Any, Any]:
    return ToolRuntime(
        state=state,
        context=runtime.context,
        config=var_child_runnable_config.get(None) or ensure_config(),
        stream_writer=runtime.stream_writer,
        tool_call_id=call["id"],
        store=runtime.store,
        execution_info=runtime.execution_info,
        server_info=runtime.server_info,
    )

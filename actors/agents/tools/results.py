"""What tools return, checked and put together to what the node returns. Pure, but for a name that a message lacks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AnyMessage, RemoveMessage, ToolMessage, convert_to_messages
from langchain_core.tools.base import TOOL_MESSAGE_BLOCK_TYPES

from ....events.vocabulary import PARENT, Command, Send
from ....projections.channels.messages import REMOVE_ALL_MESSAGES

Output = ToolMessage | Command[Any]
"""One thing that a tool call comes to. Most come to one message; a tool may return a list."""


def outputs_of(returned: Any, tool_name: str, call_id: str, messages_key: str, as_list: bool) -> list[Output]:
    """What a tool or a wrapper returned, as a list of messages and Commands.

    Args:
        returned: a ToolMessage, a Command or a list of them.
        tool_name: the tool that was called; messages without a name get it.
        call_id: the call that has to be answered: a model's API refuses a history in which a call has no answer.
        messages_key: where in an update the messages are.
        as_list: True when the node's input is a bare list of messages.

    Raises:
        TypeError: it is, or holds, something else.
        ValueError: a Command's update has not the form of the node's input; or the call is answered by no message, or,
            in a list, by more than one.
    """
    outputs = returned if isinstance(returned, list) else [returned]
    for output in outputs:
        if not isinstance(output, (ToolMessage, Command)):
            raise TypeError(
                f"tool {tool_name!r} came to {output!r}: return a ToolMessage, a Command or a list of them, "
                "from a wrapper as from a tool"
            )
        if isinstance(output, Command):
            _check_form(output, tool_name, messages_key, as_list)
    _check_answered(outputs, isinstance(returned, list), tool_name, call_id, messages_key)
    return [_named(output, tool_name, call_id, messages_key) for output in outputs]


def combined(outputs: Sequence[Output], messages_key: str, as_list: bool) -> Any:
    """What the node returns for the outputs of all its calls, in call order.

    Messages alone are one update. With a Command among them it is a list of Commands and updates; Commands for the
    parent graph that only send are one, at the end, since a graph is left once.
    """
    if not any(isinstance(output, Command) for output in outputs):
        return list(outputs) if as_list else {messages_key: list(outputs)}
    parts: list[Any] = []
    sends = [output for output in outputs if isinstance(output, Command) and _only_sends_up(output)]
    for output in outputs:
        if isinstance(output, ToolMessage):
            parts.append([output] if as_list else {messages_key: [output]})
        elif not any(output is send for send in sends):
            parts.append(output)
    return [*parts, _one_command(sends)] if sends else parts


def msg_content_output(output: Any) -> str | list[Any]:
    """What a tool returned as the content of a message: a text or a list of content blocks as it is, the rest as JSON.

    What JSON cannot say becomes its `str`.
    """
    if isinstance(output, str) or (isinstance(output, list) and _are_blocks(output)):
        return output
    try:
        return json.dumps(output, ensure_ascii=False)
    except Exception:
        return str(output)


def _are_blocks(content: list[Any]) -> bool:
    return all(isinstance(block, dict) and block.get("type") in TOOL_MESSAGE_BLOCK_TYPES for block in content)


def _only_sends_up(command: Command[Any]) -> bool:
    goto = command.goto
    return command.graph == PARENT and isinstance(goto, list) and all(isinstance(target, Send) for target in goto)


def _one_command(commands: Sequence[Command[Any]]) -> Command[Any]:
    if len(commands) == 1:
        return commands[0]
    updates = [command.update for command in commands if command.update is not None]
    if all(isinstance(update, dict) for update in updates):
        # Pairs, not one dict: each write of a key goes through its reducer.
        update: Any = [pair for update in updates for pair in update.items()]
    else:
        update = [item for update in updates for item in update]
    goto = [target for command in commands for target in command.goto]  # type: ignore[union-attr]
    return Command(graph=PARENT, update=update or None, goto=goto)


def _check_form(command: Command[Any], tool_name: str, messages_key: str, as_list: bool) -> None:
    update = command.update
    if isinstance(update, dict) and as_list:
        raise ValueError(
            f"tool {tool_name!r} returned a Command whose update is a dict, and the node's input is a bare list of "
            f"messages: update with a list of messages, or give the node a state with {messages_key!r}"
        )
    if isinstance(update, list) and not as_list:
        raise ValueError(
            f"tool {tool_name!r} returned a Command whose update is a list, and the node's input is a state: "
            f"update with a dict, its messages under {messages_key!r}"
        )


def _check_answered(outputs: Sequence[Output], is_list: bool, tool_name: str, call_id: str, messages_key: str) -> None:
    """Refuse what leaves the call without an answer, and a list that gives it two."""
    answers = sum(
        isinstance(message, ToolMessage) and message.tool_call_id == call_id
        for output in outputs
        for message in _messages_of(output, messages_key)
    )
    if answers == 1 or (answers and not is_list):
        return
    if not answers and any(_is_excused(output, is_list, messages_key) for output in outputs):
        return
    raise ValueError(
        f"tool {tool_name!r} came to {answers} messages that answer its call {call_id!r}, and each call takes exactly "
        f"one: return a ToolMessage, or put ToolMessage(content, tool_call_id=...) into the Command's update under "
        f"{messages_key!r}; the id comes by a parameter annotated InjectedToolCallId"
    )


def _is_excused(output: Output, is_list: bool, messages_key: str) -> bool:
    """True for what may leave a call unanswered: a Command for another graph, one that only goes on, a cleared history.

    A message that is returned alone is taken as it is: who makes it knows the call.
    """
    if isinstance(output, ToolMessage):
        return not is_list
    only_goes_on = not isinstance(output.update, (dict, list)) and not is_list
    return output.graph is not None or only_goes_on or _removes_all(_messages_of(output, messages_key))


def _messages_of(output: Output, messages_key: str) -> Sequence[AnyMessage]:
    """The messages that an output adds to this graph."""
    if isinstance(output, ToolMessage):
        return [output]
    update = output.update
    if output.graph is not None or not isinstance(update, (dict, list)):
        return ()
    messages = update.get(messages_key, ()) if isinstance(update, dict) else update
    return convert_to_messages(messages if isinstance(messages, (list, tuple)) else [messages])  # type: ignore[return-value]


def _removes_all(messages: Sequence[AnyMessage]) -> bool:
    return len(messages) == 1 and isinstance(messages[0], RemoveMessage) and messages[0].id == REMOVE_ALL_MESSAGES


def _named(output: Output, tool_name: str, call_id: str, messages_key: str) -> Output:
    """The output, its answer to the call with the tool's name: some models' APIs refuse an answer without."""
    if isinstance(output, ToolMessage):
        return _with_name(_with_fitting_content(output), tool_name, call_id)
    update = output.update
    messages = update.get(messages_key) if isinstance(update, dict) else update
    if not isinstance(messages, list):
        return output
    named = [_with_name(message, tool_name, call_id) for message in messages]
    if all(new is old for new, old in zip(named, messages, strict=True)):
        return output
    update = {**update, messages_key: named} if isinstance(update, dict) else named
    return Command(graph=output.graph, update=update, goto=output.goto)


def _with_fitting_content(message: ToolMessage) -> ToolMessage:
    """The message; a list in it that is not one of content blocks becomes JSON, as any other value does."""
    content = message.content
    if isinstance(content, str) or _are_blocks(content):
        return message
    return message.model_copy(update={"content": json.dumps(content, ensure_ascii=False, default=str)})


def _with_name(message: Any, tool_name: str, call_id: str) -> Any:
    # A copy: the tool may hold on to its message.
    if isinstance(message, ToolMessage) and message.name is None and message.tool_call_id == call_id:
        return message.model_copy(update={"name": tool_name})
    return message

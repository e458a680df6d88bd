"""What the channels' properties are run over: writes, batches of messages, and lines of merges with forks."""

from __future__ import annotations

from typing import Any

from clew.events.vocabulary import Payload, Write
from clew.projections.channels.messages import REMOVE_ALL_MESSAGES
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, RemoveMessage

IDS = st.sampled_from([f"m{number}" for number in range(8)])
TEXTS = st.text(alphabet="abc", max_size=3)

anchor_distances = st.sampled_from([1, 2, 3, 64])
"""Every how many cells one keeps its result: small, so that short lines pass several."""


def write(value: Any, *, overwrite: bool = False, channel: str = "key") -> Write:
    return Write(channel, Payload(value), overwrite)


def writes(*values: Any) -> list[Write]:
    return [write(value) for value in values]


def contents(messages: list[BaseMessage]) -> list[tuple[str, Any, str | None]]:
    """What two equal histories have in common, whatever the identity of their messages."""
    return [(message.type, message.content, message.id) for message in messages]


human_messages = st.builds(lambda text, id_: HumanMessage(text, id=id_), TEXTS, IDS)
ai_messages = st.builds(lambda text, id_: AIMessage(text, id=id_), TEXTS, IDS)
removals = st.builds(lambda id_: RemoveMessage(id=id_), IDS)
markers = st.builds(lambda: RemoveMessage(id=REMOVE_ALL_MESSAGES))
message_batches = st.lists(
    st.one_of(human_messages, human_messages, ai_messages, ai_messages, removals, markers), max_size=6
)
plain_batches = st.lists(human_messages | ai_messages, max_size=4)

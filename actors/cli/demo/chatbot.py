"""The graph of `clew demo`: the tutorial's chatbot that asks a person, with a scripted model in a real one's place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.tools import tool

from ....events.stores.saver import BaseCheckpointSaver
from ....events.vocabulary import START
from ....projections.channels.messages import MessagesState
from ...agents.tool_node import ToolNode
from ...agents.tools_condition import tools_condition
from ...author.builder import StateGraph
from ...doors.compiled import CompiledStateGraph
from ...engine.question import interrupt
from ...kit.script import after_tool, call, otherwise
from ...kit.scripted_model import ScriptedModel

NAME = "clew demo"
"""The graph's name, by which a store's head tells the demo's threads from others."""
INPUT = "I need some expert advice on building an AI agent. Could you ask somebody for me?"
"""What the demo's user says."""


@tool
def human_assistance(query: str) -> str:
    """Ask a person for help."""
    answer = interrupt({"query": query})
    return answer["data"]


def _thanks(messages: Sequence[BaseMessage]) -> str:
    return f'I asked, and the expert says: "{messages[-1].text}" Tell me if you want to go into detail.'


model = ScriptedModel(
    [
        after_tool("human_assistance", _thanks),
        otherwise(
            [
                "That is a question for a person. I am asking one.",
                call("human_assistance", query="What should somebody know who builds an AI agent?"),
            ]
        ),
    ]
)


def build_chatbot(saver: BaseCheckpointSaver) -> CompiledStateGraph:
    """The chatbot, keeping its threads in `saver`."""
    tools = [human_assistance]
    speaker = model.bind_tools(tools)

    def chatbot(state: dict[str, Any]) -> dict[str, Any]:
        return {"messages": [speaker.invoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("chatbot", chatbot)
    builder.add_node("tools", ToolNode(tools))
    builder.add_edge(START, "chatbot")
    builder.add_conditional_edges("chatbot", tools_condition)
    builder.add_edge("tools", "chatbot")
    return builder.compile(checkpointer=saver, name=NAME)

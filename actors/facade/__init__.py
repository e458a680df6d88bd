"""clew: human-in-the-loop agent graphs as event-sourced actors, with LangGraph's authoring API.

What people use daily is here; `clew.graph`, `clew.types`, `clew.prebuilt`, `clew.checkpoint`, `clew.channels`,
`clew.config`, `clew.runtime`, `clew.audit`, `clew.errors` and `clew.testing` have the rest. Each name is loaded at its
first use, so that a program pays for what it uses.
"""

from typing import TYPE_CHECKING

import clew.actors.doors  # noqa: F401  # gives savers what reads threads
from clew.events.later import later as _later

if TYPE_CHECKING:
    from clew.actors.agents.chat_models import init_chat_model
    from clew.actors.agents.tool_node import ToolNode
    from clew.actors.agents.tools_condition import tools_condition
    from clew.actors.author.builder import StateGraph
    from clew.actors.doors.compiled import CompiledStateGraph
    from clew.actors.engine.question import interrupt
    from clew.actors.engine.runtime import Runtime
    from clew.events.codec.registry import register_type
    from clew.events.stores.postgres_saver import AsyncPostgresSaver, PostgresSaver
    from clew.events.stores.saver import InMemorySaver, MemorySaver
    from clew.events.stores.sqlite_saver import AsyncSqliteSaver, SqliteSaver
    from clew.events.vocabulary import END, START, Command, Interrupt, Overwrite, Send
    from clew.projections.channels.messages import MessagesState, add_messages
    from clew.projections.state.views import PregelTask, StateSnapshot

__all__ = [
    "END",
    "START",
    "AsyncPostgresSaver",
    "AsyncSqliteSaver",
    "Command",
    "CompiledStateGraph",
    "InMemorySaver",
    "Interrupt",
    "MemorySaver",
    "MessagesState",
    "Overwrite",
    "PostgresSaver",
    "PregelTask",
    "Runtime",
    "Send",
    "SqliteSaver",
    "StateGraph",
    "StateSnapshot",
    "ToolNode",
    "add_messages",
    "init_chat_model",
    "interrupt",
    "register_type",
    "tools_condition",
]

_LATER = {
    "END": "clew.events.vocabulary",
    "START": "clew.events.vocabulary",
    "AsyncPostgresSaver": "clew.events.stores.postgres_saver",
    "AsyncSqliteSaver": "clew.events.stores.sqlite_saver",
    "Command": "clew.events.vocabulary",
    "CompiledStateGraph": "clew.actors.doors.compiled",
    "InMemorySaver": "clew.events.stores.saver",
    "Interrupt": "clew.events.vocabulary",
    "MemorySaver": "clew.events.stores.saver",
    "MessagesState": "clew.projections.channels.messages",
    "Overwrite": "clew.events.vocabulary",
    "PostgresSaver": "clew.events.stores.postgres_saver",
    "PregelTask": "clew.projections.state.views",
    "Runtime": "clew.actors.engine.runtime",
    "Send": "clew.events.vocabulary",
    "SqliteSaver": "clew.events.stores.sqlite_saver",
    "StateGraph": "clew.actors.author.builder",
    "StateSnapshot": "clew.projections.state.views",
    "ToolNode": "clew.actors.agents.tool_node",
    "add_messages": "clew.projections.channels.messages",
    "init_chat_model": "clew.actors.agents.chat_models",
    "interrupt": "clew.actors.engine.question",
    "register_type": "clew.events.codec.registry",
    "tools_condition": "clew.actors.agents.tools_condition",
}

__getattr__, __dir__ = _later(__name__, _LATER)

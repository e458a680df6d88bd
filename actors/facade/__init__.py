"""clew: human-in-the-loop agent graphs as event-sourced actors, with LangGraph's authoring API."""

from clew.actors.agents.chat_models import init_chat_model
from clew.actors.author.builder import StateGraph
from clew.actors.doors.compiled import CompiledStateGraph
from clew.actors.engine.call import interrupt
from clew.actors.engine.runtime import Runtime
from clew.events.stores.saver import InMemorySaver, MemorySaver
from clew.events.stores.sqlite_saver import SqliteSaver
from clew.events.vocabulary import END, START, Command, Interrupt, Overwrite, Send
from clew.projections.channels.messages import MessagesState, add_messages
from clew.projections.state.views import PregelTask, StateSnapshot

__all__ = [
    "Command",
    "CompiledStateGraph",
    "END",
    "InMemorySaver",
    "Interrupt",
    "MemorySaver",
    "MessagesState",
    "Overwrite",
    "PregelTask",
    "Runtime",
    "START",
    "Send",
    "SqliteSaver",
    "StateGraph",
    "StateSnapshot",
    "add_messages",
    "init_chat_model",
    "interrupt",
]

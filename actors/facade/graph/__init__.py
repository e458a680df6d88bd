"""Writing graphs."""

from clew.actors.author.builder import MessageGraph, StateGraph
from clew.actors.doors.compiled import CompiledStateGraph
from clew.events.vocabulary import END, START
from clew.projections.channels.messages import REMOVE_ALL_MESSAGES, MessagesState, add_messages

__all__ = [
    "END",
    "REMOVE_ALL_MESSAGES",
    "START",
    "CompiledStateGraph",
    "MessageGraph",
    "MessagesState",
    "StateGraph",
    "add_messages",
]

"""States that hold a conversation, and how messages are merged into one."""

from clew.actors.author.builder import MessageGraph
from clew.actors.watch.push import push_message
from clew.projections.channels.messages import REMOVE_ALL_MESSAGES, MessagesState, add_messages

__all__ = ["REMOVE_ALL_MESSAGES", "MessageGraph", "MessagesState", "add_messages", "push_message"]

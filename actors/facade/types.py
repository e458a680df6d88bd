"""What nodes return and receive, and what calls show."""

from clew.actors.author.callee import StreamWriter
from clew.actors.author.policies import CacheKey, CachePolicy, RetryPolicy, TimeoutPolicy
from clew.actors.engine.call import interrupt
from clew.events.vocabulary import Command, Interrupt, Overwrite, Send, StateUpdate
from clew.projections.state.views import PregelTask, StateSnapshot

__all__ = [
    "CacheKey",
    "CachePolicy",
    "Command",
    "Interrupt",
    "Overwrite",
    "PregelTask",
    "RetryPolicy",
    "Send",
    "StateSnapshot",
    "StateUpdate",
    "StreamWriter",
    "TimeoutPolicy",
    "interrupt",
]

"""Channels: the rules by which keys of the state take writes."""

from clew.projections.channels.aggregate import BinaryOperatorAggregate
from clew.projections.channels.any_value import AnyValue
from clew.projections.channels.base_channel import BaseChannel
from clew.projections.channels.channel import Channel
from clew.projections.channels.ephemeral_value import EphemeralValue
from clew.projections.channels.kinds.after_finish import LastValueAfterFinish, NamedBarrierValueAfterFinish
from clew.projections.channels.kinds.barrier import NamedBarrierValue
from clew.projections.channels.kinds.delta import DeltaChannel
from clew.projections.channels.last_value import LastValue
from clew.projections.channels.topic import Topic
from clew.projections.channels.untracked_value import UntrackedValue

__all__ = [
    "AnyValue",
    "BaseChannel",
    "BinaryOperatorAggregate",
    "Channel",
    "DeltaChannel",
    "EphemeralValue",
    "LastValue",
    "LastValueAfterFinish",
    "NamedBarrierValue",
    "NamedBarrierValueAfterFinish",
    "Topic",
    "UntrackedValue",
]

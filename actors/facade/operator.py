"""Threads from outside, without their graphs' code: what waits, and answering, ending and branching."""

from clew.actors.operator.answering import RecordedAnswer, answer_question
from clew.actors.operator.asking import inbox, open_questions
from clew.actors.operator.branching import Branched, branch_thread
from clew.actors.operator.health import HealthFinding, look_at_thread
from clew.actors.operator.stopping import Stopped, cancel_thread
from clew.events.archive.opening import open_store
from clew.projections.inbox.listing import InboxItem
from clew.projections.inbox.summary import OpenQuestion

__all__ = [
    "Branched",
    "HealthFinding",
    "InboxItem",
    "OpenQuestion",
    "RecordedAnswer",
    "Stopped",
    "answer_question",
    "branch_thread",
    "cancel_thread",
    "inbox",
    "look_at_thread",
    "open_questions",
    "open_store",
]

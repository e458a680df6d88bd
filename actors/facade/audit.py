"""Recorded threads: step through one, compare its states, and check new code against all of them."""

from clew.actors.audit.check.gate import check_graph, check_thread
from clew.actors.audit.check.report import CheckReport
from clew.actors.audit.check.verdicts import Difference, ThreadVerdict, Verdict
from clew.actors.audit.difference import ABSENT, Change, Changes
from clew.actors.audit.replay import Moment, Replay
from clew.actors.audit.source import Recording
from clew.projections.audit.story import StoryLine
from clew.projections.audit.unfolded import NotFolded

__all__ = [
    "ABSENT",
    "Change",
    "Changes",
    "CheckReport",
    "Difference",
    "Moment",
    "NotFolded",
    "Recording",
    "Replay",
    "StoryLine",
    "ThreadVerdict",
    "Verdict",
    "check_graph",
    "check_thread",
]

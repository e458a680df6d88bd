"""Recorded threads, looked at: step through one, compare its states."""

from clew.actors.audit.difference import ABSENT, Change, Changes
from clew.actors.audit.replay import Moment, Replay
from clew.projections.audit.story import StoryLine
from clew.projections.audit.unfolded import NotFolded

__all__ = ["ABSENT", "Change", "Changes", "Moment", "NotFolded", "Replay", "StoryLine"]

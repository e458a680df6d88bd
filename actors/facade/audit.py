"""Recorded threads: lists of them, one step by step, proofs that they are whole, and new code checked against them."""

from clew.actors.audit.check.gate import check_graph, check_thread
from clew.actors.audit.check.report import CheckReport
from clew.actors.audit.check.verdicts import Difference, ThreadVerdict, Verdict
from clew.actors.audit.difference import ABSENT, Change, Changes
from clew.actors.audit.replay import Moment, Replay
from clew.actors.audit.source import Recording
from clew.events.archive.opening import open_store
from clew.events.chain.heads import KnownHead, heads_of, read_heads, write_heads
from clew.events.chain.store import Verified, verify_threads
from clew.events.chain.verify import Finding
from clew.projections.audit.branches import TreePlace, tree
from clew.projections.audit.plain import plain
from clew.projections.audit.records import event_fields
from clew.projections.audit.story import StoryLine, story
from clew.projections.audit.threads import ThreadSummary, Wanted, selected, summary_of
from clew.projections.audit.unfolded import NotFolded

__all__ = [
    "ABSENT",
    "Change",
    "Changes",
    "CheckReport",
    "Difference",
    "Finding",
    "KnownHead",
    "Moment",
    "NotFolded",
    "Recording",
    "Replay",
    "StoryLine",
    "ThreadSummary",
    "ThreadVerdict",
    "TreePlace",
    "Verdict",
    "Verified",
    "Wanted",
    "check_graph",
    "check_thread",
    "event_fields",
    "heads_of",
    "open_store",
    "plain",
    "read_heads",
    "selected",
    "story",
    "summary_of",
    "tree",
    "verify_threads",
    "write_heads",
]

"""Names with a meaning of their own: a graph's two ends, and tags that hide a run or its tokens."""

from clew.events.vocabulary import END, START, TAG_HIDDEN, TAG_NOSTREAM, Interrupt, Send

__all__ = ["END", "START", "TAG_HIDDEN", "TAG_NOSTREAM", "Interrupt", "Send"]

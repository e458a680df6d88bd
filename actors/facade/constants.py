"""Names with a meaning of their own: a graph's two ends, and tags that hide a run or its tokens."""

from clew.events.moved import constant as __getattr__  # noqa: F401  # asked for names that are not here
from clew.events.vocabulary import END, START, TAG_HIDDEN, TAG_NOSTREAM

__all__ = ["END", "START", "TAG_HIDDEN", "TAG_NOSTREAM"]

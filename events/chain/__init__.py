"""The chain that ties each commit of a thread to the one before: how it is made, and how it is checked."""

from .digest import genesis, link
from .verify import Anchor, Finding, verify

__all__ = ["Anchor", "Finding", "genesis", "link", "verify"]

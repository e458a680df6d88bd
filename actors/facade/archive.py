"""Threads outside of a store: export, import, and moving out what is over."""

from clew.events.archive.retention import archive_idle_threads
from clew.events.archive.transfer import Exported, export_threads, import_threads, verify_archive

__all__ = ["Exported", "archive_idle_threads", "export_threads", "import_threads", "verify_archive"]

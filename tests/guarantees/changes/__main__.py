"""Writes the page of code changes from what becomes of the threads: `python -m tests.guarantees.changes`."""

import logging

from .page import PAGE, page

if __name__ == "__main__":
    logging.disable()
    PAGE.write_text(page())

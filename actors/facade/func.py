"""The functional API: workflows written as functions."""

from clew.actors.functional.entrypoint import entrypoint
from clew.actors.functional.task import task

__all__ = ["entrypoint", "task"]

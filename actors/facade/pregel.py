"""What every compiled graph is an instance of."""

from clew.actors.doors.looks import Pregel

__all__ = ["Pregel"]

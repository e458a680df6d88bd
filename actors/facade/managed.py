"""State keys that the engine works out for each super-step instead of storing them."""

from clew.actors.author.managed import IsLastStep, RemainingSteps

__all__ = ["IsLastStep", "RemainingSteps"]

"""Shapes of questions and answers that agent inboxes know."""

from clew.actors.agents.human_interrupt import ActionRequest, HumanInterrupt, HumanInterruptConfig, HumanResponse

__all__ = ["ActionRequest", "HumanInterrupt", "HumanInterruptConfig", "HumanResponse"]

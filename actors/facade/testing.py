"""Testing graphs: models that answer from a script."""

from clew.actors.kit.script import Rule, after_tool, call, in_order, otherwise, reply_to, when
from clew.actors.kit.scripted_model import ScriptedModel

__all__ = ["Rule", "ScriptedModel", "after_tool", "call", "in_order", "otherwise", "reply_to", "when"]

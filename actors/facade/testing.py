"""Testing graphs: models that answer from a script."""

from clew.actors.kit.script import after_tool, call, otherwise, reply_to, when
from clew.actors.kit.scripted_model import ScriptedModel

__all__ = ["ScriptedModel", "after_tool", "call", "otherwise", "reply_to", "when"]

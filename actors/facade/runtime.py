"""What a node receives as `runtime`. (`clew.Runtime`, what a service holds, is another thing.)"""

from clew.actors.engine.attempts.control import RunControl
from clew.actors.engine.context import ExecutionInfo, get_runtime
from clew.actors.engine.context import NodeRuntime as Runtime

__all__ = ["ExecutionInfo", "RunControl", "Runtime", "get_runtime"]

"""What a node receives as `runtime`. (`clew.Runtime`, what a service holds, is another thing.)"""

from clew.actors.engine.attempts.control import RunControl
from clew.actors.engine.context import BaseUser, ExecutionInfo, ServerInfo, get_runtime
from clew.actors.engine.context import NodeRuntime as Runtime

__all__ = ["BaseUser", "ExecutionInfo", "RunControl", "Runtime", "ServerInfo", "get_runtime"]

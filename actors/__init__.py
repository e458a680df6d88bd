"""The actors room: the only one that acts.

facade/   what users import as `clew`
author/   the graph builder: from StateGraph to a frozen Plan
engine/   decide, the thread actor, its dispatcher, journal and runner
doors/    invoke, stream and the state calls, sync and async
agents/   ToolNode, chat models
watch/    callbacks, tokens, tracing
kit/      what clew.testing opens
cli/      the clew command
"""

import sys

# An editable install finds this folder's facade a second time, below this package, with classes of its own. Refused,
# so that there is one `clew.StateGraph` in a process; a wheel does not hold the folder here.
sys.modules[f"{__name__}.facade"] = None  # type: ignore[assignment]  # None is how the import system refuses a name

"""The actors room: the only one that acts.

facade/       what users import as `clew`
author/       the graph builder: from StateGraph to a frozen Plan
functional/   a workflow as a function: `@entrypoint`, `@task`
channel_graph/ a graph made of channels by hand: `Pregel`, `NodeBuilder`
doors/        invoke, stream and the state calls, sync and async
follow/       a stream joined again
run_stream/   the v3 event stream
decider/      pure: from a thread's state and a command to events
engine/       the thread actor, its dispatcher, journal and runner
scripts.py    code that is written once for sync and async callers
agents/       ToolNode, agents, chat models
memory/       the long-term store
caching/      caches of nodes' and tasks' results
watch/        callbacks, tokens, tracing
audit/        recorded threads, stepped through and checked against new code
remote/       a graph that runs on a server
operator/     what is done to threads without their graphs' code
kit/          what clew.testing opens
cli/          the clew command
"""

import sys

# An editable install finds this folder's facade a second time, below this package, with classes of its own. Refused,
# so that there is one `clew.StateGraph` in a process; a wheel does not hold the folder here.
sys.modules[f"{__name__}.facade"] = None  # type: ignore[assignment]  # None is how the import system refuses a name

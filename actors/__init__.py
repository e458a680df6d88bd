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

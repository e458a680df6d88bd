"""The agent that calls its model and its tools in turn, until the model calls none.

states.py     what an agent's state holds
models.py     the model: a given one with its tools bound, or one that a function chooses
prompts.py    what is put before the messages
history.py    what a model's API refuses
nodes.py      the model's node and the one that makes the structured response; steps.py is what they do on the way
traced.py     the runs below its nodes where somebody watches
routes.py     where the agent goes next
agent.py      create_react_agent
"""

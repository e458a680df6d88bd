"""Parts of agents: the node that runs tools, what tools can ask for, and chat models by name."""

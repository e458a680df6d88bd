"""A person between the model and its tools: one question for all calls of a message, and what the answer does.

shapes.py   what is asked and answered, as plain dicts
policy.py   which calls are asked about, and which decisions are allowed; refuses what it does not understand
answers.py  the schema that an answer has to fit
node.py     HumanInTheLoop, and the way on after it
"""

"""`clew demo`, from the question to the log.

demo.py     one run of the command
chatbot.py  the graph that it runs
screen.py   what is printed, on a terminal or not
"""

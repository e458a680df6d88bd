"""The `clew` command: needs the extra `cli` (click and rich), which nothing else of clew imports.

main.py      the entry point: the command, or how to install what it needs
commands.py  the command line: groups, options, help, exit codes
demo.py      `clew demo`, from the question to the log
chatbot.py   the graph that the demo runs
screen.py    what is printed, on a terminal or not
"""

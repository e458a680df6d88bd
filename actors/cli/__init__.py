"""The `clew` command: needs the extra `cli` (click and rich), which nothing else of clew imports.

main.py      the entry point: the command, or how to install what it needs
commands.py  the whole command line, put together
frame/       what all commands share: the store, the output, names, errors
nouns/       the commands, one file for each thing that they are about
demo/        what `clew demo` runs

A command says what can be typed and how it is shown; what it finds out it asks of the other rooms.
"""

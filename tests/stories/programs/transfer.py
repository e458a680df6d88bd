"""A transfer of money that somebody must approve. Start it, kill it at its question, answer from another process:

    python transfer.py threads.db rent start 750      # asks, and waits at the prompt: kill -9 it there
    python transfer.py threads.db rent answer yes ann
    python transfer.py threads.db rent answer yes bob # refused: ann answered
    cat threads.db.ledger                             # what was really done, and how often

A Postgres connection string may stand in the file's place, with `--ledger FILE` at the end. What a call comes to is
printed as one line of JSON. With `--together` an answer waits for a line on standard input, so that many can be given
at one moment.
"""

import json
import os
import sys
from typing import Any, TypedDict

from clew import END, START, Command, StateGraph, interrupt
from clew.errors import AlreadyAnsweredError
from store_at import store_at


class Transfer(TypedDict, total=False):
    amount: int
    ledger: str
    approval: str
    receipt: str


def note(state: Transfer, line: str) -> None:
    """Write down what was done where nothing can take it back."""
    with open(state["ledger"], "a") as ledger:
        ledger.write(f"{line}\n")


def reserve(state: Transfer) -> Transfer:
    note(state, f"reserved {state['amount']} EUR")
    return {}


def approve(state: Transfer) -> Transfer:
    return {"approval": interrupt(f"Transfer {state['amount']} EUR?")}


def send(state: Transfer) -> Transfer:
    if state["approval"] != "yes":
        return {"receipt": "not sent"}
    note(state, f"sent {state['amount']} EUR")
    return {"receipt": f"sent {state['amount']} EUR"}


graph = StateGraph(Transfer).add_sequence([reserve, approve, send]).add_edge(START, "reserve").add_edge("send", END)


def start(transfer: Any, config: Any, amount: int, ledger: str) -> None:
    state = transfer.invoke({"amount": amount, "ledger": ledger}, config)
    [question] = state["__interrupt__"]
    say({"asks": question.value, "process": os.getpid()})
    answer(transfer, config, input(), "the one who started it")


def answer(transfer: Any, config: Any, value: str, who: str) -> None:
    config["configurable"]["who"] = who
    try:
        say(transfer.invoke(Command(resume=value), config))
    except AlreadyAnsweredError as refused:
        say({"refused": str(refused), "winner": refused.winner})


def say(what: Any) -> None:
    print(json.dumps(what), flush=True)


def main(address: str, thread: str, verb: str, *words: str) -> None:
    ledger = words[words.index("--ledger") + 1] if "--ledger" in words else f"{address}.ledger"
    config: Any = {"configurable": {"thread_id": thread}}
    with store_at(address) as saver:
        transfer = graph.compile(checkpointer=saver)
        if verb == "start":
            start(transfer, config, int(words[0]), ledger)
            return
        if "--together" in words:
            say({"ready": words[1]})
            sys.stdin.readline()
        answer(transfer, config, words[0], words[1])


if __name__ == "__main__":
    main(*sys.argv[1:])

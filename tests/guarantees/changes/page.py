"""The reference page of code changes: what becomes of each thread, as a table."""
# ruff: noqa: E501  (a row of a table is a line)

from __future__ import annotations

from pathlib import Path
from typing import Final

from .case import became
from .edits import EDITS, NODES, edited

PAGE: Final = Path(__file__).parents[3] / "docs/reference/code-changes.md"

INTRODUCTION: Final = """# Code that changes under paused threads

A thread may wait for days, and the code is deployed meanwhile. What becomes of it, for each kind of edit and each place
where a thread can wait. Every cell is a thread that was paused under one text of a program and went on under the other;
`python -m tests.guarantees.changes` writes this page, and
[a test](../../tests/guarantees/test_r15_code_change.py) holds clew to it.

| the thread | |
|---|---|
| same | goes on and ends as if nothing had been edited |
| as the new code | goes on and ends as a thread that began under the new code would |
| goes on | keeps what is done, and does what is to come by the new code |
| asked again | the question is not what was asked or answered: the old one is withdrawn or its answer refused, on record, and the new one is asked |
| answer set aside | the new code does not ask any more: the answer is refused on record and in the log's warnings, and the thread goes on |
| refused | the call raises this error, which says what to do; questions stay listed, answers on record, and the earlier code goes on as ever |
| fails | the edited code raised this error itself; the failure is on record, and once the code is mended the thread goes on with `None` as input |

No thread ends without a word, no answer reaches another question, and no recorded effect is done twice: the test holds
each cell to that too. The waiting node is called *the node*; it has finished two tasks when it asks, and asks two
questions. The errors have [a page](errors.md) of their own. [The deploy gate](../how-to/check-new-code.md) says of each
recorded thread what an edit would do to it, before it is deployed.

A value whose class is gone or can no longer be made is read as an `Opaque`: it is shown, kept and written back. Code
that needs one of its attributes gets an `AttributeError` that says how to declare the class
(`clew.register_type(<class>, tag=…)`). An upcaster gets it as `old[key].data`, the stored fields: how to write one is
[a guide of its own](../how-to/change-the-state.md).

"""


def page() -> str:
    """The page's text."""
    lines = [f"| edited | {' | '.join(NODES)} |", "|---" * (len(NODES) + 1) + "|"]
    for name in EDITS:
        cells = (became(name, place, edited(name, place)) for place in NODES)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return INTRODUCTION + "\n".join(lines) + "\n"

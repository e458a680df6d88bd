"""Edits of `deployed.py`, as a diff has them: each a list of (text, what stands there instead).

`@node` is the node in which the thread waits, `@graph` the builder of its graph, `@before` a node that has finished.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

TEXT: Final = (Path(__file__).parent / "deployed.py").read_text()

NODES: Final = {
    "asks": "ask",
    "asks again": "ask",
    "beside a finished sibling": "left",
    "in a sub-graph": "check",
    "at a breakpoint": "pay",
    "after a failure": "pay",
}
"""Where a thread can wait, and in which node that is."""

_SIZE = '    size = interrupt(f"@node: {what} size?")\n'
_STREET = '    street = interrupt(f"@node: {which} street?", response_schema={"type": "string"})\n'
_SIZE_OF = 'size = interrupt(f"@node: {what} size?")'
_COST = '    cost = price("for @node", 1).result()\n'
_REST = '    rest = stock("for @node").result()\n'
_IN = {
    "ask": '    outer.add_edge("plan", "ask")\n',
    "left": '    outer.add_edge("ask", "left")\n',
    "check": '    inner.add_edge("begin", "check")\n',
    "pay": '    outer.add_edge("sub", "pay")\n',
}
_EXTRA = '    @graph.add_node("extra", lambda state: {"said": ["extra"]})\n'
_NODE = '    @graph.add_node("@node", @node)\n'
_COMPILE = "compile(checkpointer=saver, "

Edit = list[tuple[str, str]]


def _upcast(function: str) -> tuple[str, str]:
    return (_COMPILE, _COMPILE + f"upcasters={{0: {function}}}, ")


EDITS: Final[dict[str, Edit]] = {
    "nothing": [],
    "a comment and empty lines": [("def @node(state", "\n# a comment\n\n\ndef @node(state")],
    "the node's body, not its questions": [('{"said": [f"@node ', '{"said": [f"@node: ')],
    "the node's body raises": [(_COST, _COST + '    raise OSError("broken")\n')],
    "the node is renamed": [('"@node"', '"renamed"')],
    "the node is renamed, with an alias": [
        ('"@node"', '"renamed"'),
        ("inner.compile()", 'inner.compile(aliases={"@node": "renamed"} if "@graph" == "inner" else {})'),
        (_COMPILE, _COMPILE + 'aliases={"@node": "renamed"} if "@graph" == "outer" else {}, '),
    ],
    "the node is removed": [],
    "the node's function is renamed": [("def @node(", "def other("), (", @node)", ", other)")],
    "the node's defer is set": [(_NODE, _NODE.replace(", @node)", ", @node, defer=True)"))],
    "an earlier node is renamed": [('"@before"', '"earlier"')],
    "an earlier node's body": [('{"said": ["@before"]', '{"said": ["earlier"]')],
    "a node is added before": [("@in", "")],
    "a node is added after": [(_NODE, _NODE + _EXTRA + '    @graph.add_edge("@node", "extra")\n')],
    "a sibling is added": [],
    "the sibling is renamed": [('"right"', '"the right"')],
    "the sibling is removed": [
        ('    outer.add_node("right", right)\n', ""),
        ('    outer.add_edge("ask", "right")\n', ""),
        ('["left", "right"]', '["left"]'),
    ],
    "the sibling starts elsewhere": [('outer.add_edge("ask", "right")', 'outer.add_edge("plan", "right")')],
    "the join becomes two edges": [
        (
            '    outer.add_edge(["left", "right"], "gather")\n',
            '    outer.add_edge("left", "gather")\n    outer.add_edge("right", "gather")\n',
        ),
    ],
    "the first question's text": [("@node: {what} size?", "@node: {what} weight?")],
    "the second question's text": [("@node: {which} street?", "@node: {which} town?")],
    "the first question's text, read from elsewhere": [('what, which = "what"', 'what, which = "say what"')],
    "the second question's text, read from elsewhere": [('= "what", "which"', '= "what", "say which"')],
    "the first question gets a schema": [(' size?")', ' size?", response_schema={"type": "string"})')],
    "the second question's schema": [('{"type": "string"}', '{"type": "string", "minLength": 1}')],
    "the questions' order": [(_SIZE, "@hold"), (_STREET, _SIZE), ("@hold", _STREET)],
    "a question is inserted first": [(_SIZE, '    interrupt("@node: delete the account?")\n' + _SIZE)],
    "a question is inserted between": [(_STREET, '    interrupt("@node: delete the account?")\n' + _STREET)],
    "a question is added last": [(_STREET, _STREET + '    interrupt("@node: delete the account?")\n')],
    "the first question is removed": [(_SIZE_OF, 'size = "none"')],
    "the second question is removed": [(_STREET, '    street = "none"\n')],
    "both questions are removed": [(_SIZE_OF, 'size = "none"'), (_STREET, '    street = "none"\n')],
    "the first question gets a condition": [(_SIZE_OF, _SIZE_OF + ' if state["said"] == [] else "none"')],
    "both questions have one text": [
        ("@node: {what} size?", "@node: size and street?"),
        ("@node: {which} street?", "@node: size and street?"),
    ],
    "a task is renamed": [("price(", "cost_of(")],
    "a task's arguments": [('price("for @node", 1)', 'price("for @node", 2)')],
    "the tasks' order": [(_COST, "@hold"), (_REST, _COST), ("@hold", _REST)],
    "a task is added": [(_COST, '    stock("more").result()\n' + _COST)],
    "a task is removed": [(_REST, '    rest = "plenty"\n')],
    "a key's reducer": [
        ("said: Annotated[list[str], operator.add]", "said: Annotated[list[str], lambda a, b: [*b, *a]]")
    ],
    "a key is removed": [("    note: str\n", ""), (', "note": "fragile"', ""), (" {state['note']}", "")],
    "a key is removed that is still read": [("    note: str\n", ""), (', "note": "fragile"', "")],
    "a key is added": [("    note: str\n", "    note: str\n    more: int\n")],
    "a key's type": [("    note: str\n", "    note: int\n"), ('"note": "fragile"', '"note": 7')],
    "the state class is renamed": [
        ("class State(", "class Order("),
        ("StateGraph(State)", "StateGraph(Order)"),
        ("state: State", "state: Order"),
    ],
    "a value's class is renamed": [("Parcel", "Box")],
    "a value's class gains a field": [("    weight: int\n", '    weight: int\n    colour: str = "red"\n')],
    "a value's class gains a needed field": [
        ("    weight: int\n", "    weight: int\n    colour: str\n"),
        ("Parcel(3)", 'Parcel(3, "red")'),
    ],
    "a value's class loses its field": [
        ("    weight: int\n", "    colour: str\n"),
        ("Parcel(3)", 'Parcel("red")'),
        (".weight", ".colour"),
    ],
    "a key is renamed, with an upcaster": [
        ("    note: str\n", "    remark: str\n"),
        ('"note": "fragile"', '"remark": "fragile"'),
        ("state['note']", "state['remark']"),
        _upcast('lambda old: {"remark": old["note"]}'),
    ],
    "a key's type, with an upcaster": [
        ("    note: str\n", "    note: list[str]\n"),
        ('"note": "fragile"', '"note": ["fragile"]'),
        ("state['note']", "state['note'][0]"),
        _upcast('lambda old: {"note": [old["note"]]}'),
    ],
    "a key's reducer, with an upcaster": [
        ("    note: str\n", "    note: Annotated[list[str], operator.add]\n"),
        ('"note": "fragile"', '"note": ["fragile"]'),
        ("state['note']", "state['note'][0]"),
        _upcast('lambda old: {"note": [old["note"]]}'),
    ],
    "a key is added that is read, with an upcaster": [
        ("    note: str\n", "    note: str\n    more: str\n"),
        ('"note": "fragile"', '"note": "frag", "more": "ile"'),
        ("state['note']}", "state['note']}{state['more']}"),
        _upcast('lambda old: {"note": "frag", "more": "ile"}'),
    ],
    "a value's class gains a needed field, with an upcaster": [
        ("    weight: int\n", "    weight: int\n    colour: str\n"),
        ("Parcel(3)", 'Parcel(3, "red")'),
        _upcast('lambda old: {"parcel": Parcel(old["parcel"].data["weight"], "red")}'),
    ],
    "a key that siblings write, with an upcaster": [_upcast('lambda old: {"said": [*old["said"]]}')],
    "a key that siblings write, with an upcaster of updates": [
        ("from clew.func import task\n", "from clew.func import task\nfrom clew.types import Upcaster\n"),
        _upcast('Upcaster(lambda old: {"said": [*old["said"]]}, updates=lambda update: update)'),
    ],
    "an upcaster that raises": [_upcast('lambda old: {"note": old["remark"]}')],
    "upcasters without the first": [(_COMPILE, _COMPILE + "upcasters={1: dict}, ")],
    "the route": [('return "large"', 'return "small"')],
    "the route's map": [('{"large": "sub", "small": END}', '{"large": "pay", "small": "sub"}')],
    "the sub-graph's node is renamed": [('"sub"', '"the sub"')],
    "the sub-graph is removed": [("inner.compile()", 'lambda state: {"said": ["no sub"]}')],
    "the sub-graph's other node is renamed": [('"begin"', '"first"'), ('["first"]', '["begin"]')],
    "a breakpoint is set on the node": [
        ("inner.compile()", 'inner.compile(interrupt_before=["check"] if "@node" == "check" else ())'),
        ("=stop", '=["@node"] if "@node" != "check" else ()'),
    ],
    "breakpoints are taken away": [("=stop", "=()")],
    "the graph's name": [('name="orders"', 'name="shop"')],
    "answers are bound by position": [(_COMPILE, _COMPILE + 'answers="position", ')],
}


_REMOVED: Final[dict[str, Edit]] = {
    "ask": [(_IN["ask"], ""), ('"ask", "left"', '"plan", "left"'), ('"ask", "right"', '"plan", "right"')],
    "left": [(_IN["left"], ""), ('["left", "right"]', '["right"]')],
    "check": [(_IN["check"], "")],
    "pay": [(_IN["pay"], "")],
}


def edited(name: str, place: str) -> str:
    """The program's text after an edit, for a thread that waits at this place."""
    node = NODES[place]
    graph = "inner" if node == "check" else "outer"
    before = {"check": "begin", "pay": "gather"}.get(node, "plan")
    edit = list(EDITS[name])
    if name == "the node is removed":
        edit = [(_NODE, ""), *_REMOVED[node]]
    elif name == "a node is added before":
        edit = [
            (
                _IN[node],
                _EXTRA
                + _IN[node].replace('"@"', "").replace(f'"{node}"', '"extra"')
                + f'    {graph}.add_edge("extra", "{node}")\n',
            )
        ]
    elif name == "a sibling is added":
        edit = [(_IN[node], _IN[node] + _EXTRA + _IN[node].replace(f'"{node}"', '"extra"'))]
    elif name == "an earlier node's body" and before == "gather":
        edit = [('[f"gather ', '[f"gathered ')]
    text = TEXT
    for old, new in edit:
        old, new = (
            part.replace("@node", node).replace("@graph", graph).replace("@before", before) for part in (old, new)
        )
        if old not in text:
            raise LookupError(f"{name!r}, {place!r}: the program does not have {old!r}")
        text = text.replace(old, new)
    if edit and text == TEXT:
        raise LookupError(f"{name!r}, {place!r} changes nothing")
    return text

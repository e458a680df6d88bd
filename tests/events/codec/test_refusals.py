"""What cannot be stored is refused at the write: with the path to it, its type, and what to do."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from typing import Any

import pytest
from clew.events.codec import Codec, encode_commit
from clew.events.errors import EncodeError
from clew.events.vocabulary import (
    Command,
    Commit,
    Interrupt,
    InterruptRaised,
    NodeCompleted,
    Overwrite,
    Payload,
    PlannedTask,
    Route,
    Send,
    StateUpdated,
    StepPlanned,
    Update,
    Write,
)
from langchain_core.messages import HumanMessage, ToolMessage
from pydantic import BaseModel, SecretStr

from tests.events.strategies import Loose, Order, Place
from tests.support.labels import steady

LOCK = threading.Lock()
DEEP = Payload({"y": LOCK})
QUESTION = InterruptRaised(task=0, question="q", scope="", ordinal=0, digest=b"", value=DEEP)


def refusal(value: Any, path: str = "$") -> EncodeError:
    with pytest.raises(EncodeError) as caught:
        Codec().encode_value(value, path)
    return caught.value


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (LOCK, "$"),
        ({"a": LOCK}, "$.a"),
        ({"a b": [LOCK]}, "$['a b'][0]"),
        ({3: {None: LOCK}}, "$[3][None]"),
        ({(1, 2): LOCK}, "$[(1, 2)]"),
        ({LOCK: 1}, f"$[{LOCK!r}]"),
        ([1, (2, [LOCK])], "$[1][1][0]"),
        ({"messages": [1, 2, ToolMessage("4", tool_call_id="c", artifact=LOCK)]}, "$.messages[2].artifact"),
        (HumanMessage("hi", additional_kwargs={"lock": LOCK}), "$.additional_kwargs.lock"),
        (HumanMessage("hi", lock=LOCK), "$.lock"),
        (Order("x", [LOCK]), "$.items[0]"),
        (Place(1, LOCK), "$.column"),
        (Loose(title=LOCK), "$.title"),
        (Loose(lock=[LOCK]), "$.lock[0]"),
        (Send("node", {"x": LOCK}), "$.arg.x"),
        (Command(update={"x": LOCK}), "$.update.x"),
        (Command(goto=[Send("node", LOCK)]), "$.goto[0].arg"),
        (Command(resume=LOCK), "$.resume"),
        (Overwrite([LOCK]), "$.value[0]"),
        (Interrupt({"x": LOCK}), "$.value.x"),
        (["\ud800", {"a": LOCK}], "$[1].a"),
        ([*range(20), LOCK], "$[20]"),
        ({"rows": [{"x": 1}] * 20 + [{"x": LOCK}]}, "$.rows[20].x"),
    ],
    ids=steady,
)
def test_a_refusal_names_the_path_and_the_type(value, path):
    error = refusal(value)
    assert error.path == path
    assert path in str(error)
    assert "lock" in str(error)


UNWRITABLE = [lambda: 1, print, open, int, io.StringIO(), (x for x in ""), object(), memoryview(b"")]


@pytest.mark.parametrize("value", UNWRITABLE)
def test_what_cannot_be_written_down_is_refused_with_advice(value):
    error = refusal({"x": value})
    assert type(value).__qualname__ in str(error)
    assert "register" in str(error)
    assert isinstance(error, TypeError)


@pytest.mark.parametrize("base", [dict, list, tuple, set, frozenset, str, bytes, int, float])
def test_sub_classes_of_built_in_types_are_refused_not_flattened(base):
    own = type("Own", (base,), {})
    error = refusal([own()])
    assert error.path == "$[0]"
    assert f"{base.__name__}(value)" in str(error)


def test_a_default_dict_with_a_factory_of_the_users_own_is_refused():
    from collections import defaultdict

    assert "default factory" in str(refusal({"x": defaultdict(lambda: 1)}))


def test_secrets_are_refused():
    class Settings(BaseModel):
        key: SecretStr

    assert refusal({"settings": Settings(key=SecretStr("hidden"))}).path == "$.settings.key"


def test_a_path_begins_where_the_caller_says():
    assert refusal([LOCK], "$.messages").path == "$.messages[0]"


def test_a_dump_that_raises_is_named():
    @dataclass
    class Broken:
        @property
        def x(self) -> Any:
            raise KeyError("gone")

    codec = Codec()
    codec.registry.register(Broken, dump=lambda value: value.x, load=lambda data: Broken())
    with pytest.raises(EncodeError, match=r"\$\.it: taking a .*Broken' apart raised KeyError: 'gone'"):
        codec.encode_value({"it": Broken()})


# --- values that contain themselves


def test_a_value_that_contains_itself_is_refused_with_both_places():
    rows: list[Any] = [1]
    rows.append({"again": rows})
    assert str(refusal({"x": rows})) == (
        "cannot store the value at $.x[1].again: it is the value at $.x again: "
        "a value that contains itself cannot be stored"
    )


def test_a_list_that_branches_into_itself_is_refused_at_once():
    rows: list[Any] = []
    rows.extend([rows] * 1000)
    assert refusal(rows).path == "$[0]"


@pytest.mark.parametrize("make", [lambda: Order("x"), lambda: Loose(title="x"), lambda: HumanMessage("x")])
def test_an_object_that_contains_itself_is_refused(make):
    value = make()
    if isinstance(value, Order):
        value.items.append(value)
    elif isinstance(value, Loose):
        value.title = [value]
    else:
        value.additional_kwargs["me"] = value
    assert "$ again" in str(refusal(value))


def test_shared_values_that_are_no_circle_are_stored():
    shared = {"x": [1, (2,)]}
    assert Codec().decode_value(Codec().encode_value([shared] * 30)) == [shared] * 30


# --- in commits


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (NodeCompleted(task=0, writes=[Write("a", Payload(1)), Write("messages", Payload([LOCK]))]), "$.messages[0]"),
        (StateUpdated(updates=[Update("node", [Write("x", DEEP)])]), "$.x.y"),
        (NodeCompleted(task=0, writes=[], routes=[Route("n", DEEP, True)]), "$.NodeCompleted.routes[0].payload.y"),
        (StepPlanned(tasks=[PlannedTask("n", True, DEEP)]), "$.StepPlanned.tasks[0].payload.y"),
        (QUESTION, "$.InterruptRaised.value.y"),
    ],
)
def test_a_refusal_in_a_commit_names_the_channel_or_the_event(event, path):
    with pytest.raises(EncodeError) as caught:
        encode_commit(Commit(b"x" * 16, 1, [event]), Codec())
    assert caught.value.path == path


def test_a_name_that_cannot_be_written_is_refused():
    with pytest.raises(EncodeError):
        encode_commit(Commit(b"x" * 16, 1, [NodeCompleted(task=0, writes=[Write("\ud800", Payload(1))])]), Codec())

"""Values as people keep them in a state, and messages: what properties of graphs, stores and codecs are run over."""

from __future__ import annotations

import datetime as dt
import ipaddress
import pathlib
import re
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    FunctionMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
)
from pydantic import HttpUrl

from ....events.vocabulary import Command, Interrupt, Overwrite, Send

texts = st.text(max_size=12)
"""Text that UTF-8 can hold."""
any_texts = st.text(st.characters(codec=None), max_size=8)
"""Text with lone surrogates too."""
names = st.text("abcdefgh_", min_size=1, max_size=6)
integers = st.integers() | st.integers(-(2**130), 2**130) | st.sampled_from([2**63, 2**64, -(2**63), -(2**63) - 1])
_zones = st.sampled_from([zoneinfo.ZoneInfo("Europe/Berlin"), zoneinfo.ZoneInfo("Asia/Kathmandu")])
_offsets = st.integers(-1439, 1439).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
_timezones = st.none() | st.just(dt.UTC) | _offsets | _zones
floats = st.floats(allow_nan=False)

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-1000, 1000), integers, floats, texts, any_texts, st.binary(max_size=8)
)
"""What msgpack holds as it is, and the numbers and strings that it does not."""

hashables: st.SearchStrategy[Any] = st.one_of(
    scalars,
    st.uuids(),
    st.dates(),
    st.decimals(allow_nan=False),
    st.datetimes(timezones=_timezones),
)
"""What can be a key or stand in a set."""

natives = st.one_of(
    st.builds(bytearray, st.binary(max_size=4)),
    st.complex_numbers(allow_nan=False),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.dates(),
    st.times(timezones=st.none() | st.just(dt.UTC) | _offsets),
    st.datetimes(timezones=_timezones),
    st.timedeltas(),
    _zones,
    texts.map(pathlib.PurePosixPath),
    texts.map(pathlib.PureWindowsPath),
    texts.map(pathlib.Path),
    st.sampled_from([re.compile("a+b", re.IGNORECASE), re.compile(rb"\d")]),
    st.ip_addresses(),
    st.ip_addresses(v=4).map(lambda address: ipaddress.ip_interface(f"{address}/24")),
    st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3)),
    st.just(HttpUrl("https://example.org/a?b=c")),
)


def containers(inner: st.SearchStrategy[Any], keys: st.SearchStrategy[Any] = hashables) -> list[st.SearchStrategy[Any]]:
    """What holds other values: collections, clew's own directives, messages."""
    lists = st.lists(inner, max_size=3)
    dicts = st.dictionaries(texts, inner, max_size=3)
    return [
        lists,
        dicts,
        lists.map(tuple),
        st.sets(keys, max_size=3),
        st.frozensets(keys, max_size=3),
        st.builds(deque, lists, st.none() | st.integers(3, 5)),
        st.dictionaries(keys | st.tuples(keys), inner, max_size=3),
        dicts.map(OrderedDict),
        dicts.map(lambda items: defaultdict(list, items)),
        st.lists(names, max_size=4).map(Counter),
        st.builds(Send, names, inner),
        st.builds(lambda update, goto: Command(update=update, goto=goto), dicts, st.lists(names, max_size=2)),
        st.builds(lambda resume: Command(resume=resume), inner),
        st.builds(Overwrite, inner),
        st.builds(Interrupt, inner, names, response_schema=st.none() | dicts),
        messages(inner),
    ]


def values(
    max_leaves: int = 8,
    *,
    keys: st.SearchStrategy[Any] = hashables,
    more: Callable[[st.SearchStrategy[Any]], Sequence[st.SearchStrategy[Any]]] = lambda inner: (),
) -> st.SearchStrategy[Any]:
    """Anything that people keep in a state: every kind of value that the codec takes but numpy's, nested.

    Args:
        max_leaves: how large a value may be.
        keys: what may be a key or stand in a set; with classes of your own added to `hashables`.
        more: from a strategy for what is inside to strategies for what holds it: classes of your own.
    """
    return st.recursive(
        scalars | natives, lambda inner: st.one_of(*containers(inner, keys), *more(inner)), max_leaves=max_leaves
    )


_json = st.none() | st.integers(0, 9) | names  # a chunk writes its calls as JSON when it is made
_ids = st.none() | st.uuids().map(str) | st.uuids().map(lambda id_: f"run--{id_}") | names


def messages(inner: st.SearchStrategy[Any] = scalars) -> st.SearchStrategy[Any]:
    """Messages of every class of langchain-core's, and documents, with `inner` where they hold what anybody likes."""
    extra = st.dictionaries(names, inner, max_size=2)
    content = texts | st.lists(texts | st.fixed_dictionaries({"type": st.just("text"), "text": texts}), max_size=2)
    common = {"content": content, "id": _ids, "additional_kwargs": extra, "response_metadata": extra}
    named = common | {"name": st.none() | names}
    usage = st.none() | st.just({"input_tokens": 3, "output_tokens": 4, "total_tokens": 7})
    of_model = named | {"tool_calls": _tool_calls(inner), "usage_metadata": usage}
    of_tool = named | {"tool_call_id": names, "artifact": inner, "status": st.sampled_from(["success", "error"])}
    made: list[st.SearchStrategy[Any]] = [st.builds(cls, **named) for cls in (HumanMessage, SystemMessage)]
    made += [st.builds(cls, **named) for cls in (HumanMessageChunk, SystemMessageChunk)]
    made += [st.builds(AIMessage, **of_model)]
    made += [st.builds(AIMessageChunk, **(of_model | {"tool_calls": _tool_calls(_json)}))]
    made += [st.builds(cls, **of_tool) for cls in (ToolMessage, ToolMessageChunk)]
    made += [st.builds(cls, **common, name=names) for cls in (FunctionMessage, FunctionMessageChunk)]
    made += [st.builds(cls, **named, role=names) for cls in (ChatMessage, ChatMessageChunk)]
    made += [st.builds(lambda id_: RemoveMessage(id=id_), names)]
    made += [st.builds(Document, page_content=texts, metadata=extra, id=st.none() | names)]
    return st.one_of(made)


def _tool_calls(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    arguments = st.dictionaries(names, inner, max_size=2)
    call = st.fixed_dictionaries({"name": names, "args": arguments, "id": names, "type": st.just("tool_call")})
    return st.lists(call, max_size=2)

"""The deploy gate: what it looks at, what it refuses to do, what it says."""

from __future__ import annotations

import asyncio
import json
import operator
import os
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

import msgspec
import pytest
from clew import END, START, Command, InMemorySaver, Send, StateGraph, ToolNode, interrupt
from clew.archive import export_threads
from clew.audit import CheckReport, Replay, ThreadVerdict, Verdict, check_graph
from clew.checkpoint import BaseCheckpointSaver
from clew.errors import EmptyCorpusError, UnknownThreadError
from clew.events.chain.digest import link
from clew.events.codec import Codec, decode_commit
from clew.events.stores.memory import MemoryStore
from clew.events.stores.store import Entry, Head
from clew.func import entrypoint, task
from clew.privacy import Keyring
from clew.store.memory import InMemoryStore
from clew.testing import save_log
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

from tests.guarantees.graphs import STORIES

CONFIG: dict[str, Any] = {"configurable": {"thread_id": "t"}}


class State(TypedDict):
    log: Annotated[list[str], operator.add]
    count: int


def ask(state: State) -> dict[str, Any]:
    return {"log": [interrupt("sure?")]}


def asking(saver: Any = None, node: Callable[..., Any] = ask, route: Any = None, **options: Any) -> Any:
    """`begin`, then `ask`, then `end`, by path functions."""
    builder = StateGraph(State).add_node("begin", lambda state: {"log": ["begin"], "count": 1})
    builder.add_node("ask", node).add_node("end", lambda state: {"log": ["end"]}).add_edge(START, "begin")
    builder.add_conditional_edges("begin", route or (lambda state: "ask" if state["count"] else END))
    return builder.add_edge("ask", "end").compile(checkpointer=saver, **options)


def recorded(node: Callable[..., Any] = ask, *, answered: bool = False, **options: Any) -> InMemorySaver:
    saver = InMemorySaver()
    graph = asking(saver, node, **options)
    graph.invoke({"log": ["in"]}, CONFIG)
    if answered:
        graph.invoke(Command(resume="yes"), CONFIG)
    return saver


def checked(graph: Any, source: Any, **options: Any) -> ThreadVerdict:
    (verdict,) = check_graph(graph, source, threads=["t"], **options).threads
    return verdict


# --- code that did not change


@pytest.mark.parametrize("story", STORIES)
def test_the_code_that_ran_is_the_same_wherever_a_thread_stands(story: str) -> None:
    make, moves = STORIES[story]
    saver = InMemorySaver()
    graph = make().copy({"checkpointer": saver})

    async def converse() -> None:
        for move in moves:
            given = move(await graph.aget_state(CONFIG)) if callable(move) else move
            await graph.ainvoke(given, CONFIG)
            for bodies in (False, True):
                assert checked(make(), saver, bodies=bodies).differences == ()

    asyncio.run(converse())


def test_updates_forks_and_new_input_are_the_same_too() -> None:
    saver = recorded()
    graph = asking(saver)
    graph.update_state(CONFIG, {"log": ["by hand"]}, as_node="begin")
    graph.invoke(None, CONFIG)
    first = [*graph.get_state_history(CONFIG)][-2]
    graph.invoke(None, first.config)
    graph.invoke(Command(update={"log": ["more"]}, goto="end"), CONFIG)
    graph.update_state(CONFIG, None, as_node=END)
    graph.invoke({"log": ["again"]}, CONFIG, durability="exit")
    for bodies in (False, True):
        assert checked(asking(), saver, bodies=bodies).differences == ()


def test_every_store_and_file_gives_the_same_verdict(saver: BaseCheckpointSaver, tmp_path: Path) -> None:
    graph = asking(saver)
    graph.invoke({"log": ["in"]}, CONFIG)
    rows = saver.store.read("t")
    export_threads(saver.store, tmp_path / "a.jsonl")
    save_log(saver, "t", tmp_path / "logs/t.jsonl")
    changed = asking(route=lambda state: "end")
    for source in (graph, saver, saver.store, tmp_path / "a.jsonl", tmp_path / "logs", tmp_path / "logs/t.jsonl"):
        assert check_graph(asking(), source, bodies=True).passed
        (verdict,) = check_graph(changed, source).threads
        assert (
            str(verdict)
            == "t: diverges at event 1.0: after 'begin' the thread went on to ask, this graph goes on to end"
        )
    assert saver.store.read("t") == rows


# --- routes, plans and state


def test_a_divergence_names_event_and_both_ways() -> None:
    verdict = checked(asking(route=lambda state: [Send("ask", state), "end"]), recorded())
    assert verdict.worst is not None
    assert (verdict.worst.event, verdict.worst.at, verdict.worst.node) == ("NodeCompleted", "1.0", "begin")
    assert (verdict.worst.recorded, verdict.worst.now) == (["ask"], ["ask (sent)", "end"])


def test_an_argument_that_is_sent_counts_and_its_messages_ids_do_not() -> None:
    def graph(text: str, saver: Any = None) -> Any:
        builder = StateGraph(State).add_node("leaf", lambda state: {"log": ["leaf"]})
        builder.add_conditional_edges(START, lambda state: [Send("leaf", {"said": AIMessage(text)})])
        return builder.compile(checkpointer=saver)

    saver = InMemorySaver()
    graph("one", saver).invoke({"log": []}, CONFIG)
    assert checked(graph("one"), saver).verdict is Verdict.SAME
    assert checked(graph("two"), saver).verdict is Verdict.DIVERGES


def test_conditional_edges_that_were_taken_away_are_seen_and_a_nodes_own_gotos_are_its_own() -> None:
    def static(node: Any) -> Any:
        builder = StateGraph(State).add_node("begin", node).add_node("ask", ask)
        builder.add_node("end", lambda state: {"log": ["end"]}).add_edge(START, "begin")
        return builder.add_edge("ask", "end").compile()

    saver = recorded()
    assert checked(static(lambda state: {"log": ["begin"], "count": 1}), saver).verdict is Verdict.DIVERGES
    routed = checked(static(lambda state: Command(update={"log": ["begin"], "count": 1}, goto="ask")), saver)
    assert routed.verdict is Verdict.SAME


def test_a_path_function_that_raises_now_is_a_divergence() -> None:
    def route(state: State) -> str:
        raise LookupError("no way")

    worst = checked(asking(route=route), recorded()).worst
    assert worst is not None
    assert worst.verdict is Verdict.DIVERGES
    assert worst.what == "a path function of 'begin' raises LookupError: no way"


def test_path_functions_are_given_config_and_context() -> None:
    def route(state: State, config: Any) -> str:
        return "ask" if config["configurable"]["flag"] else "end"

    saver = InMemorySaver()
    asking(saver, route=route).invoke({"log": []}, {"configurable": {"thread_id": "t", "flag": True}})
    assert checked(asking(route=route), saver).verdict is Verdict.SAME
    verdict = checked(asking(route=route), saver, configurable={"flag": False})
    assert verdict.verdict is Verdict.DIVERGES


def test_a_path_function_that_asked_is_given_the_answer() -> None:
    def route(state: State) -> str:
        return interrupt("where to?")

    def other(state: State) -> str:
        return interrupt("which way?")

    saver = InMemorySaver()
    graph = asking(saver, route=route)
    graph.invoke({"log": []}, CONFIG)
    assert checked(asking(route=route), saver, bodies=True).verdict is Verdict.SAME
    assert checked(asking(route=other), saver, bodies=True).verdict is Verdict.QUESTION_CHANGED
    graph.invoke(Command(resume="ask"), CONFIG)
    assert checked(asking(route=route), saver, bodies=True).verdict is Verdict.SAME
    worst = checked(asking(route=other), saver).worst
    assert worst is not None
    assert worst.verdict is Verdict.DIVERGES
    assert "it asks 'which way?', which is not what was answered" in worst.what


def test_async_path_functions_are_asked_too() -> None:
    async def route(state: State) -> str:
        await asyncio.sleep(0)
        return "end"

    assert checked(asking(route=route), recorded()).verdict is Verdict.DIVERGES


def test_async_path_functions_are_asked_inside_a_running_loop_too() -> None:
    async def route(state: State) -> str:
        await asyncio.sleep(0)
        return "ask"

    async def check() -> ThreadVerdict:
        return checked(asking(route=route), recorded())

    assert asyncio.run(check()).verdict is Verdict.SAME


def own(reducer: Callable[..., Any], saver: Any = None) -> Any:
    state = TypedDict("Own", {"log": Annotated[list, reducer]})  # noqa: UP013
    builder = StateGraph(state).add_node("one", lambda state: {"log": ["one"]}).add_edge(START, "one")
    return builder.compile(checkpointer=saver)


def test_a_rule_that_comes_to_the_same_is_the_same_and_one_that_does_not_says_both_values() -> None:
    def added(old: list[str], new: list[str]) -> list[str]:
        return [*old, *new]

    def backwards(old: list[str], new: list[str]) -> list[str]:
        return [*new, *old]

    saver = InMemorySaver()
    own(operator.add, saver).invoke({"log": ["in"]}, CONFIG)
    assert checked(own(added), saver).verdict is Verdict.SAME
    worst = checked(own(backwards), saver).worst
    assert worst is not None
    assert (worst.event, worst.recorded, worst.now) == ("StepCommitted", "['in', 'one']", "['one', 'in']")


def test_a_reducer_whose_results_are_not_on_record_is_compared_by_name() -> None:
    def first(old: list[str], new: list[str]) -> list[str]:
        return [*old, *new]

    def second(old: list[str], new: list[str]) -> list[str]:
        return [*old, *new]

    saver = InMemorySaver()
    own(first, saver).invoke({"log": ["in"]}, CONFIG)
    assert checked(own(first), saver).verdict is Verdict.SAME
    worst = checked(own(second), saver).worst
    assert worst is not None
    assert "whose results only its code knows" in worst.what


def test_many_small_differences_do_not_hide_a_worse_one() -> None:
    def looping(target: str, names: tuple[str, ...], saver: Any = None) -> Any:
        builder = StateGraph(State)
        for name in names:
            builder.add_node(name, ask if name.startswith("ask") else lambda state: {"count": state["count"] + 1})
        builder.add_edge(START, "step")
        builder.add_conditional_edges("step", lambda state: "step" if state["count"] < 50 else target)
        return builder.compile(checkpointer=saver)

    saver = InMemorySaver()
    looping("ask", ("step", "ask"), saver).invoke({"count": 0}, CONFIG)
    verdict = checked(looping(END, ("step", "asks"), None), saver)
    assert verdict.verdict is Verdict.NODE_GONE
    builder = StateGraph(State).add_node("step", lambda state: {}).add_edge(START, "step")
    builder.add_conditional_edges("step", lambda state: END)
    verdict = checked(builder.compile(), saver)
    assert sum(one.verdict is Verdict.DIVERGES for one in verdict.differences) == 20
    assert verdict.verdict is Verdict.NODE_GONE


def test_a_reducer_that_raises_now_is_a_divergence() -> None:
    def fussy(old: list[str], new: list[str]) -> list[str]:
        if "one" in new:
            raise ValueError("not that")
        return new

    saver = InMemorySaver()
    own(operator.add, saver).invoke({"log": ["in"]}, CONFIG)
    worst = checked(own(fussy), saver).worst
    assert worst is not None
    assert worst.what == "cannot merge the writes to 'log': not that"


def test_a_state_class_that_does_not_take_the_state_cannot_be_decoded() -> None:
    @dataclass
    class Strict:
        log: Annotated[list[str], operator.add]
        count: int = 0

        def __post_init__(self) -> None:
            if self.count:
                raise ValueError("count must be 0")

    def strict(state: Strict) -> dict[str, Any]:
        return {"log": [interrupt("sure?")]}

    verdict = checked(asking(node=strict), recorded())
    assert str(verdict) == "t: cannot decode: 'ask' cannot be given the state: ValueError: count must be 0"


# --- what bodies may do


def test_recorded_effects_are_played_back_and_new_ones_refused() -> None:
    done: list[str] = []

    @task
    def price(of: str) -> int:
        done.append(of)
        return 7

    def priced(state: State) -> dict[str, Any]:
        return {"log": [interrupt(f"{price('tea').result()} EUR?")]}

    def twice(state: State) -> dict[str, Any]:
        return {"log": [interrupt(f"{price('tea').result() + price('milk').result()} EUR?")]}

    saver = recorded(priced)
    assert done == ["tea"]
    assert checked(asking(node=priced), saver, bodies=True).verdict is Verdict.SAME
    verdict = checked(asking(node=twice), saver, bodies=True)
    assert str(verdict) == "t: not checked: its body needs a new effect: task 'price'"
    assert done == ["tea"]


def test_a_draft_that_is_on_record_is_not_made_again() -> None:
    made: list[int] = []

    def drafting(state: State) -> dict[str, Any]:
        def draft() -> str:
            made.append(1)
            return f"draft {len(made)}"

        return {"log": [interrupt(draft, key="draft")]}

    def other(state: State) -> dict[str, Any]:
        return {"log": [interrupt(lambda: made.append(1), key="another")]}

    saver = recorded(drafting)
    assert checked(asking(node=drafting), saver, bodies=True).verdict is Verdict.SAME
    assert checked(asking(node=other), saver, bodies=True).verdict is Verdict.NOT_CHECKED
    assert made == [1]


def test_a_tool_that_waits_runs_to_its_question_and_no_other_tool_runs() -> None:
    ran: list[str] = []

    def with_tools(question: str, saver: Any = None) -> Any:
        @tool
        def lookup(what: str) -> str:
            """Look something up."""
            ran.append("lookup")
            return what

        @tool
        def human(what: str) -> str:
            """Ask a person."""
            ran.append("human")
            return interrupt(f"{question} {what}")

        calls = [
            {"name": "lookup", "args": {"what": "a"}, "id": "1", "type": "tool_call"},
            {"name": "human", "args": {"what": "b"}, "id": "2", "type": "tool_call"},
        ]
        messages = TypedDict("M", {"messages": Annotated[list, operator.add]})  # noqa: UP013
        builder = StateGraph(messages).add_node("model", lambda state: {"messages": [AIMessage("", tool_calls=calls)]})
        builder.add_node("tools", ToolNode([lookup, human])).add_edge(START, "model").add_edge("model", "tools")
        return builder.compile(checkpointer=saver)

    saver = InMemorySaver()
    with_tools("what of", saver).invoke({"messages": []}, CONFIG)
    ran.clear()
    assert checked(with_tools("what of"), saver, bodies=True).verdict is Verdict.SAME
    assert checked(with_tools("how about"), saver, bodies=True).verdict is Verdict.QUESTION_CHANGED
    assert set(ran) == {"human"}


def connects() -> None:
    socket.create_connection(("127.0.0.1", 9), timeout=1)


def fetches() -> None:
    urllib.request.urlopen("http://127.0.0.1:9/", timeout=1)


def looks_up() -> None:
    socket.getaddrinfo("localhost", 80)


def starts_a_program() -> None:
    subprocess.run(["true"], check=False)


def writes_a_file() -> None:
    Path("left-behind.txt").write_text("here")


def removes_a_file() -> None:
    os.remove("no-such-file")


def from_a_thread() -> None:
    thread = threading.Thread(target=connects)
    thread.start()
    thread.join()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    "reach",
    [connects, fetches, looks_up, starts_a_program, writes_a_file, removes_a_file, from_a_thread],
    ids=lambda reach: reach.__name__,
)
@pytest.mark.parametrize("swallows", [False, True])
def test_nothing_outside_is_reached_and_that_is_said(
    reach: Callable[[], None], swallows: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def reaching(state: State) -> dict[str, Any]:
        try:
            reach()
        except BaseException:
            if not swallows:
                raise
        return {"log": [interrupt("sure?")]}

    worst = checked(asking(node=reaching), recorded(), bodies=True).worst
    assert worst is not None
    assert worst.verdict is Verdict.NOT_CHECKED
    assert worst.what.startswith("its body needs a new effect: ")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("swallows", [False, True])
def test_path_functions_reach_nothing_either(swallows: bool) -> None:
    def route(state: State) -> str:
        try:
            connects()
        except BaseException:
            if not swallows:
                raise
        return "ask"

    worst = checked(asking(route=route), recorded()).worst
    assert worst is not None
    assert worst.verdict is Verdict.NOT_CHECKED
    assert "the network (socket.getaddrinfo)" in worst.what


def test_once_it_is_done_everything_is_within_reach_again(tmp_path: Path) -> None:
    checked(asking(), recorded(), bodies=True)
    (tmp_path / "file").write_text("written")
    assert socket.getaddrinfo("localhost", 80)


def test_the_long_term_store_is_read_and_never_written() -> None:
    memory = InMemoryStore()
    memory.put(("users",), "ada", {"name": "Ada"})

    def reads(state: State, store: Any) -> dict[str, Any]:
        return {"log": [interrupt(f"sure, {store.get(('users',), 'ada').value['name']}?")]}

    def writes(state: State, store: Any) -> dict[str, Any]:
        store.put(("users",), "ada", {"name": "Eve"})
        return reads(state, store)

    reads.__annotations__["store"] = writes.__annotations__["store"] = "BaseStore"
    saver = recorded(reads, store=memory)
    assert checked(asking(node=reads, store=memory), saver, bodies=True).verdict is Verdict.SAME
    assert checked(asking(node=writes, store=memory), saver, bodies=True).verdict is Verdict.NOT_CHECKED
    item = memory.get(("users",), "ada")
    assert item is not None
    assert item.value == {"name": "Ada"}


def test_what_follows_a_question_that_is_gone_does_not_run() -> None:
    ran: list[str] = []
    builder = StateGraph(State).add_node("begin", lambda state: {"log": ["begin"], "count": 1})
    builder.add_node("ask", lambda state: {"log": ["no question"]}).add_node("end", lambda state: ran.append("end"))
    builder.add_edge(START, "begin").add_edge("begin", "ask").add_edge("ask", "end")
    verdict = checked(builder.compile(), recorded(), bodies=True)
    assert str(verdict) == "t: question changed: it does not ask 'sure?' any more"
    assert ran == []


def test_async_bodies_run_to_their_question() -> None:
    async def later(state: State) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"log": [interrupt("sure?")]}

    async def other(state: State) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"log": [interrupt("really?")]}

    saver = recorded()
    assert checked(asking(node=later), saver, bodies=True).verdict is Verdict.SAME
    verdict = checked(asking(node=other), saver, bodies=True)
    assert str(verdict) == "t: question changed: it asks 'really?' in place of 'sure?'"


def test_tools_without_a_sync_form_run_to_their_question() -> None:
    @tool
    async def human(what: str) -> str:
        """Ask a person."""
        return interrupt(f"what of {what}")

    call = {"name": "human", "args": {"what": "b"}, "id": "2", "type": "tool_call"}
    messages = TypedDict("M", {"messages": Annotated[list, operator.add]})  # noqa: UP013
    builder = StateGraph(messages).add_node("tools", ToolNode([human])).add_edge(START, "tools")
    saver = InMemorySaver()
    given = {"messages": [AIMessage("", tool_calls=[call])]}
    asyncio.run(builder.compile(checkpointer=saver).ainvoke(given, CONFIG))
    assert checked(builder.compile(), saver, bodies=True).verdict is Verdict.SAME


def test_workflows_are_checked_as_graphs_are() -> None:
    def workflow(text: str, saver: Any = None) -> Any:
        @task
        def twice(number: int) -> int:
            return 2 * number

        @entrypoint(checkpointer=saver)
        def flow(number: int) -> str:
            return interrupt(f"{text} {twice(number).result()}?")

        return flow

    saver = InMemorySaver()
    workflow("pay", saver).invoke(4, CONFIG)
    assert checked(workflow("pay"), saver, bodies=True).verdict is Verdict.SAME
    assert checked(workflow("spend"), saver, bodies=True).verdict is Verdict.QUESTION_CHANGED


def test_a_failure_that_is_on_record_is_no_news() -> None:
    def fails(state: State) -> dict[str, Any]:
        said = interrupt("sure?")
        raise OSError(f"no line after {said!r}")

    saver = InMemorySaver()
    graph = asking(saver, fails)
    graph.invoke({"log": []}, CONFIG)
    with pytest.raises(OSError, match="no line"):
        graph.invoke(Command(resume="yes"), CONFIG)
    assert checked(asking(node=fails), saver, bodies=True).verdict is Verdict.SAME


# --- which threads


def many(count: int, name: str = "orders") -> InMemorySaver:
    saver = InMemorySaver()
    graph = asking(saver, name=name)
    for number in range(count):
        at: dict[str, Any] = {"configurable": {"thread_id": f"t{number}"}}
        graph.invoke({"log": []}, at)
        if number % 2:
            graph.invoke(Command(resume="yes"), at)
    return saver


def threads(report: CheckReport) -> list[str]:
    return [one.thread for one in report.threads]


def test_paused_threads_are_looked_at_unless_all_are_asked_for(tmp_path: Path) -> None:
    saver = many(4)
    export_threads(saver.store, tmp_path / "all.jsonl.gz")
    for source in (saver, tmp_path / "all.jsonl.gz", tmp_path):
        graph = asking(name="orders")
        assert sorted(threads(check_graph(graph, source))) == ["t0", "t2"]
        assert sorted(threads(check_graph(graph, source, threads="all"))) == ["t0", "t1", "t2", "t3"]
        assert threads(check_graph(graph, source, threads=["t3"])) == ["t3"]
        with pytest.raises(UnknownThreadError, match="'t9'"):
            check_graph(graph, source, threads=["t9"])


def test_a_sample_is_the_same_each_time(tmp_path: Path) -> None:
    saver = many(12)
    export_threads(saver.store, tmp_path / "all.jsonl")
    graph = asking(name="orders")
    first = threads(check_graph(graph, saver, threads="all", sample=5))
    assert len(first) == 5
    for source in (saver, saver.store, tmp_path):
        assert sorted(threads(check_graph(graph, source, threads="all", sample=5))) == sorted(first)
    assert len(threads(check_graph(graph, saver, threads="all", sample=99))) == 12
    with pytest.raises(ValueError, match="sample is 0"):
        check_graph(graph, saver, sample=0)


def test_no_thread_is_no_pass(tmp_path: Path) -> None:
    with pytest.raises(EmptyCorpusError, match="no paused thread"):
        check_graph(asking(), InMemorySaver())
    with pytest.raises(EmptyCorpusError, match="no thread to check"):
        check_graph(asking(), tmp_path, threads="all")
    with pytest.raises(EmptyCorpusError, match=r"of graph 'shop'; those that are there belong to 'orders' \(2\)"):
        check_graph(asking(name="shop"), many(4))
    assert check_graph(asking(name="shop"), many(4), graphs=["orders"]).passed


def test_a_thread_that_cannot_be_read_is_said_to_be_and_the_others_are_checked() -> None:
    saver = many(4)
    read = saver.store.read

    def damaged(thread: str, *args: Any, **options: Any) -> Any:
        rows = read(thread, *args, **options)
        return rows[1:] if thread == "t2" else rows

    saver.store.read = damaged  # type: ignore[method-assign]
    report = check_graph(asking(name="orders"), saver, threads="all")
    assert {one.thread: str(one.verdict) for one in report.threads} == {
        **dict.fromkeys(("t0", "t1", "t3"), "same"),
        "t2": "cannot decode",
    }


def test_an_encrypted_store_is_checked_with_its_keys_and_not_without() -> None:
    ring = Keyring({"k": bytes(32)})
    store = MemoryStore()
    saver = BaseCheckpointSaver(store, cipher=ring)
    asking(saver, name="orders").invoke({"log": []}, CONFIG)
    report = check_graph(asking(name="orders"), saver, bodies=True)
    assert report.passed
    (verdict,) = check_graph(asking(name="orders"), store).threads
    assert verdict.verdict is Verdict.CANNOT_DECODE
    assert "encrypted" in str(verdict)


def test_an_event_of_a_newer_clew_cannot_be_decoded() -> None:
    saver = recorded()
    rows = saver.store.read("t")
    commit = decode_commit(rows[-1].body, Codec(), thread="t", version=rows[-1].version)
    newer = [99, "", 0, "whatever"]
    body = msgspec.msgpack.encode([b"7" * 16, commit.time + 1, [newer], "", "", "", 1])
    digest = link(rows[-1].digest, body)
    saver.store.append(Entry("t", rows[-1].version, b"7" * 16, digest, body, Head()))
    assert str(checked(asking(), saver)) == "t: cannot decode: event 99 is of a newer clew: upgrade to read it"


# --- what is said


def test_the_policy_lets_pass_what_it_names() -> None:
    saver = many(4)
    changed = asking(name="orders", route=lambda state: "end")
    report = check_graph(changed, saver, threads="all")
    assert not report.passed
    assert len(report.forbidden) == 4
    assert check_graph(changed, saver, threads="all", allow=["diverges"]).passed
    with pytest.raises(ValueError, match="use one of 'cannot decode'"):
        check_graph(changed, saver, allow=["different"])
    with pytest.raises(AssertionError, match="failed: 4 threads not allowed"):
        report.assert_passed()
    check_graph(asking(name="orders"), saver).assert_passed()


def test_the_report_is_for_people_and_for_programs() -> None:
    saver = many(4)
    told: list[ThreadVerdict] = []
    report = check_graph(asking(name="orders", route=lambda state: "end"), saver, threads="all", progress=told.append)
    assert tuple(told) == report.threads
    lines = report.lines(shown_max=1)
    assert lines[0] == f"orders: 4 threads, {report.events} events"
    assert "       4  diverges" in lines
    assert "diverges (not allowed):" in lines
    assert "  ... and 3 threads more" in lines
    assert lines[-1] == "failed: 4 threads not allowed"
    read = json.loads(json.dumps(report.as_json()))
    assert (read["graph"], read["passed"], read["checked"]) == ("orders", False, 4)
    assert read["counts"]["diverges"] == 4
    (first, *_) = read["threads"]
    assert first["verdict"] == "diverges"
    difference = first["differences"][0]
    assert (difference["event"], difference["recorded"], difference["now"]) == ("NodeCompleted", ["ask"], ["end"])


def test_a_check_of_many_threads_holds_one_at_a_time() -> None:
    store = many(6).store
    alive: list[int] = []
    read = store.read

    class Rows(list):  # type: ignore[type-arg]
        def __init__(self, rows: Any) -> None:
            super().__init__(rows)
            alive.append(1)

        def __del__(self) -> None:
            alive.pop()

    most = 0

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal most
        most = max(most, len(alive))
        return Rows(read(*args, **options))

    store.read = counted  # type: ignore[method-assign]
    assert check_graph(asking(name="orders"), BaseCheckpointSaver(store), threads="all").passed
    assert most <= 2
    assert isinstance(store, MemoryStore)


# --- states of an earlier schema


class Renamed(TypedDict):
    log: Annotated[list[str], operator.add]
    number: int


def renamed(upcast: Any, saver: Any = None, route: Any = None) -> Any:
    """`asking`, after `count` was renamed: a path function of it asks for the new name."""
    builder = StateGraph(Renamed).add_node("begin", lambda state: {"log": ["begin"], "number": 1})
    builder.add_node("ask", ask).add_node("end", lambda state: {"log": ["end"]}).add_edge(START, "begin")
    builder.add_conditional_edges("begin", route or (lambda state: "ask" if state["number"] else END))
    return builder.add_edge("ask", "end").compile(checkpointer=saver, upcasters={0: upcast})


def test_path_functions_see_a_state_of_an_earlier_schema_as_upcasters_make_it() -> None:
    def upcast(old: State) -> dict[str, Any]:
        return {"number": old["count"]}

    saver = recorded()
    for bodies in (False, True):
        assert checked(renamed(upcast), saver, bodies=bodies).differences == ()
        assert checked(renamed(lambda old: {"number": 0}), saver, bodies=bodies).verdict is Verdict.DIVERGES
        assert checked(renamed(upcast, route=lambda state: "end"), saver).verdict is Verdict.DIVERGES


def test_a_thread_that_was_brought_up_is_the_same_and_replays() -> None:
    def upcast(old: State) -> dict[str, Any]:
        return {"number": old["count"]}

    saver = recorded()
    graph = renamed(upcast, saver)
    assert graph.invoke(Command(resume="yes"), CONFIG)["number"] == 1
    for bodies in (False, True):
        assert checked(renamed(upcast), saver, bodies=bodies).differences == ()
    replay = Replay("t", saver.store)
    assert replay.at(1).values == {"log": ["in", "begin"], "count": 1}
    assert replay.at(-1).values == graph.get_state(CONFIG).values
    assert [moment.digest for moment in replay] == [moment.digest for moment in Replay("t", saver.store, graph=graph)]


def test_a_state_that_cannot_be_brought_up_cannot_be_decoded() -> None:
    for upcast in (lambda old: {"number": old["many"]}, lambda old: connects() or {}):
        verdict = checked(renamed(upcast), recorded())
        assert verdict.verdict in (Verdict.CANNOT_DECODE, Verdict.NOT_CHECKED)
    assert "thread 't' holds a state of schema version 0" in str(checked(renamed(lambda old: old["no"]), recorded()))


def test_a_reducer_that_reaches_outside_is_not_checked() -> None:
    def reaching(old: list[str], new: list[str]) -> list[str]:
        connects()
        return [*old, *new]

    saver = InMemorySaver()
    own(operator.add, saver).invoke({"log": ["in"]}, CONFIG)
    assert checked(own(reaching), saver).verdict is Verdict.NOT_CHECKED

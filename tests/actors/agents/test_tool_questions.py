"""Tools that ask a person: the tutorial's graph, questions in parallel calls, and what runs again after an answer."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from itertools import count
from typing import Annotated, Any

import pytest
from clew import (
    START,
    Command,
    InMemorySaver,
    Interrupt,
    MessagesState,
    Runtime,
    Send,
    SqliteSaver,
    StateGraph,
    ToolNode,
    interrupt,
    tools_condition,
)
from clew.errors import QuestionNotReproducibleError
from clew.prebuilt import InjectedState, InjectedToolCallId
from clew.testing import ScriptedModel, after_tool, call, reply_to
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool

from .tool_graphs import THREAD, asking_for, called, contents, tools_graph

PATIENCE_SECONDS = 10


@tool
def human_assistance(query: str) -> str:
    """Ask a person."""
    return interrupt({"query": query})["data"]


def tutorial_graph(checkpointer: Any, tools: list[Any] | None = None, runtime: Runtime | None = None) -> Any:
    """The human-in-the-loop tutorial: a chatbot, its tools, and back."""
    tools = tools or [human_assistance]
    model = ScriptedModel(
        [
            reply_to("expert", ["Let me ask.", call("human_assistance", query="How do I build an agent?")]),
            after_tool("human_assistance", lambda messages: f"The expert says: {messages[-1].text}"),
        ]
    ).bind_tools(tools)

    def chatbot(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("chatbot", chatbot)
    builder.add_node("tools", ToolNode(tools=tools))
    builder.add_conditional_edges("chatbot", tools_condition)
    builder.add_edge("tools", "chatbot")
    builder.add_edge(START, "chatbot")
    return builder.compile(checkpointer=checkpointer, runtime=runtime)


QUESTION = {"messages": [{"role": "user", "content": "I need an expert"}]}
ANSWER = Command(resume={"data": "Use clew."})


def questions_of(graph: Any, config: Any = THREAD) -> dict[Any, Interrupt]:
    """The open questions of a thread, by what they ask, in the order they are shown."""
    return {question.value: question for question in graph.get_state(config).interrupts}


def test_the_tutorials_tool_asks_and_the_answer_becomes_its_message():
    graph = tutorial_graph(InMemorySaver())
    paused = graph.invoke(QUESTION, THREAD)
    assert [question.value for question in paused["__interrupt__"]] == [{"query": "How do I build an agent?"}]
    assert graph.get_state(THREAD).next == ("tools",)
    done = graph.invoke(ANSWER, THREAD)
    *_, asked, said, last = done["messages"]
    assert (said.content, said.name, said.status) == ("Use clew.", "human_assistance", "success")
    assert said.tool_call_id == asked.tool_calls[0]["id"]
    assert last.content == "The expert says: Use clew."
    assert graph.get_state(THREAD).next == ()


def test_the_tutorials_tool_asks_async_callers_too():
    async def talk() -> Any:
        graph = tutorial_graph(InMemorySaver())
        await graph.ainvoke(QUESTION, THREAD)
        assert (await graph.aget_state(THREAD)).next == ("tools",)
        return await graph.ainvoke(ANSWER, THREAD)

    assert asyncio.run(talk())["messages"][-1].content == "The expert says: Use clew."


def test_one_chunk_of_updates_has_the_messages_in_call_order():
    graph = tools_graph(ToolNode([approval("a"), approval("b"), counted(Counter())]))
    input = asking_for(called("approve_b", "1"), called("note", "2", text="x"), called("approve_a", "3"))
    chunks = list(graph.stream(input, THREAD))
    assert list(chunks[-1]) == ["__interrupt__"]
    ids = {question.value: question.id for question in chunks[-1]["__interrupt__"]}
    [chunk] = graph.stream(Command(resume={ids["a?"]: "yes", ids["b?"]: "no"}), THREAD)
    assert contents(chunk["tools"]) == ["b: no", "noted x", "a: yes"]


def approval(name: str, before: Any = None, after: Any = None) -> Any:
    """A tool `approve_<name>` that asks `<name>?`; `before` and `after` are called around the question."""

    def approve() -> str:
        """Ask for approval."""
        if before:
            before()
        answer = interrupt(f"{name}?")
        if after:
            after()
        return f"{name}: {answer}"

    return tool(f"approve_{name}")(approve)


def counted(counts: Counter[str]) -> Any:
    """A tool with a side effect: it counts how often it ran."""

    @tool
    def note(text: str) -> str:
        """Note a text."""
        counts[text] += 1
        return f"noted {text}"

    return note


@pytest.mark.parametrize("order", [["a", "b"], ["b", "a"], ["ab"]], ids=["a first", "b first", "both at once"])
@pytest.mark.parametrize("slow", ["a", "b"])
def test_an_approval_is_delivered_to_the_tool_that_asked_however_slow_its_second_run(order: list[str], slow: str):
    # The peer delivers by the order in which threads reach interrupt(): the slower tool got the other's answer.
    fast_is_through = threading.Event()
    attempts: Counter[str] = Counter()

    def before() -> None:
        attempts["slow"] += 1
        if attempts["slow"] > 1 and order == ["ab"]:
            assert fast_is_through.wait(PATIENCE_SECONDS)

    tools = [approval(name, before) if name == slow else approval(name, after=fast_is_through.set) for name in "ab"]
    graph = tools_graph(ToolNode(tools))
    graph.invoke(asking_for(called("approve_a", "1"), called("approve_b", "2")), THREAD)
    asked = questions_of(graph)
    assert list(asked) == ["a?", "b?"]
    done: Any = None
    for names in order:
        done = graph.invoke(Command(resume={asked[f"{name}?"].id: f"yes to {name}" for name in names}), THREAD)
    assert contents(done) == ["a: yes to a", "b: yes to b"]


def test_all_questions_surface_together_in_call_order():
    # The first to be called is the last to ask.
    b_asked = threading.Event()
    tools = [approval("a", lambda: b_asked.wait(PATIENCE_SECONDS)), approval("b", b_asked.set)]
    graph = tools_graph(ToolNode(tools))
    paused = graph.invoke(asking_for(called("approve_a", "1"), called("approve_b", "2")), THREAD)
    assert [question.value for question in paused["__interrupt__"]] == ["a?", "b?"]
    assert len({question.id for question in paused["__interrupt__"]}) == 2


def test_a_tool_beside_an_asking_one_runs_once():
    # The peer runs it again at every resume: three times for two questions.
    counts: Counter[str] = Counter()
    graph = tools_graph(ToolNode([approval("a"), approval("b"), counted(counts)]))
    graph.invoke(
        asking_for(called("approve_a", "1"), called("note", "2", text="paid"), called("approve_b", "3")), THREAD
    )
    asked = questions_of(graph)
    graph.invoke(Command(resume={asked["a?"].id: "yes"}), THREAD)
    done = graph.invoke(Command(resume={asked["b?"].id: "yes"}), THREAD)
    assert counts == {"paid": 1}
    assert contents(done) == ["a: yes", "noted paid", "b: yes"]


def test_the_same_holds_for_async_tools():
    counts: Counter[str] = Counter()

    @tool
    async def approve(what: str) -> str:
        """Ask for approval."""
        await asyncio.sleep(0)
        return f"{what}: {interrupt(what)}"

    @tool
    async def pay(amount: int) -> str:
        """Pay."""
        await asyncio.sleep(0)
        counts["paid"] += amount
        return "paid"

    async def talk() -> Any:
        graph = tools_graph(ToolNode([approve, pay, counted(counts)]))
        input = asking_for(
            called("approve", "1", what="a"),
            called("pay", "2", amount=5),
            called("approve", "3", what="b"),
            called("note", "4", text="n"),
        )
        paused = await graph.ainvoke(input, THREAD)
        first, second = paused["__interrupt__"]
        assert (first.value, second.value) == ("a", "b")
        await graph.ainvoke(Command(resume={second.id: "no"}), THREAD)
        return await graph.ainvoke(Command(resume="yes"), THREAD)

    assert contents(asyncio.run(talk())) == ["a: yes", "paid", "b: no", "noted n"]
    assert counts == {"paid": 5, "n": 1}


def test_a_tool_asks_several_questions_one_after_the_other():
    @tool
    def book() -> str:
        """Book a trip."""
        return f"{interrupt('where to?')} on {interrupt('which day?')}"

    graph = tools_graph(ToolNode([book]))
    graph.invoke(asking_for(called("book")), THREAD)
    assert list(questions_of(graph)) == ["where to?"]
    graph.invoke(Command(resume="Rome"), THREAD)
    assert list(questions_of(graph)) == ["which day?"]
    assert contents(graph.invoke(Command(resume="Monday"), THREAD)) == ["Rome on Monday"]


def test_calls_whose_ids_repeat_or_are_missing_have_questions_of_their_own():
    attempts: Counter[str] = Counter()
    later_ones_asked = threading.Semaphore(0)

    @tool
    def ask(what: str) -> str:
        """Ask; in the second run the call made first asks last."""
        attempts[what] += 1
        if what == "a" and attempts[what] > 1:
            assert all(later_ones_asked.acquire(timeout=PATIENCE_SECONDS) for _ in "bc")
        try:
            return f"{what}: {interrupt(what)}"
        finally:
            if attempts[what] > 1:
                later_ones_asked.release()

    graph = tools_graph(ToolNode([ask]))
    calls = [called("ask", "same", what="a"), called("ask", "same", what="b"), {**called("ask", what="c"), "id": None}]
    graph.invoke(asking_for(*calls), THREAD)
    asked = questions_of(graph)
    assert list(asked) == ["a", "b", "c"]
    done = graph.invoke(Command(resume={question.id: name.upper() for name, question in asked.items()}), THREAD)
    assert contents(done) == ["a: A", "b: B", "c: C"]


def test_another_process_continues_and_plays_finished_calls_back(tmp_path):
    path = str(tmp_path / "threads.sqlite")
    counts: Counter[str] = Counter()

    def opened(saver: SqliteSaver, runtime: Runtime) -> Any:
        return tools_graph(ToolNode([human_assistance, counted(counts)]), checkpointer=saver, runtime=runtime)

    with SqliteSaver.from_conn_string(path) as saver, Runtime() as runtime:
        input = asking_for(called("note", "1", text="mail"), called("human_assistance", "2", query="send?"))
        opened(saver, runtime).invoke(input, THREAD)
    assert counts == {"mail": 1}
    with SqliteSaver.from_conn_string(path) as saver, Runtime() as runtime:
        graph = opened(saver, runtime)
        assert graph.get_state(THREAD).next == ("tools",)
        done = graph.invoke(Command(resume={"data": "yes"}), THREAD)
    assert contents(done) == ["noted mail", "yes"]
    assert counts == {"mail": 1}


def test_a_command_and_a_list_that_a_finished_call_returned_are_played_back():
    counts: Counter[str] = Counter()

    @tool
    def several(tool_call_id: Annotated[str, InjectedToolCallId]) -> Any:
        """Return a list."""
        counts["several"] += 1
        return [ToolMessage("listed", tool_call_id=tool_call_id), Command(goto="after")]

    reached: list[int] = []
    builder = StateGraph(MessagesState).add_node("tools", ToolNode([several, human_assistance]))
    builder.add_node("after", lambda state: reached.append(len(state["messages"])))
    graph = builder.add_edge(START, "tools").compile(checkpointer=InMemorySaver())
    graph.invoke(asking_for(called("several", "1"), called("human_assistance", "2", query="?")), THREAD)
    done = graph.invoke(Command(resume={"data": "yes"}), THREAD)
    assert contents(done) == ["listed", "yes"]
    assert counts == {"several": 1}
    assert reached == [3]


def test_every_call_sent_by_itself_is_a_task_of_its_own():
    @tool
    def ask(what: str, customer: Annotated[str, InjectedState("customer")]) -> str:
        """Ask."""
        return f"{customer}, {what}: {interrupt(what)}"

    def one_by_one(state: dict[str, Any]) -> list[Send]:
        calls = state["messages"][-1].tool_calls
        known = {"messages": state["messages"], "customer": "Ada"}
        inputs = [{"__type": "tool_call_with_context", "tool_call": one, "state": known} for one in calls]
        return [Send("tools", input) for input in inputs]

    builder = StateGraph(MessagesState).add_node("tools", ToolNode([ask]))
    graph = builder.add_conditional_edges(START, one_by_one, ["tools"]).compile(checkpointer=InMemorySaver())
    graph.invoke(asking_for(called("ask", "1", what="a"), called("ask", "2", what="b")), THREAD)
    asked = questions_of(graph)
    assert graph.get_state(THREAD).next == ("tools", "tools")
    done = graph.invoke(Command(resume={asked["b"].id: "B", asked["a"].id: "A"}), THREAD)
    assert contents(done) == ["Ada, a: A", "Ada, b: B"]


def test_a_node_may_call_a_tool_node_itself():
    counts: Counter[str] = Counter()
    inner = ToolNode([approval("a"), approval("b"), counted(counts)])

    def work(state: MessagesState) -> Any:
        return inner.invoke(state)

    graph = tools_graph(work)
    graph.invoke(asking_for(called("approve_a", "1"), called("approve_b", "2"), called("note", "3", text="n")), THREAD)
    asked = questions_of(graph)
    done = graph.invoke(Command(resume={asked["b?"].id: "no", asked["a?"].id: "yes"}), THREAD)
    assert contents(done) == ["a: yes", "b: no", "noted n"]
    assert counts == {"n": 1}


def test_a_tool_that_swallows_the_pause_pauses_all_the_same():
    @tool
    def careless() -> str:
        """Catch everything."""
        try:
            return f"answered {interrupt('really?')}"
        except BaseException:
            return "swallowed"

    graph = tools_graph(ToolNode([careless, approval("b")], handle_tool_errors=True))
    graph.invoke(asking_for(called("careless", "1"), called("approve_b", "2")), THREAD)
    asked = questions_of(graph)
    assert list(asked) == ["really?", "b?"]
    done = graph.invoke(Command(resume={asked["b?"].id: "yes", asked["really?"].id: "yes"}), THREAD)
    assert contents(done) == ["answered yes", "b: yes"]


@pytest.mark.parametrize("handled", [True, "text", Exception, (BaseException,), lambda error: "told"])
def test_no_setting_of_handle_tool_errors_handles_a_pause(handled: Any):
    graph = tools_graph(ToolNode([human_assistance], handle_tool_errors=handled))
    paused = graph.invoke(asking_for(called("human_assistance", query="?")), THREAD)
    assert contents(paused) == []
    assert [question.value for question in paused["__interrupt__"]] == [{"query": "?"}]


def test_an_error_beside_a_question_waits_for_the_answer_and_is_said(caplog: pytest.LogCaptureFixture):
    attempts = count(1)

    @tool
    def flaky() -> str:
        """Fail the first time."""
        if next(attempts) == 1:
            raise ValueError("not yet")
        return "at last"

    graph = tools_graph(ToolNode([flaky, human_assistance]))
    graph.invoke(asking_for(called("flaky", "1"), called("human_assistance", "2", query="?")), THREAD)
    assert "tool 'flaky' raised ValueError('not yet') beside a tool that asks" in caplog.text
    assert contents(graph.invoke(Command(resume={"data": "yes"}), THREAD)) == ["at last", "yes"]


def test_new_code_of_a_tool_asks_its_new_question_instead_of_taking_the_old_answer():
    saver = InMemorySaver()

    @tool("pay")
    def pay_ten() -> str:
        """Pay."""
        return f"paid 10: {interrupt('pay 10?')}"

    @tool("pay")
    def pay_million() -> str:
        """Pay."""
        return f"paid 1,000,000: {interrupt('pay 1,000,000?')}"

    tools_graph(ToolNode([pay_ten]), checkpointer=saver).invoke(asking_for(called("pay")), THREAD)
    graph = tools_graph(ToolNode([pay_million]), checkpointer=saver)
    asked_again = graph.invoke(Command(resume="yes"), THREAD)
    assert [question.value for question in asked_again["__interrupt__"]] == ["pay 1,000,000?"]
    assert contents(graph.invoke(Command(resume="no"), THREAD)) == ["paid 1,000,000: no"]


def test_a_question_that_cannot_be_repeated_is_not_told_to_the_model():
    drafts = count(1)

    @tool
    def draft() -> str:
        """Ask about a draft that is made anew each time."""
        return interrupt(f"draft {next(drafts)}")

    graph = tools_graph(ToolNode([draft], handle_tool_errors=True))
    graph.invoke(asking_for(called("draft")), THREAD)
    with pytest.raises(QuestionNotReproducibleError, match="draft 2"):
        graph.invoke(Command(resume="fine"), THREAD)


def test_asking_outside_of_a_graph_is_an_error_that_says_so():
    with pytest.raises(RuntimeError, match="outside of a running graph"):
        ToolNode([human_assistance]).invoke(asking_for(called("human_assistance", query="?")))


def test_a_question_in_a_graph_without_a_checkpointer_shows_and_warns():
    graph = tools_graph(ToolNode([human_assistance]), checkpointer=False)
    with pytest.warns(UserWarning, match="without a checkpointer"):
        paused = graph.invoke(asking_for(called("human_assistance", query="?")))
    assert [question.value for question in paused["__interrupt__"]] == [{"query": "?"}]


def test_a_new_message_leaves_the_question_behind():
    graph = tutorial_graph(InMemorySaver())
    graph.invoke(QUESTION, THREAD)
    again = graph.invoke({"messages": [HumanMessage("I need another expert")]}, THREAD)
    assert len(again["__interrupt__"]) == 1
    assert graph.invoke(ANSWER, THREAD)["messages"][-1].content == "The expert says: Use clew."

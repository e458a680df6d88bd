"""Section 23, tools_condition, create_react_agent and the review of tool calls, statement by statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest
from clew.checkpoint.memory import InMemorySaver
from clew.errors import is_invalid_resume
from clew.graph import END, START, MessagesState, StateGraph, add_messages
from clew.managed import RemainingSteps
from clew.prebuilt import HumanInTheLoop, ToolNode, ToolRuntime, after_review, create_react_agent, tools_condition
from clew.prebuilt.chat_agent_executor import AgentState, AgentStatePydantic, create_tool_calling_executor
from clew.store.memory import InMemoryStore
from clew.testing import ScriptedModel, call, otherwise, when
from clew.types import Command, interrupt
from clew.warnings import LangGraphDeprecatedSinceV10
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run
from pydantic import BaseModel, ValidationError

from .callers import AsyncCaller, Caller, run

THREAD = {"configurable": {"thread_id": "1"}}
HELLO = {"messages": [("user", "hello")]}
NEED_MORE_STEPS = "Sorry, need more steps to process this request."


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def ask(question: str) -> str:
    """Ask a person."""
    return interrupt(question)


@tool(return_direct=True)
def fetch(number: int) -> str:
    """Fetch it."""
    return f"fetched {number}"


def called(name: str, id: str = "1", /, **arguments: Any) -> ToolCall:
    return ToolCall(name=name, args=arguments, id=id, type="tool_call")


def calling(*calls: ToolCall) -> ScriptedModel:
    """A model that makes these calls, and says "done" when it hears of tools."""
    spoken = AIMessage("", tool_calls=[*calls])
    heard_of_tools = when(lambda messages: messages[-1].type == "tool", "done")
    return ScriptedModel([heard_of_tools, otherwise(lambda messages: spoken.model_copy(deep=True))])


def saying(text: str | Callable[[Any], str] = "hi") -> ScriptedModel:
    return ScriptedModel([otherwise(text)])


def heard(messages: Any) -> str:
    """What a model was given, for it to say."""
    return " | ".join(f"{message.type}:{message.content}" for message in messages)


def contents(state: Any) -> list[Any]:
    return [message.content for message in state["messages"]]


@pytest.fixture
def memory() -> InMemorySaver:
    return InMemorySaver()


@pytest.fixture(params=["v1", "v2"])
def version(request: pytest.FixtureRequest) -> Any:
    return request.param


# --- tools_condition


@dataclass
class Record:
    messages: list[AnyMessage]


@pytest.mark.parametrize("form", [lambda m: m, lambda m: {"messages": m}, Record])
def test_tools_condition_leads_to_the_tools_or_the_end(form: Any):
    assert tools_condition(form([AIMessage("", tool_calls=[called("add")])])) == "tools"
    assert tools_condition(form([AIMessage("hi")])) == END
    assert tools_condition(form([HumanMessage("hi")])) == END
    with pytest.raises(ValueError, match="no message"):
        tools_condition(form([]))


def test_tools_condition_reads_another_key():
    assert tools_condition({"chat": [AIMessage("", tool_calls=[called("add")])]}, messages_key="chat") == "tools"
    with pytest.raises(ValueError, match="messages"):
        tools_condition({"chat": []})


# --- create_react_agent: shape


def edges(graph: Any) -> set[tuple[str, str, bool]]:
    return {(edge.source, edge.target, edge.conditional) for edge in graph.get_graph().edges}


def test_it_is_put_aside_in_name_only():
    with pytest.warns(LangGraphDeprecatedSinceV10):
        create_react_agent(saying(), [])
    assert create_tool_calling_executor is create_react_agent
    assert issubclass(LangGraphDeprecatedSinceV10, DeprecationWarning)


def test_nodes_and_edges_of_each_combination(version: Any):
    plain = create_react_agent(saying(), [add], version=version)
    assert set(plain.nodes) == {"__start__", "agent", "tools"}
    assert edges(plain) == {
        ("__start__", "agent", False),
        ("agent", "tools", True),
        ("agent", "__end__", True),
        ("tools", "agent", False),
    }
    hook = RunnableLambda(lambda state: {})
    full = create_react_agent(
        saying(), [add], version=version, pre_model_hook=hook, post_model_hook=hook, response_format={"title": "a"}
    )
    assert edges(full) == {
        ("__start__", "pre_model_hook", False),
        ("pre_model_hook", "agent", False),
        ("agent", "post_model_hook", False),
        ("post_model_hook", "tools", True),
        ("post_model_hook", "pre_model_hook", True),
        ("post_model_hook", "generate_structured_response", True),
        ("generate_structured_response", "__end__", False),
        ("tools", "pre_model_hook", False),
    }


def test_without_tools_there_is_only_the_agent(caller: Caller):
    graph = create_react_agent(saying(), [])
    assert edges(graph) == {("__start__", "agent", False), ("agent", "__end__", False)}
    assert contents(caller.invoke(graph, HELLO)) == ["hello", "hi"]


def test_an_unknown_version_and_argument_are_refused():
    with pytest.raises(ValueError, match="v3"):
        create_react_agent(saying(), [], version="v3")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="colour"):
        create_react_agent(saying(), [], colour="red")


def test_the_name_is_the_graphs_and_its_messages(caller: Caller):
    graph = create_react_agent(saying(), [], name="bob")
    assert graph.name == "bob"
    assert caller.invoke(graph, HELLO)["messages"][-1].name == "bob"


# --- the loop


def test_the_model_calls_tools_until_it_calls_none(caller: Caller, saver: Any, version: Any):
    model = calling(called("add", "1", a=1, b=2), called("add", "2", a=3, b=4))
    graph = create_react_agent(model, [add], version=version, checkpointer=saver)
    assert contents(caller.invoke(graph, HELLO, THREAD)) == ["hello", "", "3", "7", "done"]
    assert graph.get_state(THREAD).next == ()


def test_v1_has_one_task_for_all_calls_and_v2_one_for_each(caller: Caller):
    def tool_chunks(version: Any) -> list[int]:
        model = calling(called("add", "1", a=1, b=2), called("add", "2", a=3, b=4))
        chunks = caller.stream(create_react_agent(model, [add], version=version), HELLO)
        return [len(chunk["tools"]["messages"]) for chunk in chunks if "tools" in chunk]

    assert tool_chunks("v1") == [2]
    assert tool_chunks("v2") == [1, 1]


def test_all_questions_of_a_message_surface_together_and_finished_calls_are_not_repeated(
    caller: Caller, saver: Any, version: Any
):
    runs: list[str] = []

    @tool
    def note(text: str) -> str:
        """Note it."""
        runs.append(text)
        return "noted"

    calls = [called("ask", "1", question="a?"), called("note", "2", text="x"), called("ask", "3", question="b?")]
    graph = create_react_agent(calling(*calls), [ask, note], version=version, checkpointer=saver)
    questions = {one.value: one.id for one in caller.invoke(graph, HELLO, THREAD)["__interrupt__"]}
    assert sorted(questions) == ["a?", "b?"]
    assert len(graph.get_state(THREAD).tasks) == (1 if version == "v1" else 3)
    paused = caller.invoke(graph, Command(resume={questions["b?"]: "B"}), THREAD)
    assert [one.value for one in paused["__interrupt__"]] == ["a?"]
    done = caller.invoke(graph, Command(resume={questions["a?"]: "A"}), THREAD)
    assert contents(done) == ["hello", "", "A", "noted", "B", "done"]
    assert runs == ["x"]


def test_tools_see_state_context_and_store(caller: Caller, version: Any):
    @tool
    def look(runtime: ToolRuntime) -> str:
        """Look around."""
        return f"{len(runtime.state['messages'])} {runtime.context} {type(runtime.store).__name__}"

    store = InMemoryStore()
    graph = create_react_agent(calling(called("look")), [look], version=version, store=store, context_schema=dict)
    assert contents(caller.invoke(graph, HELLO, context={"a": 1}))[2] == "2 {'a': 1} InMemoryStore"


def test_a_tool_node_can_be_given(caller: Caller, version: Any):
    graph = create_react_agent(calling(called("nope")), ToolNode([add], name="own"), version=version)
    assert set(graph.nodes) == {"__start__", "agent", "tools"}
    assert "nope is not a valid tool" in contents(caller.invoke(graph, HELLO))[2]


def test_a_dangling_call_in_the_history_is_refused(caller: Caller):
    graph = create_react_agent(saying(), [add])
    history = [("user", "hi"), AIMessage("", tool_calls=[called("add", "c7", a=1, b=2)]), ("user", "well?")]
    with pytest.raises(ValueError, match=r"c7.*INVALID_CHAT_HISTORY"):
        caller.invoke(graph, {"messages": history})
    answered = [*history[:2], ToolMessage("3", tool_call_id="c7"), history[2]]
    assert contents(caller.invoke(graph, {"messages": answered}))[-1] == "hi"


@pytest.mark.parametrize(("limit", "tool_runs"), [(2, 0), (4, 1), (6, 2)])
def test_with_too_few_steps_left_it_says_so_instead_of_failing(
    caller: Caller, version: Any, limit: int, tool_runs: int
):
    def always(messages: Any) -> AIMessage:
        return AIMessage("", tool_calls=[called("add", f"c{len(messages)}", a=1, b=2)])

    graph = create_react_agent(ScriptedModel([otherwise(always)]), [add], version=version)
    done = contents(caller.invoke(graph, HELLO, {"recursion_limit": limit}))
    assert done[-1] == NEED_MORE_STEPS
    assert done.count("3") == tool_runs


@pytest.mark.parametrize("beside", [False, True])
def test_a_tool_that_returns_directly_ends_the_loop(caller: Caller, version: Any, beside: bool):
    calls = [called("fetch", "1", number=7), *([called("add", "2", a=1, b=2)] if beside else [])]
    graph = create_react_agent(calling(*calls), [fetch, add], version=version)
    assert contents(caller.invoke(graph, HELLO)) == ["hello", "", "fetched 7", *(["3"] if beside else [])]


@pytest.mark.parametrize("stops", [{"interrupt_before": ["tools"]}, {"interrupt_after": ["agent"]}])
def test_breakpoints_and_debug_reach_the_graph(caller: Caller, version: Any, stops: Any, memory: Any):
    model = calling(called("add", a=1, b=2))
    graph = create_react_agent(model, [add], version=version, checkpointer=memory, debug=False, **stops)
    assert contents(caller.invoke(graph, HELLO, THREAD)) == ["hello", ""]
    assert graph.get_state(THREAD).next == ("tools",)
    assert contents(caller.invoke(graph, None, THREAD)) == ["hello", "", "3", "done"]


# --- prompt


def prompted(prompt: Any, caller: Caller, **options: Any) -> str:
    graph = create_react_agent(saying(heard), [], prompt=prompt, **options)
    return caller.invoke(graph, HELLO)["messages"][-1].content


def test_an_agents_schema_requires_the_messages_alone() -> None:
    assert create_react_agent(saying(), []).get_input_jsonschema()["required"] == ["messages"]


class Spoken(AgentState):
    language: str


class SpokenModel(AgentStatePydantic):
    language: str = "French"


@pytest.mark.parametrize(
    ("prompt", "given"),
    [
        (None, "human:hello"),
        ("be nice", "system:be nice | human:hello"),
        (SystemMessage("be brief"), "system:be brief | human:hello"),
        (lambda state: [SystemMessage(str(len(state["messages"]))), *state["messages"]], "system:1 | human:hello"),
        (lambda state: "only this", "human:only this"),
        (RunnableLambda(lambda state: [SystemMessage("run"), *state["messages"]]), "system:run | human:hello"),
        (
            ChatPromptTemplate.from_messages([("system", "template"), ("placeholder", "{messages}")]),
            "system:template | human:hello",
        ),
    ],
)
def test_a_prompt_is_put_before_the_messages_and_not_stored(caller: Caller, prompt: Any, given: str):
    assert prompted(prompt, caller) == given


def test_a_prompt_function_sees_keys_of_ones_own_config_and_runtime(caller: Caller):
    def say(state: Any, config: Any, runtime: Any) -> Any:
        return f"{state['language']} {'configurable' in config} {runtime.context}"

    graph = create_react_agent(saying(heard), [], prompt=say, state_schema=Spoken)
    done = caller.invoke(graph, {**HELLO, "language": "German"}, context="c")
    assert done["messages"][-1].content == "human:German True c"


def test_an_async_prompt_needs_an_async_caller():
    async def later(state: Any) -> Any:
        return "later"

    assert prompted(later, AsyncCaller()) == "human:later"
    with pytest.raises(TypeError, match="async"):
        prompted(later, Caller())


def test_what_is_no_prompt_is_refused():
    with pytest.raises(ValueError, match="prompt"):
        create_react_agent(saying(), [], prompt=5)  # type: ignore[arg-type]


# --- state schema


def test_the_state_may_be_a_typed_dict_a_model_or_a_dataclass(caller: Caller, version: Any):
    @dataclass
    class Data:
        messages: Annotated[list[AnyMessage], add_messages]
        remaining_steps: RemainingSteps = 25

    class Plain(TypedDict):
        messages: Annotated[list[AnyMessage], add_messages]
        remaining_steps: RemainingSteps

    for schema in (Spoken, SpokenModel, Data, Plain):
        model = calling(called("add", a=1, b=2))
        graph = create_react_agent(model, [add], state_schema=schema, version=version, pre_model_hook=lambda state: {})
        assert contents(caller.invoke(graph, HELLO)) == ["hello", "", "3", "done"]


def test_a_state_without_what_an_agent_needs_is_refused():
    class Lacking(TypedDict):
        messages: list[AnyMessage]

    with pytest.raises(ValueError, match="remaining_steps"):
        create_react_agent(saying(), [], state_schema=Lacking)
    with pytest.raises(ValueError, match="structured_response"):
        create_react_agent(saying(), [], state_schema=AgentState, response_format={"title": "a"})


# --- response_format


class Weather(BaseModel):
    """The weather."""

    degrees: int


def forecaster() -> ScriptedModel:
    def first(messages: Any) -> str:
        return f"{messages[0].type} first"

    return ScriptedModel(
        [when(lambda messages: messages[-1].type == "ai", call("Weather", degrees=18)), otherwise(first)]
    )


@pytest.mark.parametrize("tools", [[], [add]])
def test_the_structured_response_is_asked_for_at_the_end(caller: Caller, saver: Any, tools: list[Any]):
    graph = create_react_agent(forecaster(), tools, response_format=Weather, checkpointer=saver)
    done = caller.invoke(graph, HELLO, THREAD)
    assert done["structured_response"] == Weather(degrees=18)
    assert contents(done) == ["hello", "human first"]
    again = create_react_agent(forecaster(), tools, response_format=Weather, checkpointer=saver)
    assert again.get_state(THREAD).values["structured_response"] == Weather(degrees=18)


def test_the_structured_response_may_be_a_json_schema_and_have_a_prompt_of_its_own(caller: Caller):
    schema = {"title": "Weather", "description": "it", "type": "object", "properties": {"degrees": {"type": "integer"}}}
    asked: list[str] = []

    def remember(messages: Any) -> bool:
        asked.append(heard(messages))
        return messages[-1].type == "ai"

    model = ScriptedModel([when(remember, call("Weather", degrees=18)), otherwise("fine")])
    graph = create_react_agent(model, [], prompt="main", response_format=("in Celsius", schema))
    assert caller.invoke(graph, HELLO)["structured_response"] == {"degrees": 18}
    assert asked == ["system:main | human:hello", "system:in Celsius | human:hello | ai:fine"]


# --- hooks


def test_llm_input_messages_reach_the_model_and_are_not_stored_in_messages(caller: Caller):
    graph = create_react_agent(
        saying(heard),
        [],
        prompt="sys",
        pre_model_hook=lambda state: {"llm_input_messages": [HumanMessage("only this")]},
    )
    done = caller.invoke(graph, HELLO)
    assert contents(done) == ["hello", "system:sys | human:only this"]
    assert "llm_input_messages" not in done


def test_messages_of_the_pre_model_hook_are_stored(caller: Caller):
    graph = create_react_agent(saying(heard), [], pre_model_hook=lambda state: {"messages": [HumanMessage("and this")]})
    assert contents(caller.invoke(graph, HELLO)) == ["hello", "and this", "human:hello | human:and this"]


def test_the_nodes_are_listed_as_langgraph_lists_them():
    hooks = {"pre_model_hook": lambda state: {}, "post_model_hook": lambda state: {}}
    graph = create_react_agent(saying(), [add], response_format={"title": "a"}, **hooks)
    names = ["__start__", "agent", "tools", "pre_model_hook", "post_model_hook", "generate_structured_response"]
    assert list(graph.nodes) == names
    assert list(graph.get_graph().nodes) == [*names, "__end__"]


def test_the_pre_model_hook_runs_before_every_call_of_the_model(caller: Caller, version: Any):
    seen: list[int] = []
    graph = create_react_agent(
        calling(called("add", a=1, b=2)),
        [add],
        version=version,
        pre_model_hook=lambda state: seen.append(len(state["messages"])) or {},
    )
    caller.invoke(graph, HELLO)
    assert seen == [1, 3]


def test_the_post_model_hook_runs_after_the_model_and_may_answer_calls_itself(caller: Caller, version: Any):
    seen: list[str] = []

    def answer_first(state: Any) -> Any:
        last = state["messages"][-1]
        seen.append(last.type)
        return {"messages": [ToolMessage("by hook", tool_call_id=one["id"]) for one in last.tool_calls[:1]]}

    calls = [called("add", "1", a=1, b=2), called("add", "2", a=3, b=4)]
    graph = create_react_agent(calling(*calls), [add], version=version, post_model_hook=answer_first)
    assert contents(caller.invoke(graph, HELLO)) == ["hello", "", "by hook", "7", "done"]
    assert seen == ["ai", "ai"]
    alone = create_react_agent(calling(calls[0]), [add], version=version, post_model_hook=answer_first)
    assert contents(caller.invoke(alone, HELLO)) == ["hello", "", "by hook", "done"]


# --- model


def test_the_model_may_be_chosen_by_a_function_of_state_and_runtime(caller: Caller):
    def choose(state: Any, runtime: Any) -> Any:
        return saying(f"{len(state['messages'])} {runtime.context}")

    graph = create_react_agent(choose, [add])
    assert contents(caller.invoke(graph, HELLO, context="me"))[-1] == "1 me"


def test_an_async_choice_needs_an_async_caller():
    async def choose(state: Any, runtime: Any) -> Any:
        return saying("later")

    graph = create_react_agent(choose, [add])
    assert contents(run(graph.ainvoke(HELLO)))[-1] == "later"
    with pytest.raises(RuntimeError, match="async"):
        graph.invoke(HELLO)


def test_a_model_is_named_by_provider_and_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    assert create_react_agent("openai:gpt-4.1", [add])
    with pytest.raises(ValueError, match="provider"):
        create_react_agent("nobody:none", [add])


def test_bound_tools_have_to_be_the_agents(caller: Caller):
    model = calling(called("add", a=1, b=2))
    graph = create_react_agent(model.bind_tools([add]), [add])
    assert contents(caller.invoke(graph, HELLO))[2] == "3"
    for tools in ([add, ask], [ask], []):
        with pytest.raises(ValueError, match="bound"):
            create_react_agent(model.bind_tools([add]), tools)


def test_a_model_in_a_sequence_or_with_a_config_gets_its_tools(caller: Caller):
    model = calling(called("add", a=1, b=2))
    for form in (RunnableLambda(lambda messages: messages) | model, model.with_config(tags=["a"])):
        assert contents(caller.invoke(create_react_agent(form, [add]), HELLO))[2] == "3"
    with pytest.raises(TypeError, match="bind_tools"):
        create_react_agent(RunnableLambda(lambda messages: AIMessage("hi")), [add])


def test_a_hand_off_leaves_the_agent_for_a_sibling(caller: Caller, version: Any):
    @tool
    def hand_over(runtime: ToolRuntime) -> Any:
        """Hand over."""
        said = ToolMessage("handed over", tool_call_id=runtime.tool_call_id)
        return Command(graph=Command.PARENT, goto="other", update={"messages": [said]})

    agent = create_react_agent(calling(called("hand_over")), [hand_over], version=version, name="first")
    builder = StateGraph(MessagesState)
    builder.add_node("first", agent, destinations=("other",))
    builder.add_node("other", lambda state: {"messages": [AIMessage("over to me")]})
    builder.add_edge(START, "first")
    assert contents(caller.invoke(builder.compile(), HELLO)) == ["hello", "handed over", "over to me"]


# --- the review of tool calls


PAY = called("pay", "1", amount=5)
ALL = ["approve", "edit", "reject", "respond"]


class Desk:
    """An agent whose tool `pay` is reviewed and whose tool `add` is not."""

    def __init__(self, caller: Caller, saver: Any, *calls: ToolCall, version: Any = "v2", **review: Any) -> None:
        self.paid: list[int] = []

        @tool
        def pay(amount: int) -> str:
            """Pay."""
            self.paid.append(amount)
            return f"paid {amount}"

        self.caller = caller
        settings = review.pop("interrupt_on", {"pay": True})
        self.graph = create_react_agent(
            calling(*(calls or (PAY,))),
            [pay, add],
            version=version,
            checkpointer=saver,
            post_model_hook=HumanInTheLoop(settings, **review),
        )

    def begin(self) -> Any:
        return self.caller.invoke(self.graph, HELLO, THREAD)

    def decide(self, *decisions: Any) -> Any:
        return self.caller.invoke(self.graph, Command(resume={"decisions": [*decisions]}), THREAD)


def test_one_question_asks_about_all_calls_of_a_message(caller: Caller, saver: Any, version: Any):
    calls = [PAY, called("add", "2", a=1, b=2), called("pay", "3", amount=7)]
    desk = Desk(caller, saver, *calls, version=version, description_prefix="Please decide")
    [question] = desk.begin()["__interrupt__"]
    described = "Please decide\n\nTool: pay\nArgs: {'amount': %d}"
    assert question.value == {
        "action_requests": [
            {"name": "pay", "args": {"amount": 5}, "description": described % 5},
            {"name": "pay", "args": {"amount": 7}, "description": described % 7},
        ],
        "review_configs": [
            {"action_name": "pay", "allowed_decisions": ALL},
            {"action_name": "pay", "allowed_decisions": ALL},
        ],
    }
    done = desk.decide({"type": "reject", "message": "too much"}, {"type": "approve"})
    assert desk.paid == [7]
    answers = {message.tool_call_id: message for message in done["messages"] if isinstance(message, ToolMessage)}
    assert (answers["1"].status, "too much" in answers["1"].content) == ("error", True)
    assert (answers["2"].content, answers["3"].content) == ("3", "paid 7")
    assert done["messages"][-1].content == "done"


def test_approve_makes_the_call_as_it_is(caller: Caller, version: Any, memory: Any):
    desk = Desk(caller, memory, version=version)
    desk.begin()
    assert contents(desk.decide({"type": "approve"})) == ["hello", "", "paid 5", "done"]


def test_edit_makes_another_call_under_the_same_id(caller: Caller, version: Any, saver: Any):
    desk = Desk(caller, saver, version=version)
    desk.begin()
    done = desk.decide({"type": "edit", "edited_action": {"name": "pay", "args": {"amount": 3}}})
    assert contents(done) == ["hello", "", "paid 3", "done"]
    assert done["messages"][1].tool_calls == [called("pay", "1", amount=3)]
    assert done["messages"][2].tool_call_id == "1"


def test_edit_may_lead_to_another_tool(caller: Caller, memory: Any):
    desk = Desk(caller, memory)
    desk.begin()
    done = desk.decide({"type": "edit", "edited_action": {"name": "add", "args": {"a": 1, "b": 2}}})
    assert contents(done) == ["hello", "", "3", "done"]
    assert desk.paid == []


def test_reject_adds_an_error_message_and_the_model_hears_of_it(caller: Caller, version: Any, memory: Any):
    desk = Desk(caller, memory, version=version)
    desk.begin()
    done = desk.decide({"type": "reject"})
    [answer] = [message for message in done["messages"] if isinstance(message, ToolMessage)]
    assert (answer.status, answer.name, answer.tool_call_id) == ("error", "pay", "1")
    assert done["messages"][-1].content == "done"
    assert desk.paid == []


def test_respond_is_the_calls_result(caller: Caller, version: Any, memory: Any):
    desk = Desk(caller, memory, version=version)
    desk.begin()
    done = desk.decide({"type": "respond", "message": "paid by hand"})
    assert contents(done) == ["hello", "", "paid by hand", "done"]
    assert done["messages"][2].status == "success"
    assert desk.paid == []


def test_settings_say_which_decisions_how_described_and_when(caller: Caller, memory: Any):
    setting = {
        "allowed_decisions": ["approve", "reject"],
        "description": lambda tool_call, state, runtime: f"{tool_call['args']['amount']} of {len(state['messages'])}",
        "args_schema": {"type": "object"},
        "when": lambda request: request.tool_call["args"]["amount"] > 10,
    }
    calls = [PAY, called("pay", "2", amount=50)]
    desk = Desk(caller, memory, *calls, interrupt_on={"pay": setting, "add": False})
    [question] = desk.begin()["__interrupt__"]
    assert question.value == {
        "action_requests": [{"name": "pay", "args": {"amount": 50}, "description": "50 of 2"}],
        "review_configs": [
            {"action_name": "pay", "allowed_decisions": ["approve", "reject"], "args_schema": {"type": "object"}}
        ],
    }
    desk.decide({"type": "approve"})
    assert sorted(desk.paid) == [5, 50]


def test_calls_that_need_no_review_ask_nobody(caller: Caller, memory: Any):
    desk = Desk(caller, memory, called("add", a=1, b=2))
    assert contents(desk.begin()) == ["hello", "", "3", "done"]


BAD_ANSWERS: list[Any] = [
    None,
    "approve",
    True,
    [],
    [{"type": "approve"}],
    {"decision": [{"type": "approve"}]},
    {"decisions": []},
    {"decisions": [{"type": "approve"}, {"type": "approve"}]},
    {"decisions": {"type": "approve"}},
    {"decisions": [{"type": "approve"}], "comment": "fine"},
    {"decisions": ["approve"]},
    {"decisions": [{"type": "accept"}]},
    {"decisions": [{"type": "Approve"}]},
    {"decisions": [{}]},
    {"decisions": [{"type": "approve", "edited_action": {"name": "pay", "args": {"amount": 1}}}]},
    {"decisions": [{"type": "respond", "message": "done"}]},  # not among the allowed ones
    {"decisions": [{"type": "reject", "message": 5}]},
    {"decisions": [{"type": "edit"}]},
    {"decisions": [{"type": "edit", "edited_action": {"name": "pay"}}]},
    {"decisions": [{"type": "edit", "edited_action": {"name": "pay", "args": "all"}}]},
    {"decisions": [{"type": "edit", "edited_action": {"name": "payy", "args": {}}}]},
]


@pytest.mark.parametrize("answer", BAD_ANSWERS, ids=repr)
def test_an_answer_that_does_not_fit_is_refused_and_the_question_stays_open(caller: Caller, answer: Any, memory: Any):
    check_refused(caller, memory, answer)


@pytest.mark.parametrize("answer", [BAD_ANSWERS[7], BAD_ANSWERS[-1]], ids=repr)
def test_a_refused_answer_leaves_the_question_open_on_every_store(caller: Caller, answer: Any, saver: Any):
    check_refused(caller, saver, answer)


def check_refused(caller: Caller, saver: Any, answer: Any) -> None:
    desk = Desk(caller, saver, interrupt_on={"pay": {"allowed_decisions": ["approve", "edit", "reject"]}})
    desk.begin()
    with pytest.raises(ValidationError) as refused:
        caller.invoke(desk.graph, Command(resume=answer), THREAD)
    assert is_invalid_resume(refused.value)
    assert desk.paid == []
    [question] = desk.graph.get_state(THREAD).interrupts
    assert question.value["action_requests"][0]["name"] == "pay"
    desk.decide({"type": "approve"})
    assert desk.paid == [5]


BAD_SETTINGS: list[Any] = [
    None,
    ["pay"],
    "pay",
    {"payy": True},
    {"pay": None},
    {"pay": "yes"},
    {"pay": 1},
    {"pay": {}},
    {"pay": {"allowed_decision": ["approve"]}},
    {"pay": {"allowed_decisions": []}},
    {"pay": {"allowed_decisions": "approve"}},
    {"pay": {"allowed_decisions": ["aprove"]}},
    {"pay": {"allowed_decisions": ["approve", None]}},
    {"pay": {"allowed_decisions": ["approve"], "descriptoin": "?"}},
    {"pay": {"allowed_decisions": ["approve"], "description": 5}},
    {"pay": {"allowed_decisions": ["approve"], "when": True}},
    {"pay": {"allowed_decisions": ["approve"], "args_schema": "any"}},
    {5: True},
    {"": True},
]


@pytest.mark.parametrize("settings", BAD_SETTINGS, ids=repr)
def test_a_setting_that_is_not_understood_is_refused_when_the_agent_is_made(settings: Any, memory: Any):
    with pytest.raises((TypeError, ValueError), match="interrupt_on"):
        Desk(Caller(), memory, interrupt_on=settings)


# --- the review in a graph of one's own


def own_graph(tools: list[Any], model: Any, saver: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
    builder.add_node("review", HumanInTheLoop({"pay": True}, tools=tools))
    builder.add_node("tools", ToolNode(tools))
    builder.add_edge(START, "model")
    builder.add_edge("model", "review")
    builder.add_conditional_edges("review", after_review, {"tools": "tools", "model": "model", END: END})
    builder.add_edge("tools", "model")
    return builder.compile(checkpointer=saver)


@pytest.fixture
def till() -> Iterator[tuple[list[int], list[Any]]]:
    paid: list[int] = []

    @tool
    def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        return f"paid {amount}"

    return paid, [pay, add]  # type: ignore[return-value]


def test_a_hand_built_graph_reviews_calls_too(caller: Caller, saver: Any, till: Any):
    paid, tools = till
    graph = own_graph(tools, calling(PAY, called("pay", "2", amount=7), called("add", "3", a=1, b=2)), saver)
    caller.invoke(graph, HELLO, THREAD)
    decisions = [{"type": "reject", "message": "no"}, {"type": "approve"}]
    done = caller.invoke(graph, Command(resume={"decisions": decisions}), THREAD)
    assert paid == [7]
    assert done["messages"][-1].content == "done"
    assert [message.tool_call_id for message in done["messages"] if isinstance(message, ToolMessage)] == ["1", "2", "3"]


def test_a_rejected_call_is_not_made_even_where_an_edge_leads_to_the_tools(caller: Caller, memory: Any, till: Any):
    paid, tools = till
    builder = StateGraph(MessagesState)
    builder.add_node("review", HumanInTheLoop({"pay": True}, tools=tools))
    builder.add_node("tools", ToolNode(tools))
    builder.add_edge(START, "review")
    builder.add_edge("review", "tools")
    graph = builder.compile(checkpointer=memory)
    caller.invoke(graph, {"messages": [AIMessage("", tool_calls=[PAY])]}, THREAD)
    caller.invoke(graph, Command(resume={"decisions": [{"type": "reject"}]}), THREAD)
    assert paid == []


def test_after_review_leads_to_tools_model_or_end():
    asked = AIMessage("", tool_calls=[PAY, called("pay", "2", amount=7)])
    one, two = ToolMessage("no", tool_call_id="1"), ToolMessage("no", tool_call_id="2")
    assert after_review({"messages": [asked]}) == "tools"
    assert after_review({"messages": [asked, one]}) == "tools"
    assert after_review({"messages": [asked, one, two]}) == "model"
    assert after_review({"messages": [AIMessage("hi")]}) == END
    assert after_review({"chat": [asked]}, messages_key="chat") == "tools"


class Tracer(BaseTracer):
    """Keeps the tree of the last trace."""

    root: Run

    def _persist_run(self, run: Run) -> None:
        self.root = run


def tree(traced: Run) -> list[str]:
    """The runs of a trace, indented, each with its library tags and what it was given."""

    def lines(one: Run, depth: int) -> list[str]:
        given = ",".join(one.inputs) if isinstance(one.inputs, dict) else ""
        shown = f"{'  ' * depth}{one.name} {'/'.join(one.tags or ())} {given}"
        return [shown, *(line for child in one.child_runs for line in lines(child, depth + 1))]

    return lines(traced, 0)


@pytest.mark.parametrize("prompt", [None, "Be brief.", lambda state: state["messages"]], ids=["none", "text", "call"])
def test_a_trace_shows_the_models_call_as_langgraphs_does(prompt: Any, caller: Caller) -> None:
    tracer = Tracer()
    agent = create_react_agent(calling(called("add", a=1, b=2)), [add], prompt=prompt, version="v1")
    caller.invoke(agent, HELLO, {"callbacks": [tracer]})

    def asks(step: int) -> list[str]:
        return [
            f"  agent graph:step:{step} messages,remaining_steps",
            "    call_model seq:step:1 messages,remaining_steps",
            "    RunnableSequence seq:step:1 messages,remaining_steps",
            "      Prompt seq:step:1 messages,remaining_steps",
            "      ScriptedModel seq:step:2 prompts",
            "    should_continue seq:step:3 messages,remaining_steps",
        ]

    tools = ["  tools graph:step:2 messages,remaining_steps", "    add seq:step:1 a,b"]
    assert tree(tracer.root) == ["LangGraph  messages", *asks(1), *tools, *asks(3)]


def test_a_traced_models_failure_ends_its_runs_with_the_error(caller: Caller) -> None:
    def fails(messages: Any) -> Any:
        raise ValueError("no answer")

    tracer = Tracer()
    agent = create_react_agent(ScriptedModel([otherwise(fails)]), [add])
    with pytest.raises(ValueError, match="no answer"):
        caller.invoke(agent, HELLO, {"callbacks": [tracer]})
    [node] = tracer.root.child_runs
    assert [(one.name, "no answer" in (one.error or "")) for one in (node, *node.child_runs)] == [
        ("agent", True),
        ("call_model", True),
        ("RunnableSequence", True),
    ]


def test_a_trace_shows_the_structured_response_as_a_run_of_its_own(caller: Caller) -> None:
    class Shape(BaseModel):
        x: int

    class Shaping(ScriptedModel):
        def with_structured_output(self, schema: Any, **kwargs: Any) -> Any:
            return RunnableLambda(lambda _: Shape(x=3), name="shaped")

    tracer = Tracer()
    agent = create_react_agent(Shaping([otherwise("done")]), [], response_format=Shape)
    assert caller.invoke(agent, HELLO, {"callbacks": [tracer]})["structured_response"] == Shape(x=3)
    last = tracer.root.child_runs[-1]
    assert [last.name, *(one.name for one in last.child_runs)] == [
        "generate_structured_response",
        "generate_structured_response",
        "shaped",
    ]

"""The scripted model: its rules, and that it is a real chat model in every other way."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from clew.actors.kit.script import after_tool, call, in_order, otherwise, reply_to, when
from clew.actors.kit.scripted_model import ScriptedModel
from clew.events.errors import ClewError, ScriptError
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from pydantic import BaseModel


@tool
def human_assistance(query: str) -> str:
    """Ask a person."""
    return query


TUTORIAL = ScriptedModel(
    [
        reply_to("expert", ["Let me ask.", call("human_assistance", query="How do I build an agent?")]),
        after_tool("human_assistance", lambda messages: f"The expert says: {messages[-1].text}"),
        otherwise("Hello! How can I help?"),
    ]
)


def whole(chunks: list[Any]) -> AIMessageChunk:
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    return total


def answered(question: str, name: str = "human_assistance", text: str = "use clew") -> list[Any]:
    asked = AIMessage("", tool_calls=[{**call(name), "id": "call_1"}])
    return [HumanMessage(question), asked, ToolMessage(text, tool_call_id="call_1", name=name)]


# -- the script ------------------------------------------------------------------------------------------------------


def test_the_first_rule_that_applies_replies() -> None:
    model = ScriptedModel([("a", "first"), ("a", "second"), otherwise("third")])
    assert [model.invoke(text).content for text in ("a", "b")] == ["first", "third"]


def test_a_tutorial_goes_question_call_result_answer() -> None:
    question = HumanMessage("I need EXPERT guidance")
    asking = TUTORIAL.invoke([question])
    assert asking.content == "Let me ask."
    assert [(made["name"], made["args"]) for made in asking.tool_calls] == [
        ("human_assistance", {"query": "How do I build an agent?"})
    ]
    result = ToolMessage("try an expert at clew", tool_call_id=asking.tool_calls[0]["id"])
    assert TUTORIAL.invoke([question, asking, result]).content == "The expert says: try an expert at clew"


def test_a_pattern_does_not_match_what_a_tool_said() -> None:
    assert TUTORIAL.invoke(answered("hi", "search", "ask an expert")).content == "Hello! How can I help?"


def test_a_compiled_pattern_is_searched_as_written() -> None:
    model = ScriptedModel([(re.compile(r"\bPin: \d{4}\b"), "yes"), otherwise("no")])
    assert [model.invoke(text).content for text in ("Pin: 1234", "pin: 1234", "Pin: 12")] == ["yes", "no", "no"]


def test_a_pattern_is_found_in_content_blocks() -> None:
    model = ScriptedModel([("weather", "sunny")])
    assert model.invoke([HumanMessage([{"type": "text", "text": "the weather?"}])]).content == "sunny"


def test_after_tool_finds_its_tool_among_several_results() -> None:
    calls = [{**call("search"), "id": "1"}, {**call("ask"), "id": "2"}]
    results = [ToolMessage("found", tool_call_id="1"), ToolMessage("approved", tool_call_id="2")]
    model = ScriptedModel(
        [
            after_tool("pay", "paid"),
            after_tool("search", "denied", result="refused"),
            after_tool("search", "no results", result="nothing"),
            after_tool("ask", "go", result=re.compile("^approved$")),
        ]
    )
    assert model.invoke([HumanMessage("hi"), AIMessage("", tool_calls=calls), *results]).content == "go"


def test_after_tool_is_over_once_a_person_speaks() -> None:
    assert TUTORIAL.invoke([*answered("hi"), HumanMessage("thanks")]).content == "Hello! How can I help?"


def test_after_tool_looks_at_the_last_calls_only() -> None:
    earlier = answered("hi")
    later = answered("again", "search")[1:]
    assert TUTORIAL.invoke([*earlier, *later]).content == "Hello! How can I help?"


def test_when_takes_any_function_of_the_messages() -> None:
    model = ScriptedModel([when(lambda m: isinstance(m[0], SystemMessage), "told"), (lambda m: len(m) == 2, "two")])
    assert model.invoke([SystemMessage("be kind"), HumanMessage("hi")]).content == "told"
    assert model.invoke([HumanMessage("hi"), HumanMessage("you")]).content == "two"


def test_in_order_counts_the_replies_it_is_shown() -> None:
    model = ScriptedModel(in_order("one", [call("search")], "three"))
    talk: list[Any] = [HumanMessage("hi")]
    assert model.invoke(talk).content == "one"
    assert model.invoke(talk).content == "one"
    assert model.invoke([*talk, AIMessage("one")]).tool_calls[0]["name"] == "search"
    assert model.invoke([*talk, AIMessage("one"), AIMessage("two")]).content == "three"
    with pytest.raises(ScriptError, match=r"3\. in_order, reply 3"):
        model.invoke([*talk, *[AIMessage("said")] * 3])


def test_a_reply_may_be_any_message_a_model_can_give() -> None:
    message = AIMessage(
        [{"type": "text", "text": "hi"}], additional_kwargs={"refusal": None}, response_metadata={"model_name": "mine"}
    )
    got = ScriptedModel([otherwise(message)]).invoke("x")
    assert got.content == message.content
    assert got.additional_kwargs == {"refusal": None}
    assert got.response_metadata["model_name"] == "mine"


def test_a_reply_chunk_becomes_a_whole_message() -> None:
    assert type(ScriptedModel([otherwise(AIMessageChunk("hi"))]).invoke("x")) is AIMessage


@pytest.mark.parametrize(
    "reply", ["hi", AIMessage("hi"), ["hi", call("search")], call("search"), {"name": "a", "args": {}}]
)
def test_a_reply_function_may_return_every_kind_of_reply(reply: Any) -> None:
    written, returned = ScriptedModel([otherwise(reply)]), ScriptedModel([otherwise(lambda messages: reply)])
    got, expected = returned.invoke("x"), written.invoke("x")
    assert (got.content, got.tool_calls) == (expected.content, expected.tool_calls)


# -- statelessness ---------------------------------------------------------------------------------------------------


def test_a_rule_gives_a_message_of_its_own_each_time() -> None:
    said = AIMessage("hi", additional_kwargs={"seen": []})
    model = ScriptedModel([otherwise(said)])
    first, second = model.invoke("x"), model.invoke("x")
    first.additional_kwargs["seen"].append("changed by the caller")
    assert first.id != second.id
    assert (said.id, said.additional_kwargs, second.additional_kwargs) == (None, {"seen": []}, {"seen": []})


def test_arguments_of_a_call_are_not_shared() -> None:
    model = ScriptedModel([otherwise(call("search", words=["a"]))])
    model.invoke("x").tool_calls[0]["args"]["words"].append("changed by a tool")
    assert model.invoke("x").tool_calls[0]["args"] == {"words": ["a"]}


def test_the_same_messages_give_the_same_call_ids() -> None:
    def ids(*messages: Any) -> list[str | None]:
        return [made["id"] for made in model.invoke(list(messages)).tool_calls]

    model = ScriptedModel([otherwise([call("search"), call("search")])])
    first, second = ids(HumanMessage("hi"))
    assert first != second
    assert ids(HumanMessage("hi", id="another id")) == [first, second]
    assert not {*ids(HumanMessage("ho")), *ids(*answered("hi"))} & {first, second}


def test_given_call_ids_are_kept() -> None:
    reply = AIMessage("", tool_calls=[{**call("search"), "id": "mine"}])
    assert ScriptedModel([otherwise(reply)]).invoke("x").tool_calls[0]["id"] == "mine"


def test_threads_at_once_get_what_one_gets_alone() -> None:
    questions = [f"expert {number % 7}" for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(TUTORIAL.invoke, questions))
    alone = [TUTORIAL.invoke(question) for question in questions]
    assert [reply.tool_calls for reply in replies] == [reply.tool_calls for reply in alone]
    assert len({reply.id for reply in replies}) == 200


# -- a real chat model -----------------------------------------------------------------------------------------------


def test_text_streams_word_by_word() -> None:
    chunks = list(TUTORIAL.stream("hi"))
    assert [chunk.content for chunk in chunks] == ["Hello! ", "How ", "can ", "I ", "help?", ""]
    assert chunks[-1].chunk_position == "last"


@pytest.mark.parametrize("text", ["", " ", "one", " a  b\n\n c ", "naïve 中文 😀 x"])
def test_the_chunks_add_up_to_the_text(text: str) -> None:
    assert whole(list(ScriptedModel([otherwise(text)]).stream("x"))).content == text


@pytest.mark.parametrize("question", ["expert", "hi"])
def test_a_streamed_message_is_the_invoked_one(question: str) -> None:
    model = ScriptedModel(
        [(r"expert", ["Two.", call("a", deep={"x": [1, None, "é"]}), call("b")]), otherwise("Hi you")]
    )
    invoked, streamed = model.invoke(question), whole(list(model.stream(question)))
    for name in ("content", "tool_calls", "response_metadata", "usage_metadata", "additional_kwargs"):
        assert getattr(streamed, name) == getattr(invoked, name), name
    assert streamed.invalid_tool_calls == []


def test_a_tool_call_streams_its_name_then_its_arguments_in_pieces() -> None:
    pieces = [piece for chunk in TUTORIAL.stream("expert") for piece in chunk.tool_call_chunks]
    assert pieces[0]["name"] == "human_assistance"
    assert [piece["name"] for piece in pieces[1:]] == [None] * (len(pieces) - 1)
    assert len(pieces) > 3


def test_content_blocks_stream_too() -> None:
    blocks: list[Any] = [{"type": "text", "text": "hi"}]
    assert whole(list(ScriptedModel([otherwise(AIMessage(blocks))]).stream("x"))).content == blocks


def test_the_async_doors_give_what_the_sync_doors_give() -> None:
    async def doors() -> tuple[Any, list[Any], list[Any]]:
        return (
            await TUTORIAL.ainvoke("expert"),
            [chunk async for chunk in TUTORIAL.astream("hi")],
            await TUTORIAL.abatch(["hi", "expert"]),
        )

    invoked, streamed, batched = asyncio.run(doors())
    assert invoked.tool_calls == TUTORIAL.invoke("expert").tool_calls
    assert [chunk.content for chunk in streamed] == [chunk.content for chunk in TUTORIAL.stream("hi")]
    assert [reply.content for reply in batched] == [reply.content for reply in TUTORIAL.batch(["hi", "expert"])]


def test_an_async_stream_lets_others_run_between_its_words() -> None:
    async def interleaved() -> list[str]:
        seen: list[str] = []

        async def listen(name: str) -> None:
            async for _ in TUTORIAL.astream("hi"):
                seen.append(name)

        await asyncio.gather(listen("a"), listen("b"))
        return seen

    seen = asyncio.run(interleaved())
    assert "".join(seen) not in ("a" * 6 + "b" * 6, "b" * 6 + "a" * 6)


def test_callbacks_get_every_token_once() -> None:
    class Tokens(BaseCallbackHandler):
        def __init__(self) -> None:
            self.started: list[dict[str, Any]] = []
            self.tokens: list[Any] = []

        def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
            self.started.append(kwargs["invocation_params"])

        def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
            self.tokens.append(token)

    tokens = Tokens()
    list(TUTORIAL.bind_tools([human_assistance]).stream("hi", {"callbacks": [tokens]}))
    assert tokens.tokens == ["Hello! ", "How ", "can ", "I ", "help?", ""]
    assert tokens.started[0]["tools"][0]["function"]["name"] == "human_assistance"
    assert tokens.started[0]["model_name"] == "scripted"


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_events_stream_from_a_chain_around_it() -> None:
    async def kinds() -> list[str]:
        chain = ChatPromptTemplate.from_messages([("human", "{question}")]) | TUTORIAL
        return [event["event"] async for event in chain.astream_events({"question": "hi"}, version="v2")]

    assert asyncio.run(kinds()).count("on_chat_model_stream") == 6


def test_usage_is_reported_on_request_and_counts_words() -> None:
    model = ScriptedModel([otherwise("three words here")], reports_usage=True)
    expected = {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}
    assert model.invoke("two words").usage_metadata == expected
    assert whole(list(model.stream("two words"))).usage_metadata == expected
    assert TUTORIAL.invoke("hi").usage_metadata is None
    with get_usage_metadata_callback() as counted:
        model.invoke("two words")
    assert counted.usage_metadata["scripted"]["total_tokens"] == 5


def test_stop_words_end_the_text() -> None:
    assert ScriptedModel([otherwise("one two three two")]).invoke("x", stop=["two", "nine"]).content == "one "


def test_it_is_a_chat_model_and_binds_what_other_models_bind() -> None:
    def plain(query: str) -> str:
        """A plain function."""
        return query

    bound = TUTORIAL.bind_tools([human_assistance, plain], tool_choice="auto")
    assert isinstance(TUTORIAL, BaseChatModel)
    assert [each["function"]["name"] for each in bound.kwargs["tools"]] == ["human_assistance", "plain"]
    assert bound.invoke("hi").content == "Hello! How can I help?"


def test_structured_output_is_parsed_from_a_call() -> None:
    class Verdict(BaseModel):
        """What was decided."""

        approved: bool

    model = ScriptedModel([otherwise(call("Verdict", approved=True))])
    assert model.with_structured_output(Verdict).invoke("x") == Verdict(approved=True)


# -- bad input -------------------------------------------------------------------------------------------------------


def test_no_rule_lists_the_rules_and_the_message() -> None:
    model = ScriptedModel([("expert", "a"), after_tool("pay", "b", result="ok"), (lambda messages: False, "c")])
    with pytest.raises(ScriptError) as raised:
        model.invoke("what is 2+2?")
    text = str(raised.value)
    assert "HumanMessage 'what is 2+2?'" in text
    assert "1. reply_to('expert')" in text
    assert "2. after_tool('pay', result='ok')" in text
    assert re.search(r"3\. when\(<lambda> at test_scripted_model\.py:\d+\)", text)
    assert isinstance(raised.value, ClewError)


def test_no_rule_says_the_same_in_every_door() -> None:
    async def astream() -> None:
        async for _ in ScriptedModel([]).astream("x"):
            pass

    model = ScriptedModel([])
    for door in (lambda: model.invoke("x"), lambda: list(model.stream("x")), lambda: asyncio.run(astream())):
        with pytest.raises(ScriptError, match=r"no rule of the script answers the last of 1 messages"):
            door()


def test_a_result_nobody_answers_names_its_tool() -> None:
    with pytest.raises(ScriptError, match="ToolMessage from tool 'search' 'found'"):
        ScriptedModel([("x", "y")]).invoke(answered("hi", "search", "found"))


def test_a_line_that_is_no_rule_is_refused_when_built() -> None:
    with pytest.raises(TypeError, match=r"a script's line must be a rule.*got 'hello'"):
        ScriptedModel(["hello"])  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("reply", [None, 3, HumanMessage("hi"), ["hi", 3], {"tool": "search"}])
def test_a_reply_no_model_can_say_is_refused_when_built(reply: Any) -> None:
    with pytest.raises(TypeError, match="write text, call"):
        reply_to("hi", reply)


def test_a_reply_function_that_returns_nothing_is_refused_when_called() -> None:
    with pytest.raises(TypeError, match=r"reply_to\('hi'\) replies None"):
        ScriptedModel([("hi", lambda messages: None)]).invoke("hi")


def test_arguments_that_are_not_json_are_refused_when_built() -> None:
    with pytest.raises(TypeError, match=r"call\('search'\).*a model sends its arguments as JSON"):
        call("search", when={1, 2})


def test_a_forced_call_that_the_script_does_not_make_is_an_error() -> None:
    forced = TUTORIAL.bind_tools([human_assistance], tool_choice="any")
    with pytest.raises(ScriptError, match="otherwise replies without a call, but tool_choice='any' forces one"):
        forced.invoke("hi")
    assert forced.invoke("expert").tool_calls

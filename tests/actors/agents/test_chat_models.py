"""`init_chat_model`: which provider a name means, and models that a call chooses."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from clew.actors.agents.chat_models import init_chat_model
from clew.actors.agents.configurable_model import ConfigurableModel
from clew.actors.agents.providers import PROVIDERS, chat_model_class, choose
from clew.actors.kit.script import call, otherwise, reply_to
from clew.events.errors import ClewError, MissingPackageError
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tools import tool
from pydantic import BaseModel

from tests.support.packages import require
from tests.support.wire_server import KEY, WireServer

INSTALL = 'pip install "clew[testing]"'


@tool
def search(query: str) -> str:
    """Search the web."""
    return query


class Verdict(BaseModel):
    """What was decided."""

    approved: bool


def configured(**choices: Any) -> RunnableConfig:
    return {"configurable": choices}


@pytest.fixture
def server() -> Iterator[WireServer]:
    require("langchain_openai", INSTALL)
    require("langchain_anthropic", INSTALL)
    script = [
        reply_to("search", call("search", query="clew")),
        reply_to("decide", call("Verdict", approved=True)),
        otherwise("three words here"),
    ]
    with WireServer(script) as running:
        yield running


@pytest.fixture
def options(server: WireServer) -> dict[str, Any]:
    """What both OpenAI's and Anthropic's client need to reach the server."""
    return {"api_key": KEY, "base_url": server.url, "max_retries": 0}


def asked(server: WireServer) -> list[tuple[str, str]]:
    return [(request.path.rpartition("/")[2], request.body["model"]) for request in server.requests]


# -- which provider a name means -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        ("openai:gpt-4.1", "openai", "gpt-4.1"),
        ("gpt-4.1", "openai", "gpt-4.1"),
        ("GPT-4.1", "openai", "GPT-4.1"),
        ("o3-mini", "openai", "o3-mini"),
        ("o4-mini", "openai", "o4-mini"),
        ("chatgpt-4o-latest", "openai", "chatgpt-4o-latest"),
        ("azure_openai:gpt-4.1", "azure_openai", "gpt-4.1"),
        ("Azure-OpenAI:gpt-4.1", "azure_openai", "gpt-4.1"),
        ("claude-loopback", "anthropic", "claude-loopback"),
        ("anthropic:claude-loopback", "anthropic", "claude-loopback"),
        ("gemini-2.0-flash", "google_genai", "gemini-2.0-flash"),
        ("google_genai:gemini-2.0-flash", "google_genai", "gemini-2.0-flash"),
        ("google_vertexai:gemini-2.0-flash", "google_vertexai", "gemini-2.0-flash"),
        ("amazon.nova-pro-v1:0", "bedrock", "amazon.nova-pro-v1:0"),
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", "bedrock", "anthropic.claude-3-5-sonnet-20240620-v1:0"),
        ("meta.llama3-70b", "bedrock", "meta.llama3-70b"),
        ("bedrock_converse:anthropic.claude-v1:0", "bedrock_converse", "anthropic.claude-v1:0"),
    ],
)
def test_a_name_tells_its_provider(model: str, provider: str, name: str) -> None:
    assert choose(model) == (provider, name)


@pytest.mark.parametrize(
    ("model", "model_provider", "expected"),
    [
        ("gpt-4.1", "openai", ("openai", "gpt-4.1")),
        ("gpt-4.1", "azure-openai", ("azure_openai", "gpt-4.1")),
        ("my-own-model", "openai", ("openai", "my-own-model")),
        ("claude-loopback", "openai", ("openai", "claude-loopback")),
        ("ft:gpt-4o:acme", "openai", ("openai", "ft:gpt-4o:acme")),
        ("openai:gpt-4.1", "openai", ("openai", "gpt-4.1")),
    ],
)
def test_a_given_provider_goes_before_the_name(model: str, model_provider: str, expected: tuple[str, str]) -> None:
    assert choose(model, model_provider) == expected


@pytest.mark.parametrize(
    ("model", "model_provider", "message"),
    [
        (
            "mistral-large",
            None,
            r"cannot tell the provider of model 'mistral-large': clew builds models of anthropic, ",
        ),
        ("groq:llama", None, r"cannot tell the provider of model 'groq:llama'.*build the model with its own class"),
        ("ft:gpt-4o:acme", None, r"cannot tell the provider of model 'ft:gpt-4o:acme'"),
        ("llama", "groq", r"unknown model_provider 'groq': clew builds models of"),
        ("openai:gpt-4.1", "anthropic", r"names provider 'openai' and model_provider says 'anthropic'"),
        ("openai:", None, r"model 'openai:' has no name"),
        (" ", "openai", r"model ' ' has no name"),
    ],
)
@pytest.mark.parametrize("fields", [None, "any"])
def test_a_name_without_a_provider_is_refused_when_built(
    model: str, model_provider: str | None, message: str, fields: Any
) -> None:
    with pytest.raises(ValueError, match=message):
        init_chat_model(model, model_provider=model_provider, configurable_fields=fields)


def test_a_model_object_is_refused_with_advice() -> None:
    with pytest.raises(TypeError, match="got object: a model that is built already is used as it is"):
        init_chat_model(object())  # pyright: ignore


@pytest.mark.parametrize("fields", ["model", ("model", 3)])
def test_fields_that_are_no_list_of_names_are_refused(fields: Any) -> None:
    with pytest.raises(ValueError, match="configurable_fields must be 'any' or a tuple"):
        init_chat_model("gpt-4.1", configurable_fields=fields)


def test_a_prefix_without_fields_warns(server: WireServer) -> None:
    with pytest.warns(UserWarning, match="config_prefix='first' has no effect on a fixed model"):
        init_chat_model("gpt-4.1", config_prefix="first", api_key=KEY)


# -- the class that is built -----------------------------------------------------------------------------------------

BEDROCK = {"region_name": "eu-west-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
BUILT: dict[str, tuple[str, dict[str, Any]]] = {
    "anthropic": ("claude-loopback", {"api_key": KEY}),
    "azure_openai": (
        "gpt-4.1",
        {"api_key": KEY, "azure_deployment": "d", "azure_endpoint": "http://127.0.0.1", "api_version": "1"},
    ),
    "bedrock": ("anthropic.claude-3-5-sonnet-20240620-v1:0", BEDROCK),
    "bedrock_converse": ("anthropic.claude-3-5-sonnet-20240620-v1:0", BEDROCK),
    "google_genai": ("gemini-2.0-flash", {"api_key": KEY}),
    "google_vertexai": ("gemini-2.0-flash", {"api_key": KEY}),
    "openai": ("gpt-4.1", {"api_key": KEY}),
}


@pytest.mark.slow  # imports the packages of Google and AWS
@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_builds_its_own_class(provider: str) -> None:
    require(PROVIDERS[provider].package, f'pip install "clew[{PROVIDERS[provider].extra}]"')
    name, arguments = BUILT[provider]
    model = init_chat_model(f"{provider}:{name}", temperature=0.5, **arguments)
    assert isinstance(model, BaseChatModel)
    assert (type(model).__name__, getattr(model, "temperature", None)) == (PROVIDERS[provider].class_name, 0.5)
    assert name in {getattr(model, field, None) for field in ("model_name", "model", "model_id")}


def test_vertex_models_are_built_for_vertex() -> None:
    require("langchain_google_genai", 'pip install "clew[google]"')
    name, arguments = BUILT["google_vertexai"]
    assert getattr(init_chat_model(f"google_vertexai:{name}", **arguments), "vertexai") is True  # noqa: B009


def test_azure_calls_its_deployment() -> None:
    require("langchain_openai", INSTALL)
    with WireServer([otherwise("from azure")]) as server:
        model = init_chat_model(
            "azure_openai:gpt-4.1",
            azure_deployment="mine",
            azure_endpoint=server.url,
            api_version="2025-03-01",
            api_key=KEY,
        )
        assert model.invoke("hi").content == "from azure"
    assert [request.path for request in server.requests] == ["/openai/deployments/mine/chat/completions"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_missing_package_is_named_with_its_command(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PROVIDERS[provider].package, None)
    with pytest.raises(MissingPackageError) as raised:
        init_chat_model("some-model", model_provider=provider)
    assert isinstance(raised.value, ImportError)
    assert isinstance(raised.value, ClewError)
    assert f'pip install "clew[{PROVIDERS[provider].extra}]"' in str(raised.value)
    assert raised.value.name == PROVIDERS[provider].package


def test_a_package_that_misses_something_itself_says_so(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "langchain_openai.py").write_text("import a_package_that_is_not_there")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "langchain_openai", raising=False)
    with pytest.raises(ModuleNotFoundError, match="a_package_that_is_not_there") as raised:
        chat_model_class("openai")
    assert not isinstance(raised.value, ClewError)


@pytest.mark.slow
def test_nothing_of_a_provider_is_imported_before_its_model_is_built() -> None:
    require("langchain_openai", INSTALL)
    program = """
import sys
from clew.actors.agents.chat_models import init_chat_model
packages = ("langchain_openai", "langchain_anthropic", "langchain_google_genai", "langchain_aws", "langchain_tavily")
late = init_chat_model("gpt-4.1", configurable_fields="any")
assert not {*packages, "openai", "anthropic"} & set(sys.modules), "too early"
init_chat_model("openai:gpt-4.1", api_key="k")
assert "langchain_openai" in sys.modules
assert not {*packages[1:], "langchain", "langgraph"} & set(sys.modules), "too much"
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


# -- models that a call chooses --------------------------------------------------------------------------------------


def test_a_configurable_model_calls_its_default(server: WireServer, options: dict[str, Any]) -> None:
    model = init_chat_model("openai:gpt-4.1", configurable_fields="any", temperature=0.25, **options)
    assert isinstance(model, ConfigurableModel)
    assert model.invoke("hi").content == "three words here"
    assert asked(server) == [("completions", "gpt-4.1")]
    assert server.requests[0].body["temperature"] == 0.25


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"model": "claude-loopback"}, ("messages", "claude-loopback")),
        ({"model": "anthropic:claude-loopback"}, ("messages", "claude-loopback")),
        ({"model": "mine", "model_provider": "anthropic"}, ("messages", "mine")),
        ({"model": "gpt-5"}, ("completions", "gpt-5")),
    ],
)
def test_a_call_chooses_model_and_provider(
    server: WireServer, options: dict[str, Any], choice: dict[str, Any], expected: tuple[str, str]
) -> None:
    for default in ("gpt-4.1", None):
        model = init_chat_model(default, configurable_fields=("model", "model_provider"), **options)  # pyright: ignore
        model.invoke("hi", configured(**choice))
    assert asked(server) == [expected, expected]


def test_without_a_name_model_and_provider_are_configurable(server: WireServer, options: dict[str, Any]) -> None:
    model = init_chat_model(temperature=0.25, **options)
    model.invoke("hi", configured(model="gpt-4.1", temperature=0.75))
    assert server.requests[0].body["temperature"] == 0.25, "temperature is no configurable field"
    with pytest.raises(ValueError, match=r"""no model to call: give one in config\["configurable"\]\['model'\]"""):
        model.invoke("hi")


def test_a_given_provider_stays_while_calls_change_the_name(server: WireServer, options: dict[str, Any]) -> None:
    model = init_chat_model("gpt-4.1", model_provider="openai", configurable_fields=("model",), **options)
    model.invoke("hi", configured(model="claude-on-a-gateway", model_provider="anthropic"))
    assert asked(server) == [("completions", "claude-on-a-gateway")]
    with pytest.raises(ValueError, match="give one of the two"):
        model.invoke("hi", configured(model="anthropic:claude-loopback"))


def test_fields_that_are_not_listed_are_not_taken(server: WireServer, options: dict[str, Any]) -> None:
    model = init_chat_model("openai:gpt-4.1", configurable_fields=["temperature"], **options)
    model.invoke("hi", configured(temperature=0.75, model="gpt-5", base_url="http://127.0.0.1:9", thread_id="1"))
    assert asked(server) == [("completions", "gpt-4.1")]
    assert server.requests[0].body["temperature"] == 0.75


def test_any_takes_every_argument_of_the_class_and_leaves_the_graph_its_own(
    server: WireServer, options: dict[str, Any]
) -> None:
    model = init_chat_model("openai:gpt-4.1", configurable_fields="any", **options)
    model.invoke("hi", configured(temperature=0.75, max_tokens=9, thread_id="1", user_id="ann", __pregel_x=1))
    body = server.requests[0].body
    assert (body["temperature"], body["max_completion_tokens"]) == (0.75, 9)
    assert not {"thread_id", "user_id", "__pregel_x"} & body.keys()


def test_a_prefix_tells_two_models_apart(server: WireServer, options: dict[str, Any]) -> None:
    first = init_chat_model("openai:gpt-4.1", configurable_fields="any", config_prefix="first", **options)
    second = init_chat_model("openai:gpt-4.1", configurable_fields="any", config_prefix="second_", **options)
    config = configured(first_model="claude-loopback", first_temperature=0.75, model="gpt-5", second_model="o3")
    first.invoke("hi", config)
    second.invoke("hi", config)
    assert asked(server) == [("messages", "claude-loopback"), ("completions", "o3")]
    assert server.requests[0].body["temperature"] == 0.75


def test_an_unknown_prefixed_argument_is_refused(server: WireServer, options: dict[str, Any]) -> None:
    model = init_chat_model("openai:gpt-4.1", configurable_fields="any", config_prefix="my", **options)
    with pytest.raises(ValueError, match=r"\['my_temprature'\]: 'temprature' is no argument of ChatOpenAI"):
        model.invoke("hi", configured(my_temprature=1))


@pytest.mark.parametrize("name", ["gpt-4.1", "claude-loopback"])
def test_tools_bound_before_the_choice_reach_the_chosen_model(
    server: WireServer, options: dict[str, Any], name: str
) -> None:
    model = init_chat_model("openai:o3", configurable_fields="any", **options).bind_tools([search])
    assert isinstance(model, ConfigurableModel)
    asking = model.invoke("please search", configured(model=name))
    assert [(made["name"], made["args"]) for made in asking.tool_calls] == [("search", {"query": "clew"})]
    assert server.requests[-1].body["model"] == name


@pytest.mark.parametrize("name", ["gpt-4.1", "claude-loopback"])
def test_structured_output_asked_before_the_choice_is_parsed(
    server: WireServer, options: dict[str, Any], name: str
) -> None:
    model = init_chat_model(**options).with_structured_output(Verdict, method="function_calling")
    assert model.invoke("decide", configured(model=name)) == Verdict(approved=True)


def test_every_door_takes_the_choice(server: WireServer, options: dict[str, Any]) -> None:
    model = init_chat_model("openai:gpt-4.1", configurable_fields="any", **options)
    config = configured(model="claude-loopback", default_headers={"x-door": "yes"})

    async def doors() -> list[str]:
        invoked = await model.ainvoke("hi", config)
        streamed = [chunk.text async for chunk in model.astream("hi", config)]
        batched = await model.abatch(["a", "b"], config)
        return [invoked.text, "".join(streamed), *[reply.text for reply in batched]]

    said = [str(model.invoke("hi", config).text), "".join(str(chunk.text) for chunk in model.stream("hi", config))]
    said += [str(reply.text) for reply in model.batch(["a", "b"], config)]
    assert {*said, *asyncio.run(doors())} == {"three words here"}
    assert asked(server) == [("messages", "claude-loopback")] * 8
    assert {request.headers.get("x-door") for request in server.requests} == {"yes"}


def test_a_batch_may_choose_for_each_input(server: WireServer, options: dict[str, Any]) -> None:
    model = init_chat_model("openai:gpt-4.1", configurable_fields=("model",), **options)
    model.batch(["a", "b"], [configured(model="claude-loopback"), configured(model="o3")])
    assert sorted(asked(server)) == [("completions", "o3"), ("messages", "claude-loopback")]


def test_a_bound_config_is_a_default_and_keeps_the_methods(server: WireServer, options: dict[str, Any]) -> None:
    bound = init_chat_model("openai:gpt-4.1", configurable_fields="any", **options).with_config(configured(model="o3"))
    assert isinstance(bound, ConfigurableModel)
    bound.bind_tools([search]).invoke("please search")
    bound.invoke("hi", configured(model="claude-loopback"))
    bound.batch(["hi"])
    assert asked(server) == [("completions", "o3"), ("messages", "claude-loopback"), ("completions", "o3")]


def test_the_config_of_the_surrounding_run_chooses(server: WireServer, options: dict[str, Any]) -> None:
    model = init_chat_model("openai:gpt-4.1", configurable_fields=("model",), **options)
    node = RunnableLambda(lambda question: model.invoke(question))
    node.invoke("hi", configured(model="claude-loopback"))
    (model | RunnableLambda(str)).invoke("hi", configured(model="o3"))
    assert asked(server) == [("messages", "claude-loopback"), ("completions", "o3")]


def test_other_attributes_are_those_of_the_default_model(server: WireServer, options: dict[str, Any]) -> None:
    model: Any = init_chat_model("openai:gpt-4.1", configurable_fields="any", **options)
    assert model.model_name == "gpt-4.1"
    with pytest.raises(AttributeError, match="'no_such_thing'"):
        _ = model.no_such_thing
    with pytest.raises(AttributeError, match="'model_name': this configurable model has no default model"):
        _ = init_chat_model(**options).model_name

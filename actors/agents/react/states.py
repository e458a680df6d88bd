"""What an agent's state holds: messages, the steps left, a structured response. Schemas only."""

# Without `from __future__ import annotations`: the text "NotRequired[...]" would leave its key required.
import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, NotRequired, TypedDict

from langchain_core.messages import BaseMessage
from pydantic import BaseModel, create_model

from ....projections.channels.messages import add_messages
from ...author.hints import class_hints
from ...author.managed import RemainingSteps
from ...author.schemas import is_model

StructuredResponse = dict | BaseModel
"""What `response_format` makes: a dict for a JSON schema, else an instance of the given class."""
REMAINING_STEPS = 25
"""What a pydantic state says of the steps left outside of a run."""
LLM_INPUT = "llm_input_messages"
"""Key under which `pre_model_hook` gives messages to the model and to nobody else."""


class AgentState(TypedDict):
    """The state of an agent; extend it with keys of your own."""

    messages: Annotated[Sequence[BaseMessage], add_messages]
    remaining_steps: NotRequired[RemainingSteps]


class AgentStatePydantic(BaseModel):
    """`AgentState` as a pydantic model."""

    messages: Annotated[Sequence[BaseMessage], add_messages]
    remaining_steps: RemainingSteps = REMAINING_STEPS


class AgentStateWithStructuredResponse(AgentState):
    """`AgentState` with what `response_format` makes."""

    structured_response: StructuredResponse


class AgentStateWithStructuredResponsePydantic(AgentStatePydantic):
    """`AgentStateWithStructuredResponse` as a pydantic model."""

    structured_response: StructuredResponse


def check_state_schema(schema: Any, *, with_response: bool) -> None:
    """Refuse a state schema without the keys that an agent needs. Raises `ValueError`."""
    needed = ["messages", "remaining_steps", *(["structured_response"] if with_response else [])]
    missing = [key for key in needed if key not in class_hints(schema)]
    if missing:
        raise ValueError(
            f"state_schema {getattr(schema, '__name__', schema)!r} lacks {', '.join(missing)}, which an agent needs: "
            "extend AgentState or AgentStatePydantic"
        )


def with_llm_input(schema: Any) -> Any:
    """The schema with the key for what `pre_model_hook` gives to the model only: what the model's node reads."""
    name = f"{schema.__name__}ForModel"
    if is_model(schema):
        return create_model(name, __base__=schema, llm_input_messages=(list[BaseMessage] | None, None))
    if dataclasses.is_dataclass(schema):
        extra = (LLM_INPUT, list[BaseMessage] | None, dataclasses.field(default=None, kw_only=True))
        return dataclasses.make_dataclass(name, [extra], bases=(schema,))  # type: ignore[arg-type]
    return TypedDict(name, {**class_hints(schema), LLM_INPUT: NotRequired[list[BaseMessage]]})  # type: ignore[operator]


def for_response(response: Any) -> Any:
    """What the node of the structured response reads, with the response's own class, which the codec has to know."""
    return TypedDict("ForStructuredResponse", {"messages": list, "structured_response": response})  # type: ignore[operator]


def value_in(state: Any, key: str) -> Any:
    """A key of a state, which is a dict or an object; None where it is not there."""
    return state.get(key) if isinstance(state, dict) else getattr(state, key, None)


def with_messages(state: Any, messages: Any) -> Any:
    """The state with other messages; the given one stays as it is."""
    if isinstance(state, dict):
        return {**state, "messages": messages}
    if isinstance(state, BaseModel):
        return state.model_copy(update={"messages": messages})
    return dataclasses.replace(state, messages=messages)

"""One tool call from its request to its outputs: written once, as a script that sync and async rounds drive."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from langchain_core.messages import ToolCall, ToolMessage
from pydantic import ValidationError

from ....events.errors import EncodeError
from ...engine.call import Scope
from ...engine.effects import Effect, refuse_new
from ...scripts import Script, Step, adrive, drive, on_a_thread
from ..injection import ToolRuntime
from .arguments import Surroundings, fill
from .body import BareStep, ToolBody, WatchedStep
from .calls import ToolCallRequest
from .errors import INVALID_TOOL_NAME_ERROR_TEMPLATE, arguments_error
from .results import Output, outputs_of

if TYPE_CHECKING:
    from .round import ToolRound


class ToolAnswer:
    """One call of a round: its outputs, or what kept it from having any."""

    __slots__ = ("_effect", "_here", "call", "error", "outputs", "place", "round", "unkept")

    def __init__(self, round: ToolRound, call: ToolCall, place: str) -> None:
        self.round = round
        self.call: ToolCall = {**call, "id": call.get("id") or "", "type": "tool_call"}
        self.place = place
        """Name of the call's place in the task; the same at every re-run."""
        self.outputs: list[Output] = []
        self.error: BaseException | None = None
        self.unkept: EncodeError | None = None
        """Why the result is not on record, though the call finished."""
        self._effect: Effect | None = None
        self._here: Scope | None = None

    @property
    def is_paused(self) -> bool:
        """True when the call met a question without an answer, even if the tool swallowed the pause."""
        return self._here is not None and self._here.paused

    def is_played_back(self) -> bool:
        """True when an earlier attempt finished this call: its outputs are here again, nothing runs."""
        scope = self.round.scope
        if scope is None:
            return False
        with scope.child(self.place) as here:
            self._effect = _effect(here, self.call)
        recorded = None if self._effect is None else self._effect.recorded
        if recorded is None or recorded.value is None:
            return False
        self.outputs = _listed(recorded.value.value)
        return True

    def script(self) -> Script[None]:
        """Bring the call to its end, its question or its error. Raises nothing: `error` has it."""
        try:
            if self.round.scope is None:
                self.outputs = _listed((yield from self._answer()))
                return
            with self.round.scope.child(self.place) as self._here:
                returned = yield from self._answer()
                self.outputs = _listed(returned)
            self._keep(self._effect, returned)
        except BaseException as error:
            self.error = error

    def execution(self, request: ToolCallRequest) -> Script[Any]:
        """Run the requested tool: what `execute` does for a wrapper."""
        body = self._body(request)
        effect = None if self._here is None else _effect(self._here, request.tool_call)
        recorded = None if effect is None else effect.recorded
        if recorded is not None and recorded.value is not None:
            return recorded.value.value
        returned = yield from self._execution(request.tool_call, body, request.state, request.runtime)
        self._keep(effect, returned)
        return returned

    def _answer(self) -> Script[Any]:
        node = self.round.node
        body = node.bodies.get(self.call["name"])
        if node.wrap_tool_call is None and node.awrap_tool_call is None:
            return (yield from self._execution(self.call, body, self.round.given, None))
        try:
            tool = None if body is None else body.tool
            runtime = self.round.tool_runtime(self.call["id"] or "")
            returned = yield _WrapStep(self, ToolCallRequest(self.call, tool, self.round.given, runtime))
            return self._checked(returned, self.call)
        except Exception as error:
            return self._told(error, self.call)

    def _execution(
        self, call: ToolCall, body: ToolBody | None, state: Any, runtime: ToolRuntime[Any, Any] | None
    ) -> Script[Any]:
        if body is None:
            return self._unknown(call)
        if self._here is not None:
            refuse_new(self._here, f"tool {call['name']!r}")
        arguments = call["args"]
        if body.injections:
            arguments = fill(body.tool.name, arguments, body.injections, self._around(call, state, runtime))
        config, watched = self.round.config, self.round.watched
        try:
            returned = yield body.step({**call, "args": arguments}, config, watched)
            return self._checked(returned, call)
        except ValidationError as error:
            refused = arguments_error(call["name"], error, call["args"], body.filled)
            refused.__cause__ = error
            return self._told(refused, call)
        except Exception as error:
            return self._told(error, call)

    def _around(self, call: ToolCall, state: Any, runtime: ToolRuntime[Any, Any] | None) -> Surroundings:
        call_id = call["id"] or ""
        if self.round.as_list and isinstance(state, list):
            state = {self.round.node.messages_key: state}
        return Surroundings(
            state=state,
            store=self.round.runtime.store if runtime is None else runtime.store,
            call_id=call_id,
            runtime=lambda: runtime or self.round.tool_runtime(call_id),
            messages_only=self.round.as_list,
        )

    def _body(self, request: ToolCallRequest) -> ToolBody | None:
        """The tool of a request, which a wrapper may have changed to one that the node does not have."""
        tool = request.tool
        if tool is None:
            return None
        known = self.round.node.bodies.get(tool.name)
        return known if known is not None and known.tool is tool else ToolBody(tool)

    def _checked(self, returned: Any, call: ToolCall) -> Any:
        messages_key, as_list = self.round.node.messages_key, self.round.as_list
        outputs = outputs_of(returned, call["name"], call["id"] or "", messages_key, as_list)
        return outputs if isinstance(returned, list) else outputs[0]

    def _told(self, error: Exception, call: ToolCall) -> ToolMessage:
        content = self.round.node.errors.content(error)
        return ToolMessage(content, name=call["name"], tool_call_id=call["id"] or "", status="error")

    def _unknown(self, call: ToolCall) -> ToolMessage:
        known = ", ".join(self.round.node.bodies) or "none"
        content = INVALID_TOOL_NAME_ERROR_TEMPLATE.format(requested_tool=call["name"], available_tools=known)
        return ToolMessage(content, name=call["name"], tool_call_id=call["id"] or "", status="error")

    def _keep(self, effect: Effect | None, returned: Any) -> None:
        """Put a result on record. A call that met an open question is not finished, whatever its tool made of it."""
        if effect is None or self.is_paused:
            return
        try:
            effect.keep(returned, early=len(self.round.answers) > 1)
        except EncodeError as error:
            # What is not written to a kept channel may be anything. If it is, the node's write is refused.
            self.unkept = error


class _WrapStep:
    """The call of the node's wrapper."""

    __slots__ = ("_answer", "_request")

    def __init__(self, answer: ToolAnswer, request: ToolCallRequest) -> None:
        self._answer = answer
        self._request = request

    def make(self) -> Any:
        """Call the sync wrapper on this thread."""
        wrap = self._answer.round.node.wrap_tool_call
        if wrap is None:
            # To run the tool without it would leave out what may be an approval.
            raise TypeError(
                f"ToolNode {self._answer.round.node.name!r} has awrap_tool_call only: call the graph with ainvoke or "
                "astream, or give it wrap_tool_call as well"
            )
        return wrap(self._request, lambda request: drive(self._answer.execution(request)))

    async def amake(self) -> Any:
        """Await the async wrapper; where there is none, call the sync one on a thread."""
        node = self._answer.round.node
        if node.awrap_tool_call is not None:
            return await node.awrap_tool_call(self._request, lambda request: adrive(self._answer.execution(request)))
        loop = asyncio.get_running_loop()

        def execute(request: ToolCallRequest) -> Any:
            return drive(self._answer.execution(request), lambda step: _make_beside(step, loop))

        return await on_a_thread(node.wrap_tool_call, self._request, execute)  # type: ignore[arg-type]


def _make_beside(step: Step, loop: asyncio.AbstractEventLoop) -> Any:
    """Do a tool's step from a thread beside the loop: on this very thread, unless the tool has an async form."""
    if isinstance(step, (BareStep, WatchedStep)) and step.is_sync_only:
        return step.make()
    return asyncio.run_coroutine_threadsafe(step.amake(), loop).result()  # type: ignore[arg-type]


def _effect(here: Scope, call: ToolCall) -> Effect | None:
    """The record of a call in its place; None for arguments that cannot be stored, which only a wrapper can make."""
    try:
        return here.effect(call["name"], call["args"])
    except EncodeError:
        return None


def _listed(returned: Any) -> list[Output]:
    return returned if isinstance(returned, list) else [returned]

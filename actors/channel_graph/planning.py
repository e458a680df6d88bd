"""From nodes and channels to a plan: what a node wrote leads to the nodes that subscribe to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from ...events.errors import EmptyInputError
from ...events.vocabulary import START, Command
from ...projections.channels.base_channel import BaseChannel
from ...projections.channels.channel import Channel
from ...projections.channels.ephemeral_value import EphemeralValue
from ...projections.channels.kinds.own import as_rule
from ...projections.state.merge import Channels
from ..author.callee import callee_of, digest
from ..author.plan import Branch, Callee, Node, Plan, StateView
from ..author.validation import check_timeout
from .node_builder import ChannelWriteEntry, NodeBuilder, PregelNode

GIVEN = "__given__"
"""The channel that tells START which of the input's channels the caller wrote."""
Names = str | Sequence[str]


def channel_plan(
    *,
    name: str,
    nodes: Mapping[str, PregelNode | NodeBuilder],
    channels: Mapping[str, Channel[Any]],
    input_channels: Names,
    output_channels: Names,
    stream_channels: Names | None = None,
    context_schema: Any = None,
) -> Plan:
    """The plan of a graph of channels.

    Raises:
        ValueError: a channel that is named is not there; no node takes the input; a channel that is subscribed to has
            a value only at times of its own; a timeout on a sync node.
    """
    built = {key: node.build() if isinstance(node, NodeBuilder) else node for key, node in nodes.items()}
    inputs, outputs = _names(input_channels), _names(output_channels)
    _check(built, channels, inputs, outputs)
    subscribers = {key: tuple(n for n, node in built.items() if key in node.triggers) for key in channels}
    entry = StateView(keys=(GIVEN,))
    path = Callee(call=lambda state: _targets(subscribers, state[GIVEN]), name="subscribers")
    branch = Branch("subscribers", path, entry, {one: one for one in _targets(subscribers, inputs)})
    shown = tuple(key for key, rule in channels.items() if not (key in inputs and isinstance(rule, EphemeralValue)))
    made = {key: _node(key, node, subscribers) for key, node in built.items()}
    return Plan(
        name=name,
        channels=Channels({**{key: as_rule(rule) for key, rule in channels.items()}, GIVEN: EphemeralValue(list)}),
        nodes=made,
        start=Node(START, Callee(call=_nothing), entry, branches=(branch,), hidden=True),
        joins={},
        input_view=StateView(keys=(*inputs, GIVEN)),
        output_view=StateView(keys=outputs, root=isinstance(output_channels, str)),
        state_view=StateView(keys=shown if stream_channels is None else _names(stream_channels)),
        fingerprint=digest(
            ["channels", *((key, node.triggers, node.callee.fingerprint) for key, node in made.items())]
        ),
        context_schema=context_schema,
        types=[rule.typ for rule in channels.values() if isinstance(rule, BaseChannel)],
        takes=_input_of(input_channels),
    )


def _names(given: Names) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _check(
    nodes: Mapping[str, PregelNode],
    channels: Mapping[str, Channel[Any]],
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
) -> None:
    named: dict[str, Sequence[str]] = {"input_channels": inputs, "output_channels": outputs}
    for key, node in nodes.items():
        named[f"node {key!r}"] = (*node.triggers, *node.reads, *(write.channel for write in node.writes))
        if not node.triggers:
            raise ValueError(f"node {key!r} subscribes to no channel and would never run: give it subscribe_only(...)")
        waiting = [one for one in node.triggers if one in channels and not _is_due_when_written(channels[one])]
        if waiting:
            raise ValueError(
                f"node {key!r} subscribes to {waiting}, which has no value when it is written: use a StateGraph's "
                "joins (`add_edge([...], node)`) or `defer`"
            )
    for who, names in named.items():
        unknown = [one for one in names if one not in channels]
        if unknown:
            raise ValueError(f"{who} names {unknown}, which are no channels; there are {list(channels)}")
    if not any(key in node.triggers for node in nodes.values() for key in inputs):
        raise ValueError(f"no node subscribes to an input channel ({', '.join(inputs)}): nothing would ever run")


def _is_due_when_written(channel: Channel[Any]) -> bool:
    return not (channel.at_end or hasattr(channel, "seen"))


def _input_of(input_channels: Names) -> Callable[[Any], dict[str, Any]]:
    """What makes the channels' values of a call's input, with the names of those that it has."""
    names = _names(input_channels)

    def channels_of(given: Any) -> dict[str, Any]:
        if isinstance(input_channels, str):
            return {input_channels: given, GIVEN: [input_channels]}
        values = {key: given[key] for key in names if key in given} if isinstance(given, Mapping) else {}
        if not values and given != {}:
            raise EmptyInputError(f"the input {given!r} has none of the channels {list(names)}: give a dict of them")
        return {**values, GIVEN: list(values)}

    return channels_of


def _targets(subscribers: Mapping[str, tuple[str, ...]], written: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name for channel in written for name in subscribers.get(channel, ())))


def _node(name: str, node: PregelNode, subscribers: Mapping[str, tuple[str, ...]]) -> Node:
    callee = Callee(call=_same) if node.bound is None else callee_of(node.bound, role=f"node {name!r}")[0]
    check_timeout(name, callee, node.timeout)
    return Node(
        name=name,
        callee=_writing(callee, node.writes, subscribers),
        view=StateView(keys=node.reads, root=node.single),
        metadata=node.metadata,
        tags=node.tags,
        retry_policy=node.retry_policy,
        cache_policy=node.cache_policy,
        timeout=node.timeout,
        destinations=tuple(_targets(subscribers, [write.channel for write in node.writes])),
        triggers=node.triggers,
    )


def _writing(
    callee: Callee, entries: Sequence[ChannelWriteEntry], subscribers: Mapping[str, tuple[str, ...]]
) -> Callee:
    """The callee as one that returns its writes and where they lead."""

    def written(made: Any) -> Command[Any]:
        writes = [(entry.channel, entry.of(made), entry.skip_none) for entry in entries]
        kept = [(channel, value) for channel, value, skip in writes if not (skip and value is None)]
        return Command(update=kept, goto=_targets(subscribers, [channel for channel, _ in kept]))

    def call(*given: Any, **injected: Any) -> Command[Any]:
        return written(callee.call(*given, **injected))

    def asynchronous(run: Callable[..., Any]) -> Callable[..., Any]:
        async def acall(*given: Any, **injected: Any) -> Command[Any]:
            return written(await run(*given, **injected))

        return acall

    return replace(
        callee,
        call=asynchronous(callee.call) if callee.is_async else call,
        acall=None if callee.acall is None else asynchronous(callee.acall),
    )


def _same(given: Any) -> Any:
    return given


def _nothing(_: Any) -> None:
    return None

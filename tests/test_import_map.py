"""What people import from LangGraph's modules exists under the same path below `clew`.

`HAD` is what LangGraph 1.2.22 shows in public, module by module. What clew leaves out is listed with its reason, and a
name that is listed and exists after all fails too.
"""

from __future__ import annotations

import re
import warnings
from importlib import import_module

import pytest

from tests.support.sources import ROOT

HAD: dict[str, str] = {
    "graph": "END MessageGraph MessagesState START StateGraph add_messages",
    "graph.message": "MessageGraph MessagesState REMOVE_ALL_MESSAGES add_messages push_message",
    "graph.state": "CompiledStateGraph StateGraph",
    "constants": "END START TAG_HIDDEN TAG_NOSTREAM Interrupt Send",
    "types": (
        "All CachePolicy CacheKey CheckpointPayload CheckpointStreamPart CheckpointTask Checkpointer Command "
        "CustomStreamPart DebugPayload DebugStreamPart Durability GraphOutput Interrupt MessagesStreamPart Overwrite "
        "PregelExecutableTask PregelTask RetryPolicy Send StateSnapshot StateUpdate StreamMode StreamPart StreamWriter "
        "TaskPayload TaskResultPayload TasksStreamPart TimeoutPolicy TracePolicy UpdatesStreamPart ValuesStreamPart "
        "ensure_valid_checkpointer interrupt omit_payload"
    ),
    "errors": (
        "EmptyChannelError EmptyInputError ErrorCode GraphBubbleUp GraphDrained GraphInterrupt GraphRecursionError "
        "InvalidUpdateError NodeCancelledError NodeError NodeInterrupt NodeTimeoutError ParentCommand TaskNotFound "
        "UnknownInterruptError is_invalid_resume"
    ),
    "channels": (
        "AnyValue BaseChannel BinaryOperatorAggregate DeltaChannel EphemeralValue LastValue LastValueAfterFinish "
        "NamedBarrierValue NamedBarrierValueAfterFinish Topic UntrackedValue"
    ),
    "managed": "IsLastStep RemainingSteps",
    "runtime": "BaseUser ExecutionInfo RunControl Runtime ServerInfo get_runtime",
    "config": "get_config get_store get_stream_writer",
    "func": "entrypoint task",
    "callbacks": (
        "GraphCallbackHandler GraphInterruptEvent GraphLifecycleEvent GraphLifecycleStatus GraphResumeEvent "
        "get_async_graph_callback_manager_for_config get_sync_graph_callback_manager_for_config"
    ),
    "prebuilt": (
        "InjectedState InjectedStore ToolCallTransformer ToolNode ToolRuntime ValidationNode create_react_agent "
        "tools_condition"
    ),
    "prebuilt.tool_node": (
        "InjectedState InjectedStore ToolCallRequest ToolCallWithContext ToolInvocationError ToolNode ToolRuntime "
        "msg_content_output tools_condition"
    ),
    "prebuilt.chat_agent_executor": (
        "AgentState AgentStatePydantic AgentStateWithStructuredResponse AgentStateWithStructuredResponsePydantic "
        "create_react_agent create_tool_calling_executor"
    ),
    "prebuilt.interrupt": "ActionRequest HumanInterrupt HumanInterruptConfig HumanResponse",
    "prebuilt.tool_validator": "ValidationNode",
    "checkpoint.base": (
        "BaseCheckpointSaver Checkpoint CheckpointMetadata CheckpointTuple copy_checkpoint create_checkpoint "
        "empty_checkpoint get_checkpoint_id get_checkpoint_metadata"
    ),
    "checkpoint.memory": "InMemorySaver MemorySaver PersistentDict",
    "checkpoint.sqlite": "SqliteSaver",
    "checkpoint.sqlite.aio": "AsyncSqliteSaver",
    "checkpoint.postgres": "PostgresSaver ShallowPostgresSaver",
    "checkpoint.postgres.aio": "AsyncPostgresSaver AsyncShallowPostgresSaver",
    "checkpoint.serde.jsonplus": "JsonPlusSerializer",
    "checkpoint.serde.encrypted": "EncryptedSerializer",
    "store.base": (
        "BaseStore Embeddings GetOp InvalidNamespaceError Item ListNamespacesOp MatchCondition NamespaceMatchType "
        "NamespacePath Op PutOp SearchItem SearchOp ensure_embeddings get_text_at_path tokenize_path"
    ),
    "store.memory": "InMemoryStore",
    "store.sqlite": "AsyncSqliteStore SqliteStore",
    "store.sqlite.aio": "AsyncSqliteStore",
    "store.postgres": "AsyncPostgresStore PoolConfig PostgresStore",
    "store.postgres.aio": "AsyncPostgresStore PoolConfig",
    "cache.base": "BaseCache",
    "cache.memory": "InMemoryCache",
    "cache.sqlite": "SqliteCache",
    "cache.redis": "RedisCache",
    "pregel": "NodeBuilder Pregel",
    "pregel.remote": "RemoteGraph",
    "stream": (
        "AsyncGraphRunStream AsyncSubgraphRunStream CheckpointsTransformer CustomTransformer DebugTransformer "
        "GraphRunStream LifecyclePayload LifecycleTransformer ProtocolEvent StreamChannel StreamTransformer "
        "SubgraphRunStream SubgraphStatus SubgraphTransformer TasksTransformer UpdatesTransformer"
    ),
}
"""Module below `langgraph` to its public names."""

NO_CHECKPOINTS = "a form of LangGraph's stored checkpoints, which clew does not have: it stores events"
LEFT_OUT: dict[str, str] = {
    "callbacks:GraphLifecycleEvent": "the base of the two events, of no use by itself",
    "callbacks:get_async_graph_callback_manager_for_config": "internal",
    "callbacks:get_sync_graph_callback_manager_for_config": "internal",
    "checkpoint.base:copy_checkpoint": NO_CHECKPOINTS,
    "checkpoint.base:create_checkpoint": NO_CHECKPOINTS,
    "checkpoint.base:empty_checkpoint": NO_CHECKPOINTS,
    "checkpoint.base:get_checkpoint_id": NO_CHECKPOINTS,
    "checkpoint.base:get_checkpoint_metadata": NO_CHECKPOINTS,
    "checkpoint.memory:PersistentDict": "a pickle in a file",
    "checkpoint.postgres:ShallowPostgresSaver": "deprecated, keeps no history",
    "checkpoint.postgres.aio:AsyncShallowPostgresSaver": "deprecated, keeps no history",
    "types:PregelExecutableTask": "internal",
    "types:ensure_valid_checkpointer": "internal",
}
"""`module:name`, or a module, to why clew does not have it."""


def wanted() -> list[tuple[str, str]]:
    return [(module, name) for module, names in HAD.items() for name in names.split()]


def exists(module: str, name: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return hasattr(import_module(f"clew.{module}"), name)
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("clew"):
            raise
        return False


def reason(module: str, name: str) -> str | None:
    return LEFT_OUT.get(module) or LEFT_OUT.get(f"{module}:{name}")


@pytest.mark.parametrize(("module", "name"), wanted())
def test_a_name_that_people_import_exists_or_is_left_out_for_a_reason(module, name):
    assert exists(module, name) is (reason(module, name) is None)


def test_what_is_left_out_is_something_that_people_had():
    names = {f"{module}:{name}" for module, name in wanted()}
    assert LEFT_OUT.keys() - names - HAD.keys() == set()


def test_the_document_has_every_module():
    page = (ROOT / "docs/how-to/coming-from-langgraph.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `langgraph\.([\w.]+)` \| `clew\.([\w.]+)`", page, re.MULTILINE))
    assert {had: had for had in HAD if had not in LEFT_OUT} == rows

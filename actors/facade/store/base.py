"""What every long-term store is, keeps and is asked."""

from clew.actors.memory.base import BaseStore
from clew.actors.memory.checks import validate_op_namespace
from clew.actors.memory.embedding import ensure_embeddings
from clew.actors.memory.items import (
    NOT_PROVIDED,
    AEmbeddingsFunc,
    EmbeddingsFunc,
    GetOp,
    IndexConfig,
    Item,
    ListNamespacesOp,
    MatchCondition,
    NamespaceMatchType,
    NamespacePath,
    NotProvided,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
)
from clew.actors.memory.paths import get_text_at_path, tokenize_path
from clew.events.errors import InvalidNamespaceError
from langchain_core.embeddings import Embeddings

__all__ = [
    "NOT_PROVIDED",
    "AEmbeddingsFunc",
    "BaseStore",
    "Embeddings",
    "EmbeddingsFunc",
    "GetOp",
    "IndexConfig",
    "InvalidNamespaceError",
    "Item",
    "ListNamespacesOp",
    "MatchCondition",
    "NamespaceMatchType",
    "NamespacePath",
    "NotProvided",
    "Op",
    "PutOp",
    "Result",
    "SearchItem",
    "SearchOp",
    "TTLConfig",
    "ensure_embeddings",
    "get_text_at_path",
    "tokenize_path",
    "validate_op_namespace",
]

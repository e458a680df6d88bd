"""Names derived from facts, so that no event has to store them: checkpoint, task and question ids.

The same facts give the same id in every process and at every replay.
"""

from __future__ import annotations

from hashlib import blake2b

_UUID_EPOCH_TICKS = 0x01B21DD213814000
"""100-nanosecond ticks between 1582-10-15, where UUID time begins, and 1970-01-01."""
TICKS_PER_MICROSECOND = 10


def checkpoint_id(time: int, ordinal: int, entropy: bytes) -> str:
    """The id of a commit's `ordinal`-th checkpoint: a UUID version 6 string (RFC 9562), so that ids sort by time.

    Args:
        time: the commit's time, microseconds since the epoch.
        ordinal: which checkpoint of the commit, from 0; each is one tick (100 ns) later than the one before.
        entropy: the commit's id; 62 of its bits make the id unique.
    """
    ticks = time * TICKS_PER_MICROSECOND + ordinal + _UUID_EPOCH_TICKS
    high = (ticks >> 12) << 16 | 0x6000 | (ticks & 0xFFF)
    low = 0x8000000000000000 | (int.from_bytes(entropy[:8], "big") >> 2)
    text = (high << 64 | low).to_bytes(16, "big").hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def checkpoint_ticks(checkpoint: str) -> int | None:
    """Ticks since the epoch at which a checkpoint of this id was made; None when the text is no such id."""
    digits = checkpoint.replace("-", "")
    if len(digits) != 32 or digits[12] != "6":
        return None
    try:
        high = int(digits[:16], 16)
    except ValueError:
        return None
    return ((high >> 16) << 12 | (high & 0xFFF)) - _UUID_EPOCH_TICKS


def task_id(checkpoint: str, ns: str, node: str, send: int) -> str:
    """The id of a task, as a UUID-shaped string: the same step run again gives the same id, a fork gives another.

    Args:
        checkpoint: id of the checkpoint at which the step began.
        ns: namespace of the graph.
        node: the node's name.
        send: the Send's place among the step's Sends, or -1 for a task that an edge triggered.
    """
    facts = f"{checkpoint}\0{ns}\0{node}\0{send}"
    text = blake2b(facts.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def question_id(task: str, scope: str, ordinal: int, digest: bytes, round: int = 0) -> str:
    """The id of a question, 32 hexadecimal characters: who asked, where, how many-eth, and what.

    Args:
        task: id of the asking task.
        scope: where in the task: a tool call's id, or "".
        ordinal: number of questions the scope had asked before.
        digest: digest of the question's value and schema.
        round: how many questions were asked in this very place before and withdrawn or refused.
    """
    hasher = blake2b(digest, digest_size=16)
    hasher.update(f"{task}\0{scope}\0{ordinal}\0{round}".encode("utf-8", "surrogatepass"))
    return hasher.hexdigest()

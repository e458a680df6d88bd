"""Feeds hostile bytes to the decoders in a process of its own and prints, as JSON, what they did.

Run by test_hostile.py as `python -P fuzz.py <cases> <seed> < seeds`, with one hexadecimal seed a line: `value …` or
`commit …`. An audit hook notes every import, evaluation, file, process and socket once the codec is loaded.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import zoneinfo
from collections import Counter
from pathlib import Path
from typing import Any

from clew.events.codec import Codec, canonical_digest, decode_commit, encode_commit
from clew.events.errors import CipherError, CodecError, CorruptCommitError, InternalError
from clew.events.vocabulary import Payload

from tests.events.strategies import codec as declared_codec

MEMORY_MAX = 512 * 2**20
"""Bytes that decoding may take on top of what the process has when it begins."""

FORBIDDEN = (
    "import", "exec", "compile", "open", "os.", "subprocess.", "socket.", "ctypes.", "marshal.", "pickle.", "shutil.",
    "code.__new__", "function.__new__", "sys.settrace", "sqlite3.", "urllib.", "webbrowser.",
)  # fmt: skip

INTERESTING = [
    b"\x91" * 300, b"\x81\xa1x" * 300, b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x02", b"\xd4\x02\xc0", b"\xd4\x01\x90", b"\xc1", b"\xff", b"\xed\xa0\x80",
    b"\x82\xa2lc\x01\xa4type\xabconstructor", b"\xa9os.system", b"\xd6\xff\x00\x00\x00\x00",
]  # fmt: skip


class Watch:
    """Notes what the interpreter reports while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.seen: Counter[str] = Counter()
        sys.addaudithook(self._hook)
        self.on = True
        compile("1", "a check of the watch itself", "eval")
        self.on = False
        if not self.seen:
            raise SystemExit("the audit hook does not see a call of compile()")
        self.seen.clear()

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event.startswith(FORBIDDEN) and not _is_zone_file(event, arguments):
            self.seen[f"{event} {arguments!r}"[:200]] += 1


def _is_zone_file(event: str, arguments: tuple[Any, ...]) -> bool:
    """Reading a time zone's table, under the folders where they are: the one file that decoding may open."""
    return event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(tuple(zoneinfo.TZPATH))


def mutate(content: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """The bytes with one to four changes."""
    parts = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(parts) + 1)
        match chance.randrange(6):
            case 0:
                parts[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del parts[place : place + chance.randint(1, 8)]
            case 2:
                parts[place:place] = chance.choice(INTERESTING)
            case 3:
                other = chance.choice(others)
                start = chance.randrange(len(other))
                parts[place:place] = other[start : start + chance.randint(1, 40)]
            case 4:
                parts[place : place + 1] = (
                    bytes([parts[place % len(parts)] ^ (1 << chance.randrange(8))]) if parts else b""
                )
            case _:
                parts = bytearray(chance.randbytes(chance.randint(0, 60)))
    return bytes(parts)


def read_value(content: bytes, codec: Codec) -> None:
    """Decode, write again and digest, as a thread that goes on does."""
    value = codec.decode_value(content)
    codec.encode_value(value)
    canonical_digest(value, codec)


def read_commit(content: bytes, codec: Codec) -> None:
    """Decode, look at every payload, and write the commit again."""
    commit = decode_commit(content, codec, thread="t", version=0)
    for event in commit.events:
        for name in event.__struct_fields__:
            field = getattr(event, name)
            for part in field if isinstance(field, list) else [field]:
                payload = part if isinstance(part, Payload) else getattr(part, "payload", None)
                if payload is not None:
                    _ = payload.value
    encode_commit(commit, codec)


def main(cases: int, seed: int) -> None:
    """Read the seeds from standard input, run the cases, and print what became of them."""
    chance = random.Random(seed)
    seeds: dict[str, list[bytes]] = {"value": [], "commit": []}
    for line in sys.stdin:
        kind, content = line.split()
        seeds[kind].append(bytes.fromhex(content))
    codec = declared_codec()
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    watch = Watch()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_MAX, resource.RLIM_INFINITY))
    watch.on = True
    for case in range(cases):
        kind = "value" if case % 2 else "commit"
        content = mutate(chance.choice(seeds[kind]), seeds[kind], chance)
        try:
            (read_value if kind == "value" else read_commit)(content, codec)
            outcomes["read"] += 1
        except (CipherError, CodecError, CorruptCommitError) as error:
            outcomes[type(error).__name__] += 1
        except InternalError:
            outcomes["not written again"] += 1
        except BaseException as error:
            wrong.append(f"{kind} {content.hex()}: {type(error).__name__}: {error}")
    watch.on = False
    print(json.dumps({"outcomes": outcomes, "forbidden": watch.seen, "wrong": wrong[:20]}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

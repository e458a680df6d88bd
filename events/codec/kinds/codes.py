"""The extension codes of stored values. They are for ever: a number is never given a second meaning.

A value is msgpack; whatever plain msgpack cannot say exactly is an extension of one of these codes. The comment behind
a code is its content: "bytes" stands for itself, everything else is msgpack again.
"""

from __future__ import annotations

MESSAGE = 1  # [class number, content, id, {other fields}, {extra fields}], from the right as far as needed
OBJECT = 2  # [tag, data] or [tag, data, more]: an instance of a registered class

TUPLE = 3  # [item, …]
SET = 4  # [item, …] sorted
FROZENSET = 5  # [item, …] sorted
DEQUE = 6  # [greatest length or nil, [item, …]]
MAPPING = 7  # [key, value, key, value, …]: a dict whose keys msgpack cannot hold
ORDERED_DICT = 8  # [key, value, …]
DEFAULT_DICT = 9  # [number of the factory, [key, value, …]]
COUNTER = 10  # [key, value, …]

INTEGER = 16  # bytes: two's complement, big-endian, for what 64 bits cannot hold
TEXT = 17  # bytes: UTF-8 with lone surrogates
BYTEARRAY = 18  # bytes
COMPLEX = 19  # bytes: two big-endian doubles
DECIMAL = 20  # bytes: its text
UUID = 21  # bytes: 16
DATE = 22  # bytes: ISO text
TIME = 23  # [ISO text, fold, zone kind, zone]
DATETIME = 24  # [ISO text, fold, zone kind, zone]
TIMEDELTA = 25  # [days, seconds, microseconds]
TIMEZONE = 26  # [zone kind, zone]
PATH = 27  # [kind, text]
PATTERN = 28  # [pattern, flags]
NETWORK = 29  # [kind, text]: addresses, interfaces and networks
RANGE = 30  # [start, stop, step]
EXCEPTION = 31  # [class name, message]
URL = 32  # [kind, text]: pydantic's URLs

SEND = 40  # [node, argument, timeout]
COMMAND = 41  # [graph, update, resume, goto, answers]
OVERWRITE = 42  # [value]
INTERRUPT = 43  # [value, id, response schema]

ARRAY = 50  # [dtype, shape, bytes]: a numpy array, in C order
SCALAR = 51  # [dtype, bytes]: a numpy scalar

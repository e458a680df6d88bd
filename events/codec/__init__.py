"""Events and users' values to bytes and back. A closed registry of classes; reading never imports or runs anything.

values    the Codec: what everybody holds         commits   a commit as one row's bytes
registry  which classes may be stored             digest    what binds answers and effects
writer    the walk from a value to msgpack        reader    and back
kinds/    how each kind of value comes apart      upcasting events of older vocabularies
declared  classes a schema speaks of              refusals  why a value cannot be stored
serializer  what savers take as `serde`
"""

from .commits import decode_commit, encode_commit
from .digest import canonical_digest
from .kinds.opaque import Opaque, RecordedException
from .registry import COMMON, Registry
from .upcasting import Upcaster
from .values import Codec

__all__ = [
    "COMMON",
    "Codec",
    "Opaque",
    "RecordedException",
    "Registry",
    "Upcaster",
    "canonical_digest",
    "decode_commit",
    "encode_commit",
]

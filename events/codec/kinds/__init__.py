"""How each kind of value comes apart and is put together again: the tables of the codec's writer and reader.

codes      the extension numbers
natives    the standard library's values        shapes     instances of users' classes
messages   langchain-core's messages            arrays     numpy's
opaque     what reading gives for a value that cannot be rebuilt
"""

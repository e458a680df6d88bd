"""Archives: threads outside of a store, in one file of JSON Lines that can be read and proved without one.

logfile.py      the file's form: a head line for each thread, then a line for each of its commits
partial.py      an archive that is being written; what a crash left of one
transfer.py     from a store to a file, and from a file into a store
store.py        a file as a store that can only be read
opening.py      a store or a file by its address
retention.py    moving threads that nobody needs any more out of the store
"""

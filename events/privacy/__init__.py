"""Privacy: commits encrypted before they are chained, under a key of the person whom they are about.

    cipher.py           the hook: what a saver asks to seal and open a commit's body
    sealing.py          the sealed form: AES-GCM, bound to the thread and version
    keyring.py          a key for each subject, wrapped by a master key; rotation and destruction
    vault.py            where wrapped keys are kept: the contract, and one in memory
    sqlite_vault.py     keys in a SQLite file
    postgres_vault.py   keys in Postgres
    serializer.py       `EncryptedSerializer`, the form that programs for LangGraph know

The chain covers what is stored, so a thread whose key is gone can still be proved. Only `cryptography` does
cryptography; it is imported when a key is first used.
"""

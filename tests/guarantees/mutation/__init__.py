"""Mutation testing of what guards the promises (R20): each small change of that code must fail some test.

`python -m tests.guarantees.mutation` runs it; `mutation.toml` says what is changed, which tests must notice, and why
some changes need not be noticed. It takes minutes, so it is no part of the ordinary test command.
"""

"""The categories of warnings about old names, as people filter them. Raised by nothing here."""

from __future__ import annotations


class LangGraphDeprecationWarning(DeprecationWarning):
    """Something that LangGraph's API keeps for older programs, and clew with it.

    Args:
        message: what is old and what to write.
        since: major and minor version of the API that put it aside.
        expected_removal: the version that will be without it; the next major one when nothing is said.
    """

    def __init__(
        self, message: str, *args: object, since: tuple[int, int], expected_removal: tuple[int, int] | None = None
    ) -> None:
        super().__init__(message, *args)
        self.message = message.rstrip(".")
        self.since = since
        self.expected_removal = expected_removal or (since[0] + 1, 0)

    def __str__(self) -> str:
        return f"{self.message} (put aside in version {self.since[0]}.{self.since[1]} of LangGraph's API)"


class LangGraphDeprecatedSinceV05(LangGraphDeprecationWarning):
    """Put aside in 0.5."""

    def __init__(self, message: str, *args: object) -> None:
        super().__init__(message, *args, since=(0, 5))


class LangGraphDeprecatedSinceV10(LangGraphDeprecationWarning):
    """Put aside in 1.0."""

    def __init__(self, message: str, *args: object) -> None:
        super().__init__(message, *args, since=(1, 0))


class LangGraphDeprecatedSinceV11(LangGraphDeprecationWarning):
    """Put aside in 1.1."""

    def __init__(self, message: str, *args: object) -> None:
        super().__init__(message, *args, since=(1, 1))

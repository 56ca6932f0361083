"""What must a contestant be able to do, so that all of them can be asked for the same things?"""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.measuring import timed

from llmspell.entry import JsonValue

Entries = list[tuple[str, dict[str, JsonValue]]]

SCOPE = "bench"


class Peer:
    """A store of somebody, open in files of its own. A value goes in and comes out as a dict: each pays for its codec.

    Keys are like "user042:017". Every verb is one method of one class more than the package's own call, for all alike.
    """

    lists = True
    """Whether it can tell keys at all."""

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        """Store the value, in a step of its own."""
        raise NotImplementedError

    def load(self, key: str) -> object:
        """Give the value as a dict."""
        raise NotImplementedError

    def delete(self, key: str) -> object:
        """Remove an entry that is there."""
        raise NotImplementedError

    def page(self, prefix: str, limit: int) -> list[str]:
        """Give the first keys that begin with `prefix`, in order, at most `limit`."""
        raise NotImplementedError

    def fill(self, entries: Entries) -> None:
        """Store all of them, as fast as it can; not measured."""
        raise NotImplementedError

    def seconds(self, verb: str, arguments: Iterable[tuple[object, ...]]) -> float:
        """Give the mean seconds of one call of `verb` ("save", "load", "delete", "page") over all arguments."""
        return timed(getattr(self, verb), arguments)

    def close(self) -> None:
        """Give up files and connections."""
        raise NotImplementedError


def left_out(name: str) -> str:
    """Give the line that tells that a contestant does not take part."""
    return f"{name} is left out, because what it needs is not installed"


def after(prefix: str) -> str:
    """Give the first text behind all that begin with `prefix`."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)

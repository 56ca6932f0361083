"""What does history answer? The typed results of every call."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from llmspell.entry import JsonValue

ADDED, CHANGED, REMOVED = "added", "changed", "removed"


class Version(NamedTuple):
    """What one version of the store made of an entry; times are epoch seconds.

    `at` is when. `value` is None when `deleted`: then the entry was deleted, or it expired before and its
    space was reclaimed with this version. For a value from before history began `at` is when it was updated,
    or when history began.
    """

    version: int
    at: float
    value: JsonValue
    deleted: bool
    created_at: float
    updated_at: float
    expires_at: float | None


class Difference(NamedTuple):
    """How an entry differs between two points: `change` is "added", "changed" or "removed".

    `before` is None for an added one, `after` for a removed one.
    """

    key: str
    change: str
    before: JsonValue
    after: JsonValue


class Points(NamedTuple):
    """What can be named: every version from `earliest_version` to `latest_version`, `versions` of them.

    Every moment from `earliest_time` on (epoch seconds) can be named as well; `latest_time` is when the latest
    version was made. What was replaced or deleted is kept for `history_days`.
    """

    earliest_version: int
    earliest_time: float
    latest_version: int
    latest_time: float
    history_days: int
    versions: int


class Moment(NamedTuple):
    """A point that the store knows: its version, and the moment that decides what had expired there."""

    version: int
    time: float

"""What can be asked of the past? The verbs of history, over the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell import arguments, codec
from llmspell.backends.base import CLOCK_SLACK_SECONDS
from llmspell.errors import HistoryError
from llmspell.history.points import iso8601, point
from llmspell.history.results import ADDED, CHANGED, REMOVED, Difference, Moment, Points, Version

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.backends.base import Backend, Past, Reader, Window
    from llmspell.history.points import At

_TEXT_SECONDS = 0.001
"""What the text of a moment may leave out: so the first one can be named by the text that is shown for it."""


class History:
    """The past of one open store. Every call raises `HistoryError` when the store keeps none.

    `history_days` is what the store was opened with, for the words of that error.
    """

    def __init__(self, backend: Backend, clock: Callable[[], float], history_days: int) -> None:
        self._backend = backend
        self._clock = clock
        self._days = history_days

    def history(self, scope: str, key: str, *, limit: int | None = 100) -> list[Version]:
        """See `Store.history`."""
        place = arguments.scope_name(scope), arguments.key_name(key)
        kept = self.past_of(self._backend).versions(*place, arguments.limit_count(limit))
        return [
            Version(
                one.version,
                one.at,
                None if one.value is None else codec.decode(one.value),
                one.value is None,
                one.created_at,
                one.updated_at,
                one.expires_at,
            )
            for one in kept
        ]

    def load_json(self, scope: str, key: str, at: At) -> bytes | None:
        """Give the value at a point as JSON text, None when there was no live entry."""
        place = arguments.scope_name(scope), arguments.key_name(key)
        past = self.past_of(self._backend)
        moment = self.resolve(past, at)
        stored = past.get(*place, *moment)
        window = past.window()
        if moment.version < window.from_version:  # trimmed while this was read, so it may not have been whole
            raise self._outside(f"version {moment.version}", window)
        return None if stored is None else stored.value

    def diff(self, scope: str, from_: At, to: At | None = None) -> list[Difference]:
        """See `Store.diff`."""
        scope = arguments.scope_name(scope)
        with self._backend.snapshot() as reader:
            past = self.past_of(reader)
            before = self.resolve(past, from_)
            after = Moment(reader.version(), self._clock()) if to is None else self.resolve(past, to)
            return _differences(past, scope, before, after)

    def restore_points(self) -> Points:
        """See `Store.restore_points`."""
        window = self.past_of(self._backend).window()
        number = window.to_version - window.from_version + 1
        return Points(window.from_version, window.from_time, window.to_version, window.to_time, window.days, number)

    def resolve(self, past: Past, at: At) -> Moment:
        """Give version and moment of a point; raises `HistoryError` when it lies outside of what is known."""
        wanted, window = point(at), past.window()
        if wanted.version is not None:
            if not window.from_version <= wanted.version <= window.to_version:
                raise self._outside(f"version {wanted.version}", window)
            return Moment(wanted.version, past.moment_of(wanted.version))
        moment = wanted.time or 0.0
        if moment < window.from_time - _TEXT_SECONDS:
            raise self._outside(iso8601(moment), window)
        version = past.version_at(moment)  # first of all, because it knows of clocks that were set back
        if moment > max(self._clock(), window.to_time) + CLOCK_SLACK_SECONDS:
            raise self._outside(iso8601(moment), window)
        return Moment(version, moment)

    def stop(self) -> None:
        """See `Store.stop_history`."""
        self._days = 0
        self._backend.stop_history()

    def enabled(self) -> bool:
        """See `Store.history_enabled`."""
        return self._days > 0 or self._backend.past() is not None

    def past_of(self, reader: Reader) -> Past:
        """Give what the reader knows of the past; raises `HistoryError` when it knows nothing."""
        past = reader.past()
        if past is not None:
            return past
        if self._days:
            raise HistoryError(
                f"the store keeps no history yet, although it was opened with history_days = {self._days}: "
                "it begins with the next write, so write something first"
            )
        raise HistoryError(
            "the store keeps no history; open it with history_days=N, or with history_days = N under [state] in the "
            "configuration, and it begins with the next write"
        )

    @staticmethod
    def _outside(wanted: str, window: Window) -> HistoryError:
        return HistoryError(
            f"{wanted} is not known to the history of the store, which goes from version {window.from_version} "
            f"({iso8601(window.from_time)}) to version {window.to_version} ({iso8601(window.to_time)}); "
            "name a point in between"
        )


def _differences(past: Past, scope: str, before: Moment, after: Moment) -> list[Difference]:
    old, new = dict(past.keys(scope, *before)), dict(past.keys(scope, *after))
    found = []
    for key in sorted(old.keys() | new.keys(), key=str.encode):
        if old.get(key) == new.get(key):
            continue  # of one version, so the same
        was = past.get(scope, key, *before) if key in old else None
        now = past.get(scope, key, *after) if key in new else None
        if was is None and now is not None:
            found.append(Difference(key, ADDED, None, codec.decode(now.value)))
        elif was is not None and now is None:
            found.append(Difference(key, REMOVED, codec.decode(was.value), None))
        elif was is not None and now is not None and was.value != now.value:
            found.append(Difference(key, CHANGED, codec.decode(was.value), codec.decode(now.value)))
    return found

"""Which backups stay and which go? Rules over what is known of them, without a clock and without files.

A backup stays when it is protected, or when a keep rule wants it and no limit drops it, or when one that stays
needs it. Protected are held backups, the newest of all, the newest verified full one (the newest full one, when
none is verified), and those whose parents lead back to themselves: nobody can tell what needs those.

The order is that of `sequence`. Moments only say how old a backup is and to which day it belongs, in UTC; a leap
second has no stamp of its own in epoch seconds and counts as the second after it. Limits count all backups, newest
first, also those that no keep rule wants: so what a limit drops does not depend on the keep rules, and a larger
keep rule never costs another backup. Parents of what stays may lie beyond a limit, so more than it allows can stay.

**A clock in doubt.** A deletion cannot be undone, one that comes late costs only space. So as long as there is a
sign that a clock was or is wrong, nothing goes because of a moment, and the reason says until when. The signs:
a backup is dated more than a day after now; one is dated more than a day before one made earlier; between two of
them, or since the newest one, lie more than 180 days, and fewer than three backups were made after that gap; a
moment is no date from 1970 to 9999. Backups made are counted by `sequence`, those deleted since among them, so that
the gaps that yearly rules leave are no sign. What is dated wrongly stays a sign until it is deleted: nobody but its
owner can tell which of two dates is the wrong one. What looks only at the order goes on: `last`, when no keep rule
looks at moments, `max_backups` and `max_total_bytes`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOUR, DAY = 3_600, 86_400
LONGEST_GAP_DAYS = 180
MADE_AFTER_A_GAP = 3
END_OF_DATES = 253_402_300_800
"""The first moment of the year 10000, in epoch seconds."""

_CALENDAR = {"hourly": "%Y-%m-%d %H:00", "daily": "%Y-%m-%d", "weekly": "%G-W%V", "monthly": "%Y-%m", "yearly": "%Y"}
"""How each calendar rule names the span that a moment lies in; the names sort as the spans do."""


class Candidate(NamedTuple):
    """What is known of one backup.

    `created_at` is in epoch seconds, by the clock of the machine that made it. `sequence` is 1, 2, 3... in the order
    in which backups were made; the numbers of deleted ones are missing. `verified`: its files were read back,
    found sound, and have not changed since. `held` is the reason why it is held, None when it is not.
    """

    id: str
    parent_id: str | None
    created_at: float
    sequence: int
    size_bytes: int
    full: bool
    verified: bool
    held: str | None


class Rules(NamedTuple):
    """What to keep, and how much of it.

    Keep rules are OR-ed; 0 turns one off, and with all of them off every backup is wanted. `days` wants what is
    younger, `last` the newest so many, the others the newest of each of the last so many hours, days, ISO weeks,
    months and years that have a backup. Limits drop what lies beyond, wanted or not; None is no limit, and 0 leaves
    only what is protected and what that needs.
    """

    days: int = 30
    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    max_backups: int | None = None
    max_age_seconds: int | None = None
    max_total_bytes: int | None = None

    @property
    def by_moment(self) -> bool:
        """Whether a keep rule looks at moments."""
        return any((self.days, self.hourly, self.daily, self.weekly, self.monthly, self.yearly))


class Decision(NamedTuple):
    """Whether a backup stays, and why; `reason` is a part of a sentence."""

    backup_id: str
    should_retain: bool
    reason: str


def decide(candidates: Iterable[Candidate], rules: Rules, now: float) -> list[Decision]:
    """Decide for each backup whether it stays, the newest one first. `now` is in epoch seconds.

    The order of `candidates` makes no difference. A parent that is not among them is passed over. Deciding again on
    what stayed, at the same moment, lets nothing more go, but in one case: when `last` or a limit took away the only
    sign that the clock is in doubt, age counts again.

    Raises `InvalidArgument` for a negative rule, and for two candidates of one id.

    >>> new = Candidate("new", None, 200 * 86400.0, 2, 10, full=True, verified=True, held=None)
    >>> old = new._replace(id="old", created_at=100 * 86400.0, sequence=1)
    >>> for decision in decide([old, new], Rules(), now=201 * 86400.0):
    ...     print(decision.backup_id, decision.should_retain, decision.reason)
    new True the newest backup
    old False older than 30 days, and no rule keeps it
    """
    _refuse_negative(rules)
    newest_first = sorted(candidates, key=_order, reverse=True)
    by_id = _by_id(newest_first)
    doubt = clock_doubt(newest_first, now)
    wanted = _wanted(newest_first, rules, now)
    beyond = _beyond(newest_first, rules)
    too_old = _too_old(newest_first, rules, now)
    unwanted = _unwanted(rules)
    stays = _protected(newest_first, by_id)
    for one in newest_first:
        if one.id in wanted and one.id not in beyond and one.id not in too_old:
            stays.setdefault(one.id, wanted[one.id])
    _keep_parents(stays, newest_first, by_id)
    if doubt is not None:
        for one in newest_first:
            if one.id not in beyond and (one.id in wanted or rules.by_moment):
                stays.setdefault(one.id, doubt)
        _keep_parents(stays, newest_first, by_id)
        too_old = {}  # an age in doubt is no reason, also for what goes for another
    return [
        Decision(one.id, True, stays[one.id])
        if one.id in stays
        else Decision(one.id, False, beyond.get(one.id) or too_old.get(one.id) or unwanted)
        for one in newest_first
    ]


def deletion_order(candidates: Iterable[Candidate], decisions: Iterable[Decision]) -> list[str]:
    """Give the ids of those that go, children before parents, so that wherever deleting ends no parent is missing.

    The oldest go first where parents allow it. What has no decision stays. Backups whose parents lead back to
    themselves have no such order and are left out.

    Raises `InvalidArgument` when one would go while one that needs it stays, as when a backup was made since.

    >>> full = Candidate("full", None, 1.0, 1, 10, full=True, verified=True, held=None)
    >>> child = full._replace(id="child", parent_id="full", sequence=2)
    >>> deletion_order([full, child], [Decision("full", False, "too old"), Decision("child", False, "too old")])
    ['child', 'full']
    """
    oldest_first = sorted(candidates, key=_order)
    by_id = _by_id(oldest_first)
    going = {decision.backup_id for decision in decisions if not decision.should_retain} & by_id.keys()
    children = dict.fromkeys(going, 0)
    for one in oldest_first:
        parent = _parent(one, by_id)
        if parent is None or parent.id not in going:
            continue
        if one.id not in going:
            raise InvalidArgument(
                f"the backup {parent.id} cannot be deleted, because {one.id} needs it and stays; decide again"
            )
        children[parent.id] += 1
    order: list[str] = []
    for leaf in [one for one in oldest_first if children.get(one.id) == 0]:
        next_one: Candidate | None = leaf
        while next_one is not None and children.get(next_one.id) == 0:
            order.append(next_one.id)
            next_one = _parent(next_one, by_id)
            if next_one is not None and next_one.id in going:
                children[next_one.id] -= 1
    return order


def clock_doubt(candidates: Iterable[Candidate], now: float) -> str | None:
    """Tell why nothing may go because of a moment, and until when; None when no clock is in doubt."""
    if not _is_date(now):
        return f"the clock is in doubt until it is set, because it says {now!r}, which is no date"
    oldest_first = sorted(candidates, key=_order)
    dated = [one for one in oldest_first if _is_date(one.created_at)]
    doubts = [
        f"until {one.id} is deleted, because it is dated {one.created_at!r}, which is no date"
        for one in oldest_first
        if not _is_date(one.created_at)
    ][:1]
    doubts += _coming(dated, now) + _going_back(dated) + _gap(dated, now)
    return f"the clock is in doubt {' and '.join(doubts)}" if doubts else None


def _coming(dated: list[Candidate], now: float) -> list[str]:
    latest = max(dated, key=lambda one: one.created_at, default=None)
    if latest is None or latest.created_at <= now + DAY:
        return []
    return [
        f"until {_spell(latest.created_at - DAY)}, because {latest.id} is dated {_spell(latest.created_at)}, "
        f"more than a day after now"
    ]


def _going_back(dated: list[Candidate]) -> list[str]:
    latest = dated[0] if dated else None
    for one in dated:
        if latest is None or one.created_at >= latest.created_at:
            latest = one
        elif latest.created_at - one.created_at > DAY:
            return [
                f"until the wrongly dated one of {latest.id} and {one.id} is deleted, because the second was made "
                f"later and is dated more than a day before the first"
            ]
    return []


def _gap(dated: list[Candidate], now: float) -> list[str]:
    if not dated:
        return []
    newest = dated[-1]
    moments = [*(one.created_at for one in dated[1:]), now]
    for one, following in zip(dated, moments, strict=True):
        days = int((following - one.created_at) // DAY)
        missing = MADE_AFTER_A_GAP - (newest.sequence - one.sequence)
        if following - one.created_at > LONGEST_GAP_DAYS * DAY and missing > 0:
            more = f"{missing} more {'backup is' if missing == 1 else 'backups are'} made"
            return [f"until {more}, because none is dated in the {days} days after {one.id}"]
    return []


def _wanted(newest_first: list[Candidate], rules: Rules, now: float) -> dict[str, str]:
    """Give why keep rules want backups, by id; the first rule that wants one gives the reason."""
    if not (rules.by_moment or rules.last):
        return {one.id: "no rule says what goes" for one in newest_first}
    wanted: dict[str, str] = {}
    for one in newest_first:
        if rules.days and now - one.created_at < rules.days * DAY:
            wanted[one.id] = f"younger than {_counted(rules.days, 'day')}"
    for one in newest_first[: rules.last]:
        wanted.setdefault(one.id, f"among the newest {rules.last}")
    for name, spelling in _CALENDAR.items():
        count = getattr(rules, name)
        for span, one in _newest_of_spans(newest_first, spelling)[:count] if count else ():
            wanted.setdefault(one.id, f"newest of {span} ({name} rule)")
    return wanted


def _newest_of_spans(newest_first: list[Candidate], spelling: str) -> list[tuple[str, Candidate]]:
    newest: dict[str, Candidate] = {}
    for one in newest_first:
        if _is_date(one.created_at):
            newest.setdefault(time.strftime(spelling, time.gmtime(one.created_at)), one)
    return sorted(newest.items(), reverse=True)


def _beyond(newest_first: list[Candidate], rules: Rules) -> dict[str, str]:
    """Give which backups lie beyond the limits that look at the order, and why, by id."""
    beyond: dict[str, str] = {}
    total = 0
    for position, one in enumerate(newest_first):
        total += one.size_bytes
        if rules.max_backups is not None and position >= rules.max_backups:
            beyond[one.id] = f"beyond the newest {rules.max_backups}, the most that are kept"
        elif rules.max_total_bytes is not None and total > rules.max_total_bytes:
            beyond[one.id] = f"beyond {_counted(rules.max_total_bytes, 'byte')}, counted from the newest backup"
    return beyond


def _too_old(newest_first: list[Candidate], rules: Rules, now: float) -> dict[str, str]:
    limit = rules.max_age_seconds
    if limit is None:
        return {}
    reason = f"older than {_counted(limit, 'second')}, the highest age"
    return {one.id: reason for one in newest_first if not now - one.created_at <= limit}


def _unwanted(rules: Rules) -> str:
    return f"older than {_counted(rules.days, 'day')}, and no rule keeps it" if rules.days else "no rule keeps it"


def _protected(newest_first: list[Candidate], by_id: Mapping[str, Candidate]) -> dict[str, str]:
    """Give what stays whatever the rules say, and why, by id."""
    protected = {one.id: f"held: {one.held}" for one in newest_first if one.held is not None}
    for one in newest_first[:1]:
        protected.setdefault(one.id, "the newest backup")
    full = [one for one in newest_first if one.full]
    verified = [one for one in full if one.verified]
    for one in verified[:1]:
        protected.setdefault(one.id, "the newest verified full backup")
    for one in full[:1] if not verified else ():
        protected.setdefault(one.id, "the newest full backup, and none is verified")
    for name in _in_circles(by_id):
        protected.setdefault(name, "its parents lead back to itself, so nobody can tell what needs it")
    return protected


def _in_circles(by_id: Mapping[str, Candidate]) -> list[str]:
    circles: list[str] = []
    seen: set[str] = set()
    for start in by_id:
        walk: dict[str, int] = {}
        place: Candidate | None = by_id[start]
        while place is not None and place.id not in seen:
            seen.add(place.id)
            walk[place.id] = len(walk)
            place = _parent(place, by_id)
        if place is not None and place.id in walk:
            circles += list(walk)[walk[place.id] :]
    return circles


def _keep_parents(stays: dict[str, str], newest_first: list[Candidate], by_id: Mapping[str, Candidate]) -> None:
    """Add to `stays` what those in it need; the newest that needs a backup is named in its reason."""
    for one in [one for one in newest_first if one.id in stays]:
        parent = _parent(one, by_id)
        while parent is not None and parent.id not in stays:
            stays[parent.id] = f"stands under {one.id} that is kept"
            parent = _parent(parent, by_id)


def _parent(one: Candidate, by_id: Mapping[str, Candidate]) -> Candidate | None:
    return None if one.parent_id is None else by_id.get(one.parent_id)


def _refuse_negative(rules: Rules) -> None:
    for name, value in zip(rules._fields, rules, strict=True):
        if value is not None and value < 0:
            raise InvalidArgument(f'the rule "{name}" cannot be {value}; give a number of at least 0')


def _by_id(candidates: list[Candidate]) -> dict[str, Candidate]:
    by_id: dict[str, Candidate] = {}
    for one in candidates:
        if one.id in by_id:
            raise InvalidArgument(f"there are two backups with the id {one.id}; give each backup once")
        by_id[one.id] = one
    return by_id


def _order(one: Candidate) -> tuple[int, str]:
    return one.sequence, one.id


def _is_date(moment: float) -> bool:
    return 0 <= moment < END_OF_DATES


def _counted(number: int, one: str) -> str:
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def _spell(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))

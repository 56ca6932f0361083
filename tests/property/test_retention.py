"""Whatever the history, the clocks and the rules: what can be restored stays, and what goes is what the rules say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from hypothesis import event, given, settings
from hypothesis import strategies as st

from llmspell.backups.retention import Candidate, Decision, Rules, clock_doubt, decide, deletion_order

HOUR, DAY = 3_600, 86_400
START = datetime(2024, 12, 28, 22, tzinfo=UTC).timestamp()
"""A Saturday in the last ISO week but one of a year, an hour or two before midnight."""

SOUND_STEPS = (0, 0, 1, 600, HOUR, 2 * HOUR, 5 * HOUR, DAY, DAY, 2 * DAY, 9 * DAY, 40 * DAY, 100 * DAY, -1, -HOUR)
WRONG_STEPS = (200 * DAY, 400 * DAY, 5_000 * DAY, -2 * DAY, -90 * DAY, -20_000 * DAY, float("inf"), float("nan"))
NOW_STEPS = (0, 0, 60, HOUR, 2 * DAY, 20 * DAY, 60 * DAY, 150 * DAY)
WRONG_NOW_STEPS = (181 * DAY, 4_000 * DAY, -2 * DAY, -300 * DAY, -30_000 * DAY, float("nan"))
BY_MOMENT = ("days", "hourly", "daily", "weekly", "monthly", "yearly")
KEEP = ("days", "last", "hourly", "daily", "weekly", "monthly", "yearly")
COUNTS = (0, 0, 0, 0, 1, 2, 3, 7)
CHOICES: dict[str, tuple[int | None, ...]] = {
    **dict.fromkeys(KEEP, COUNTS),
    "days": (0, 0, 0, 0, 1, 7, 30, 30),
    "max_backups": (None, None, None, None, None, 0, 2, 5),
    "max_age_seconds": (None, None, None, None, None, 0, 2 * DAY, 50 * DAY),
    "max_total_bytes": (None, None, None, None, None, 0, 9, 40),
}
BYTES = 4
"""How many drawn bytes make one backup."""
LONGEST = 12
"""The most backups that a history has."""
AT_ONCE = 6
"""How many histories one example has: drawing takes far longer than deciding."""

many = settings(max_examples=300)


class Case(NamedTuple):
    """A history, and the rules that it is decided by."""

    history: History
    rules: Rules


class History(NamedTuple):
    """What stands in a folder of backups, in any order, and what the clock says now."""

    backups: tuple[Candidate, ...]
    now: float


def pick(choices: tuple[float, ...], number: int) -> float:
    return choices[number % len(choices)]


def to_history(drawn: bytes) -> History:
    """Make a history of drawn bytes, which are drawn much faster than backups. Zero is the plainest, for shrinking.

    A quarter of the histories have wrong clocks, a quarter parents that no backup can have.
    """
    kind, now_number, shorter, *_ = drawn
    now_number %= 64
    ends = 3 + (LONGEST - shorter % (LONGEST + 1)) * BYTES
    numbers = [int.from_bytes(drawn[at : at + BYTES]) for at in range(3, ends, BYTES)]
    wrong_clock, wrong_parents = kind % 4 == 3, kind // 4 % 4 == 3
    backups: list[Candidate] = []
    moment, sequence = START, 0
    for number in numbers:
        number, step = divmod(number, 64)
        steps = SOUND_STEPS if not wrong_clock or step < 48 else WRONG_STEPS
        created_at = moment + pick(steps, step)
        number, sequence_step = divmod(number, 8)
        sequence += 1 + max(0, sequence_step - 5)
        number, up = divmod(number, 16)
        parent_id = None if up < 5 or not backups else backups[-1 - (up - 5) % len(backups)].id
        full = parent_id is None
        if wrong_parents and up % 3 == 2:
            parent_id, full = f"b{up % (len(numbers) + 2)}", up == 2
        number, flags = divmod(number, 16)
        held = "asked for" if flags == 15 else None
        size_bytes = number % 20
        backups.append(
            Candidate(f"b{len(backups)}", parent_id, created_at, sequence, size_bytes, full, flags % 2 == 1, held)
        )
        moment = created_at if START <= created_at < 2 * START else moment
    now = moment + pick(NOW_STEPS, now_number)
    if wrong_clock and now_number >= 48:
        now = moment + pick(WRONG_NOW_STEPS, now_number)
    turned = backups[now_number % (len(backups) + 1) :] + backups[: now_number % (len(backups) + 1)]
    return History(tuple(turned), now)


def to_rules(number: int) -> Rules:
    chosen: list[Any] = []
    for choices in CHOICES.values():
        number, choice = divmod(number, 8)
        chosen.append(choices[choice])
    return Rules(*chosen)


def to_cases(drawn: bytes) -> list[Case]:
    size = len(drawn) // AT_ONCE
    parts = [drawn[at : at + size] for at in range(0, len(drawn), size)]
    return [Case(to_history(part[4:]), to_rules(int.from_bytes(part[:4]))) for part in parts]


SIZE = AT_ONCE * (4 + 3 + LONGEST * BYTES)
cases = st.binary(min_size=SIZE, max_size=SIZE).map(to_cases)


def kept(history: History, rules: Rules) -> set[str]:
    return {one.backup_id for one in decide(history.backups, rules, history.now) if one.should_retain}


def in_order(history: History) -> list[Candidate]:
    return sorted(history.backups, key=lambda one: one.sequence)


def only(history: History, ids: set[str]) -> History:
    return history._replace(backups=tuple(one for one in history.backups if one.id in ids))


@many
@given(cases)
def test_what_can_be_restored_stays_and_so_do_held_ones_and_the_newest(cases: list[Case]) -> None:
    for history, rules in cases:
        stays, order = kept(history, rules), in_order(history)
        full = [one for one in order if one.full]
        verified = [one for one in full if one.verified]
        assert {one.id for one in order if one.held is not None} <= stays
        assert {one.id for one in order[-1:]} <= stays
        assert {one.id for one in (verified or full)[-1:]} <= stays
        event(f"{'some' if len(stays) < len(order) else 'none'} went")


@many
@given(cases)
def test_every_ancestor_of_what_stays_stays(cases: list[Case]) -> None:
    for history, rules in cases:
        stays = kept(history, rules)
        known = {one.id for one in history.backups}
        assert {one.parent_id for one in history.backups if one.id in stays and one.parent_id in known} <= stays


@many
@given(cases)
def test_backups_in_a_circle_of_parents_stay_and_the_reason_says_so(cases: list[Case]) -> None:
    for history, rules in cases:
        parents = {one.id: one.parent_id for one in history.backups}
        for decision in decide(history.backups, rules, history.now):
            place: str | None = decision.backup_id
            for _ in parents:
                place = parents.get(place) if place is not None else None
                if place == decision.backup_id:
                    event("a circle")
                    assert decision.should_retain
                    if "parents lead back" not in decision.reason:
                        assert decision.reason.startswith(("held", "the newest"))
                    break


@many
@given(cases)
def test_every_backup_has_one_decision_with_a_reason_whatever_the_order(cases: list[Case]) -> None:
    for history, rules in cases:
        decisions = decide(history.backups, rules, history.now)
        assert [one.backup_id for one in decisions] == [one.id for one in reversed(in_order(history))]
        assert all(one.reason.strip() for one in decisions)
        assert decisions == decide(sorted(history.backups), rules, history.now)
        assert decisions == decide(history.backups[::-1], rules, history.now)


def signs_of_a_wrong_clock(history: History) -> bool:
    """Look for each sign by itself, pair by pair."""
    order = in_order(history)
    moments = [one.created_at for one in order]
    if not order:
        return not 0 <= history.now < 253_402_300_800
    if not all(0 <= moment < 253_402_300_800 for moment in (history.now, *moments)):
        return True
    if any(moment > history.now + DAY for moment in moments):
        return True
    if any(earlier > later + DAY for at, later in enumerate(moments) for earlier in moments[:at]):
        return True
    return any(
        later - one.created_at > 180 * DAY and order[-1].sequence - one.sequence < 3
        for one, later in zip(order, [*moments[1:], history.now], strict=True)
    )


@many
@given(cases)
def test_a_wrong_clock_deletes_nothing_by_age(cases: list[Case]) -> None:
    for history, rules in cases:
        doubted = signs_of_a_wrong_clock(history)
        assert (clock_doubt(history.backups, history.now) is not None) == doubted
        event(f"the clock is {'in doubt' if doubted else 'trusted'}")
        if not doubted:
            continue
        wants_by_moment = any(getattr(rules, name) for name in BY_MOMENT)
        order_only = rules._replace(**dict.fromkeys(BY_MOMENT, 0), max_age_seconds=None)
        if wants_by_moment:
            order_only = order_only._replace(last=0)
        assert kept(history, rules) == said_to_stay(history, order_only)
        if rules.max_backups is None and rules.max_total_bytes is None and (wants_by_moment or not rules.last):
            assert kept(history, rules) == {one.id for one in history.backups}


@many
@given(cases)
def test_the_reason_of_those_that_a_wrong_clock_would_delete_says_until_when(cases: list[Case]) -> None:
    for history, rules in cases:
        doubt = clock_doubt(history.backups, history.now)
        all_dates = all(0 <= one.created_at < 2 * START for one in history.backups)
        trusting = said_to_stay(history, rules) if doubt is not None and all_dates else set()
        for decision in decide(history.backups, rules, history.now):
            if trusting and decision.should_retain and decision.backup_id not in trusting:
                assert decision.reason == doubt or decision.reason.startswith("stands under")
            if decision.reason.startswith("the clock is in doubt"):
                assert decision.should_retain
                assert decision.reason == doubt
                assert " until " in decision.reason
            elif doubt is not None and not decision.should_retain:
                assert "older" not in decision.reason


def spans(one: Candidate) -> dict[str, tuple[int, ...]]:
    """Give the span that a backup lies in for each calendar rule, as numbers that sort as the spans do."""
    moment = datetime.fromtimestamp(one.created_at, UTC)
    week = moment.isocalendar()
    day = (moment.year, moment.month, moment.day)
    return {
        "hourly": (*day, moment.hour),
        "daily": day,
        "weekly": (week.year, week.week),
        "monthly": day[:2],
        "yearly": day[:1],
    }


def said_to_stay(history: History, rules: Rules) -> set[str]:
    """Say what stays when no clock is in doubt, or no rule looks at moments, in the plainest way there is."""
    order = in_order(history)[::-1]
    wanted = {one.id for one in order if rules.days and history.now - one.created_at < rules.days * DAY}
    wanted |= {one.id for one in order[: rules.last]}
    for name in [name for name in BY_MOMENT[1:] if getattr(rules, name)]:
        chosen = sorted({spans(one)[name] for one in order}, reverse=True)[: getattr(rules, name)]
        wanted |= {next(one.id for one in order if spans(one)[name] == span) for span in chosen}
    if not any(getattr(rules, name) for name in KEEP):
        wanted = {one.id for one in order}
    for position, one in enumerate(order):
        total = sum(newer.size_bytes for newer in order[: position + 1])
        if (
            (rules.max_backups is not None and position + 1 > rules.max_backups)
            or (rules.max_total_bytes is not None and total > rules.max_total_bytes)
            or (rules.max_age_seconds is not None and history.now - one.created_at > rules.max_age_seconds)
        ):
            wanted.discard(one.id)
    parents = {one.id: one.parent_id for one in order}
    full = [one for one in order if one.full]
    wanted |= {one.id for one in order[:1] + ([one for one in full if one.verified] or full)[:1]}
    wanted |= {one.id for one in order if one.held is not None}
    lines = {one.id: line(one.id, parents) for one in order}
    wanted |= {one.id for one in order if parents.get(lines[one.id][-1]) == one.id}
    return {ancestor for one in wanted for ancestor in lines[one]}


def line(name: str, parents: dict[str, str | None]) -> list[str]:
    """Give a backup and its ancestors, each once."""
    found = [name]
    while (parent := parents[found[-1]]) in parents and parent is not None and parent not in found:
        found.append(parent)
    return found


@many
@given(cases)
def test_with_a_trusted_clock_exactly_what_the_rules_say_stays(cases: list[Case]) -> None:
    for history, rules in cases:
        if not signs_of_a_wrong_clock(history):
            assert kept(history, rules) == said_to_stay(history, rules)


@many
@given(cases, st.sampled_from(KEEP), st.sampled_from([1, 2, 5, 40]))
def test_a_larger_keep_rule_never_makes_another_backup_go(cases: list[Case], name: str, more: int) -> None:
    for history, rules in cases:
        if not any(getattr(rules, keep) for keep in KEEP):
            rules = rules._replace(**{name: 1})  # with no keep rule at all, everything is wanted
        larger = rules._replace(**{name: getattr(rules, name) + more})
        assert kept(history, rules) <= kept(history, larger)


@many
@given(cases)
def test_deciding_again_on_what_stayed_deletes_nothing_more(cases: list[Case]) -> None:
    for history, rules in cases:
        once = only(history, kept(history, rules))
        if signs_of_a_wrong_clock(history) and not signs_of_a_wrong_clock(once):
            event("what made the clock doubtful went by its place in the order")
            rules = rules._replace(**dict.fromkeys(BY_MOMENT, 0), max_age_seconds=None)
            once = only(history, kept(history, rules))
        assert kept(once, rules) == {one.id for one in once.backups}


@many
@given(cases)
def test_wherever_deleting_ends_no_backup_is_without_its_parent(cases: list[Case]) -> None:
    for history, rules in cases:
        decisions = decide(history.backups, rules, history.now)
        assert_order(history, decisions)
        assert len(deletion_order(history.backups, decisions)) == sum(not one.should_retain for one in decisions)
        assert_order(history, [one._replace(should_retain=False) for one in decisions])


def assert_order(history: History, decisions: list[Decision]) -> None:
    order = deletion_order(history.backups, decisions)
    assert len(set(order)) == len(order)
    assert set(order) <= {one.backup_id for one in decisions if not one.should_retain}
    parents = {one.id: one.parent_id for one in history.backups}
    left = set(parents)
    for name in order:
        left.remove(name)
        assert not any(parents[child] == name for child in left)

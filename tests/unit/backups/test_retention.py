"""Which backups stay and which go: the rules one at a time, and the days on which they are most needed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from llmspell.backups.retention import Candidate, Decision, Rules, clock_doubt, decide, deletion_order
from llmspell.errors import InvalidArgument

HOUR, DAY = 3_600.0, 86_400.0
NO_RULES = Rules(days=0)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOW = at("2026-11-20T12:00:00")


def full(name: str, sequence: int, created_at: float, *, verified: bool = True, held: str | None = None) -> Candidate:
    return Candidate(name, None, created_at, sequence, 100, full=True, verified=verified, held=held)


def incremental(name: str, parent: str | None, sequence: int, created_at: float) -> Candidate:
    return Candidate(name, parent, created_at, sequence, 10, full=False, verified=True, held=None)


def daily(days: int, *, until: float = NOW) -> list[Candidate]:
    """Give a full backup for each of so many days, the last one at `until`."""
    return [full(f"day-{day}", day, until - (days - day) * DAY) for day in range(1, days + 1)]


def kept(candidates: list[Candidate], rules: Rules, now: float = NOW) -> set[str]:
    return {one.backup_id for one in decide(candidates, rules, now) if one.should_retain}


def reasons(candidates: list[Candidate], rules: Rules, now: float = NOW) -> dict[str, str]:
    return {one.backup_id: one.reason for one in decide(candidates, rules, now)}


# The keep rules


def test_no_backups_need_no_decision() -> None:
    assert decide([], Rules(), NOW) == []
    assert deletion_order([], []) == []


def test_an_empty_policy_keeps_everything() -> None:
    backups = daily(100)
    assert len(kept(backups, NO_RULES)) == 100
    assert reasons(backups, NO_RULES)["day-1"] == "no rule says what goes"


def test_decisions_come_newest_first_by_sequence() -> None:
    backups = [full("b", 2, NOW - HOUR), full("c", 3, NOW - 2 * HOUR), full("a", 1, NOW)]
    assert [one.backup_id for one in decide(backups, Rules(), NOW)] == ["c", "b", "a"]


def test_what_is_younger_than_the_days_stays_and_what_is_exactly_as_old_goes() -> None:
    backups = daily(32)
    found = reasons(backups, Rules(days=30))
    assert found["day-3"] == "younger than 30 days"
    assert found["day-2"] == "older than 30 days, and no rule keeps it"
    assert kept(backups, Rules(days=30)) == {f"day-{day}" for day in range(3, 33)}


def test_the_newest_few_stay_by_sequence_whatever_their_dates() -> None:
    backups = [full("a", 1, NOW - 1), full("b", 2, NOW - 3), full("c", 3, NOW - 2)]
    assert kept(backups, Rules(days=0, last=2)) == {"b", "c"}
    assert reasons(backups, Rules(days=0, last=2)) == {
        "c": "the newest backup",
        "b": "among the newest 2",
        "a": "no rule keeps it",
    }


@pytest.mark.parametrize(
    ("rule", "stamps", "staying", "reason"),
    [
        ("hourly", ["10:00", "10:59", "11:00", "11:30"], [2, 4], "newest of 2026-11-20 10:00 (hourly rule)"),
        ("daily", ["2026-11-18T23:59:59", "2026-11-19", "2026-11-20"], [2, 3], "newest of 2026-11-19 (daily rule)"),
        (
            "weekly",
            ["2020-12-26", "2020-12-31", "2021-01-03", "2021-01-04"],
            [3, 4],
            "newest of 2020-W53 (weekly rule)",
        ),
        (
            "monthly",
            ["2026-09-30", "2026-10-01", "2026-10-31", "2026-11-01"],
            [3, 4],
            "newest of 2026-10 (monthly rule)",
        ),
        ("yearly", ["2025-10-01", "2025-12-31T23:59:59", "2026-01-01"], [2, 3], "newest of 2025 (yearly rule)"),
    ],
)
def test_the_newest_of_each_of_the_last_two_spans_stays(
    rule: str, stamps: list[str], staying: list[int], reason: str
) -> None:
    full_stamps = [f"2026-11-20T{stamp}" if rule == "hourly" else stamp for stamp in stamps]
    backups = [full(str(number), number, at(stamp)) for number, stamp in enumerate(full_stamps, 1)]
    rules = NO_RULES._replace(**{rule: 2})
    now = backups[-1].created_at + 60
    assert kept(backups, rules, now) == set(map(str, staying))
    assert reasons(backups, rules, now)[str(staying[0])] == reason


def test_only_spans_that_have_a_backup_are_counted() -> None:
    backups = [full("a", 1, NOW - 50 * DAY), full("b", 2, NOW - 20 * DAY), full("c", 3, NOW)]
    assert kept(backups, Rules(days=0, daily=2)) == {"b", "c"}


def test_keep_rules_are_joined_by_or() -> None:
    backups = daily(90)
    rules = Rules(days=2, last=3, monthly=3)
    one_at_a_time = [Rules(days=2), Rules(days=0, last=3), Rules(days=0, monthly=3)]
    assert kept(backups, rules) == set.union(*(kept(backups, one) for one in one_at_a_time))
    assert kept(backups, rules) == {"day-90", "day-89", "day-88", "day-70", "day-39"}


def test_the_first_rule_that_wants_a_backup_gives_the_reason() -> None:
    backups = [full("a", 1, at("2026-11-19T12:00:00")), full("b", 2, NOW)]
    assert reasons(backups, Rules(days=0, last=2, daily=2, yearly=2))["a"] == "among the newest 2"
    assert reasons(backups, Rules(days=0, hourly=2, daily=2))["a"] == "newest of 2026-11-19 12:00 (hourly rule)"


def test_of_equal_sequences_the_id_decides_whatever_the_order_of_the_input() -> None:
    backups = [full(name, 7, NOW - DAY) for name in "bca"]
    for turned in (backups, backups[::-1], sorted(backups)):
        assert [one.backup_id for one in decide(turned, Rules(days=0, last=2), NOW)] == ["c", "b", "a"]
        assert kept(turned, Rules(days=0, last=2)) == {"c", "b"}


# Spans are those of UTC, and time has its oddities


def test_spans_end_at_midnight_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    backups = [full("a", 1, at("2026-10-24T23:30:00")), full("b", 2, at("2026-10-25T00:30:00"))]
    backups.append(full("c", 3, at("2026-10-25T01:30:00")))  # 2:30 again in Berlin, where summer time has just ended
    for zone in ("UTC", "Europe/Berlin", "Pacific/Kiritimati", "America/St_Johns"):
        with monkeypatch.context() as patch:
            patch.setenv("TZ", zone)
            time.tzset()
            assert kept(backups, Rules(days=0, daily=2), at("2026-10-25T02:00:00")) == {"a", "c"}
            assert len(kept(backups, Rules(days=0, hourly=3), at("2026-10-25T02:00:00"))) == 3
        time.tzset()


def test_a_leap_second_belongs_to_the_day_that_it_ends_in_epoch_seconds() -> None:
    midnight = at("2017-01-01T00:00:00")  # 23:59:60 of the day before has this very stamp
    backups = [full("a", 1, midnight - 0.001), full("b", 2, midnight), full("c", 3, midnight + 0.999)]
    assert kept(backups, Rules(days=0, yearly=2), midnight + 5) == {"a", "c"}
    assert reasons(backups, Rules(days=0, yearly=2), midnight + 5)["a"] == "newest of 2016 (yearly rule)"


def test_of_equal_dates_the_one_made_later_stands_for_the_day() -> None:
    backups = [full(name, number, NOW - DAY) for number, name in enumerate("zya", 1)]
    backups.append(full("newest", 9, NOW))
    assert kept(backups, Rules(days=0, daily=2)) == {"a", "newest"}
    assert kept(backups[::-1], Rules(days=0, daily=2)) == {"a", "newest"}


# What always stays


def test_a_held_backup_stays() -> None:
    backups = [full("old", 1, NOW - 170 * DAY, held="before migration 2.0.0"), *daily(3)[1:]]
    assert reasons(backups, Rules(days=1, max_backups=1))["old"] == "held: before migration 2.0.0"
    assert "old" in kept(backups, Rules(days=1, max_backups=1, max_age_seconds=1, max_total_bytes=1))


def test_a_hold_without_words_holds_too() -> None:
    assert "old" in kept([full("old", 1, NOW - 40 * DAY, held=""), *daily(3)[1:]], Rules(days=1))


def test_the_newest_backup_stays_beside_the_newest_verified_full_one() -> None:
    backups = [full("sound", 1, NOW - 60 * DAY), full("worse", 2, NOW - 50 * DAY, verified=False)]
    backups.append(full("newest", 3, NOW - 40 * DAY, verified=False))
    assert reasons(backups, Rules(max_backups=0)) == {
        "newest": "the newest backup",
        "worse": "beyond the newest 0, the most that are kept",
        "sound": "the newest verified full backup",
    }


def test_without_a_verified_full_backup_the_newest_full_one_stays() -> None:
    backups = [full("a", 1, NOW - 60 * DAY, verified=False), full("b", 2, NOW - 50 * DAY, verified=False)]
    backups.append(incremental("c", None, 3, NOW - 40 * DAY))
    assert kept(backups, Rules()) == {"b", "c"}
    assert reasons(backups, Rules())["b"] == "the newest full backup, and none is verified"


def test_a_full_backup_older_than_all_rules_stays_under_its_kept_children() -> None:
    backups = [full("root", 1, NOW - 90 * DAY), incremental("middle", "root", 2, NOW - 60 * DAY)]
    backups += [incremental("leaf", "middle", 3, NOW - DAY), full("other", 4, NOW)]
    backups.append(incremental("spare", "middle", 0, NOW - 95 * DAY))
    found = reasons(backups, Rules(days=30, max_age_seconds=30 * 86_400))
    assert found["root"] == found["middle"] == "stands under leaf that is kept"
    assert kept(backups, Rules(days=30)) == {"root", "middle", "leaf", "other"}


def test_a_missing_parent_is_passed_over() -> None:
    backups = [incremental("orphan", "gone", 1, NOW - 60 * DAY), *daily(3)[1:]]
    assert "orphan" not in kept(backups, Rules())


def test_backups_whose_parents_lead_in_a_circle_stay() -> None:
    backups = [incremental(name, parent, 1, NOW - 60 * DAY) for name, parent in ("ab", "bc", "ca", "ss", "ta")]
    found = reasons([*backups, *daily(3)[1:]], Rules(last=1, max_backups=1))
    assert {found[name] for name in "abcs"} == {"its parents lead back to itself, so nobody can tell what needs it"}
    assert found["t"] == "beyond the newest 1, the most that are kept"


# Limits


def test_limits_are_counted_newest_first_and_win_over_keep_rules() -> None:
    backups = daily(10)
    assert kept(backups, Rules(max_backups=3)) == {"day-10", "day-9", "day-8"}
    assert kept(backups, Rules(max_total_bytes=399)) == {"day-10", "day-9", "day-8"}
    assert kept(backups, Rules(max_total_bytes=400)) == {"day-10", "day-9", "day-8", "day-7"}
    assert kept(backups, Rules(max_age_seconds=2 * 86_400)) == {"day-10", "day-9", "day-8"}


def test_limits_count_what_no_keep_rule_wants_too() -> None:
    assert kept(daily(10), Rules(days=0, weekly=3)) == {"day-10", "day-5"}
    assert kept(daily(10), Rules(days=0, weekly=3, max_backups=5)) == {"day-10"}


def test_limits_alone_decide_when_there_is_no_keep_rule() -> None:
    assert kept(daily(10), Rules(days=0, max_backups=2)) == {"day-10", "day-9"}


def test_a_limit_below_one_backup_leaves_what_can_be_restored() -> None:
    backups = [full("root", 1, NOW - 3 * DAY), incremental("a", "root", 2, NOW - 2 * DAY)]
    backups.append(incremental("b", "a", 3, NOW - DAY))
    for rules in (Rules(max_backups=0), Rules(max_total_bytes=1), Rules(max_age_seconds=0)):
        assert kept(backups, rules) == {"root", "a", "b"}
        assert kept(daily(5), rules) == {"day-5"}


def test_every_limit_says_why_a_backup_goes() -> None:
    backups = daily(10)
    assert reasons(backups, Rules(max_backups=3))["day-1"] == "beyond the newest 3, the most that are kept"
    assert reasons(backups, Rules(max_total_bytes=1))["day-1"] == "beyond 1 byte, counted from the newest backup"
    assert reasons(backups, Rules(max_age_seconds=60))["day-1"] == "older than 60 seconds, the highest age"


@pytest.mark.parametrize("name", Rules._fields)
def test_a_negative_rule_is_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidArgument, match=f'the rule "{name}" cannot be -1; give a number of at least 0'):
        decide(daily(3), Rules()._replace(**{name: -1}), NOW)


def test_two_backups_of_one_id_are_refused() -> None:
    one = full("same", 1, NOW)
    for twins in ([one, one], [one, one._replace(sequence=2)]):
        with pytest.raises(InvalidArgument, match="two backups with the id same"):
            decide(twins, Rules(), NOW)


# A flood


def test_hundreds_of_tiny_backups_do_not_push_out_those_of_the_days_before() -> None:
    before = daily(7, until=NOW - DAY)
    flood = [full(f"tiny-{number}", 100 + number, NOW + number)._replace(size_bytes=1) for number in range(500)]
    rules = Rules(days=0, last=5, hourly=3, daily=8)
    after = kept(before + flood, rules, NOW + 600)
    assert {one.id for one in before} <= after
    assert len(after) == 7 + 5


# A clock in doubt


def test_everything_dated_in_the_future_stays_and_the_reason_says_until_when() -> None:
    backups = daily(100, until=NOW + 200 * DAY)
    rules = Rules(days=0, daily=2, max_age_seconds=1)
    assert len(kept(backups, rules)) == 100
    assert reasons(backups, rules)["day-1"] == (
        "the clock is in doubt until 2027-06-07T12:00:00Z, because day-100 is dated 2027-06-08T12:00:00Z, "
        "more than a day after now"
    )


def test_a_date_up_to_a_day_ahead_is_no_reason_for_doubt() -> None:
    assert clock_doubt(daily(50), NOW - DAY) is None
    assert clock_doubt(daily(50), NOW - DAY - 1) is not None


def test_a_clock_that_jumped_ahead_is_in_doubt_until_three_backups_are_made() -> None:
    jumped = NOW + 3 * 365 * DAY
    backups = daily(50)
    assert len(kept(backups, Rules(), jumped)) == 50
    for made, missing in ((1, "2 more backups are"), (2, "1 more backup is")):
        backups.append(full(f"jumped-{made}", 50 + made, jumped + made))
        assert len(kept(backups, Rules(days=5), jumped + made)) == 50 + made
        assert reasons(backups, Rules(days=5), jumped + made)["day-1"] == (
            f"the clock is in doubt until {missing} made, because none is dated in the 1095 days after day-50"
        )
    backups.append(full("jumped-3", 53, jumped + 3))
    assert kept(backups, Rules(days=5), jumped + 3) == {"jumped-1", "jumped-2", "jumped-3"}


def test_a_gap_of_just_180_days_is_no_reason_for_doubt() -> None:
    assert clock_doubt(daily(50), NOW + 180 * DAY) is None
    assert clock_doubt(daily(50), NOW + 180 * DAY + 1) is not None


def test_the_gaps_that_yearly_rules_leave_are_no_reason_for_doubt() -> None:
    backups = [full("2024", 366, at("2024-12-31")), full("2025", 731, at("2025-12-31")), full("2026", 1055, NOW)]
    assert clock_doubt(backups, NOW) is None
    assert kept(backups, Rules(days=0, yearly=2)) == {"2025", "2026"}


def test_a_history_that_goes_back_is_in_doubt_until_the_wrong_one_is_deleted() -> None:
    backups = [*daily(50), full("reset", 51, 0.0), full("right", 52, NOW + HOUR)]
    assert len(kept(backups, Rules(), NOW + HOUR)) == 52
    assert reasons(backups, Rules(), NOW + HOUR)["day-1"].startswith(
        "the clock is in doubt until the wrongly dated one of day-50 and reset is deleted, because the second was "
        "made later and is dated more than a day before the first"
    )
    del backups[-2]
    assert "day-1" not in kept(backups, Rules(), NOW + HOUR)


def test_going_back_by_a_day_is_no_reason_for_doubt() -> None:
    assert clock_doubt([*daily(5), full("back", 6, NOW - DAY)], NOW) is None
    assert clock_doubt([*daily(5), full("back", 6, NOW - DAY - 1)], NOW) is not None


@pytest.mark.parametrize("moment", [float("nan"), float("inf"), -1.0, 1e300, 253_402_300_800.0])
def test_a_moment_that_is_no_date_deletes_nothing(moment: float) -> None:
    backups = [*daily(50), full("odd", 51, moment), full("newest", 52, NOW)]
    rules = Rules(days=0, hourly=1, daily=1, weekly=1, monthly=1, yearly=1, max_age_seconds=5)
    assert len(kept(backups, rules)) == 52
    assert "until odd is deleted" in reasons(backups, rules)["day-1"]
    assert len(kept(daily(50), rules, moment)) == 50
    assert "until it is set" in reasons(daily(50), rules, moment)["day-1"]


def test_all_signs_of_a_wrong_clock_are_told() -> None:
    backups = [*daily(50), full("odd", 51, float("nan")), full("ahead", 52, NOW + 9 * DAY), full("newest", 53, NOW)]
    found = reasons(backups, Rules())["day-1"]
    assert "until odd is deleted" in found
    assert "until 2026-11-28T12:00:00Z" in found
    assert "until the wrongly dated one of ahead and newest is deleted" in found


def test_what_looks_only_at_the_order_still_works_when_the_clock_is_in_doubt() -> None:
    backups, early = daily(10), NOW - 300 * DAY
    assert kept(backups, Rules(max_backups=3), early) == {"day-10", "day-9", "day-8"}
    assert kept(backups, Rules(max_total_bytes=200), early) == {"day-10", "day-9"}
    assert kept(backups, Rules(days=0, last=2), early) == {"day-10", "day-9"}
    assert len(kept(backups, Rules(days=1, last=2), early)) == 10


def test_an_age_in_doubt_is_never_the_reason_why_a_backup_goes() -> None:
    backups = [*daily(3), full("reset", 4, 0.0), *(full(f"new-{number}", number, NOW) for number in (5, 6))]
    assert reasons(backups, Rules(days=0, last=2, max_age_seconds=60))["reset"] == "no rule keeps it"


# The order of deletion


def test_children_go_before_their_parents_and_the_oldest_first() -> None:
    backups = [full("a", 1, NOW - 90 * DAY), incremental("a1", "a", 2, NOW - 89 * DAY)]
    backups += [incremental("a2", "a1", 3, NOW - 88 * DAY), incremental("a3", "a", 4, NOW - 87 * DAY)]
    backups += [full("b", 5, NOW - 80 * DAY), full("c", 6, NOW)]
    assert deletion_order(backups, decide(backups, Rules(), NOW)) == ["a2", "a1", "a3", "a", "b"]


def test_a_child_goes_before_a_parent_with_a_higher_sequence() -> None:
    backups = [full("parent", 2, NOW - 50 * DAY), incremental("child", "parent", 1, NOW - 50 * DAY), full("c", 3, NOW)]
    assert deletion_order(backups, decide(backups, Rules(), NOW)) == ["child", "parent"]


def test_what_a_backup_made_since_needs_is_not_deleted() -> None:
    backups = [full("a", 1, NOW - 90 * DAY), full("b", 2, NOW)]
    decisions = decide(backups, Rules(), NOW)
    backups.append(incremental("since", "a", 3, NOW))
    with pytest.raises(InvalidArgument, match="a cannot be deleted, because since needs it and stays"):
        deletion_order(backups, decisions)


def test_a_circle_has_no_order_of_deletion_and_what_is_gone_needs_none() -> None:
    backups = [incremental("a", "b", 1, NOW), incremental("b", "a", 2, NOW), incremental("c", "a", 3, NOW)]
    decisions = [Decision(name, False, "asked for") for name in ("a", "b", "c", "gone")]
    assert deletion_order(backups, decisions) == ["c"]


def test_thousands_of_backups_in_one_line_are_decided_without_recursion() -> None:
    backups = [full("0", 0, NOW - 40 * DAY)]
    backups += [incremental(str(number), str(number - 1), number, NOW - 40 * DAY) for number in range(1, 5_000)]
    backups.append(full("newest", 5_000, NOW))
    decisions = decide(backups, Rules(), NOW)
    assert deletion_order(backups, decisions) == [str(number) for number in reversed(range(5_000))]

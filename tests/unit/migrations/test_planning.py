"""A plan says what a migration would do, and changes nothing."""

from typing import Any

import pytest

from llmspell.errors import InvalidArgument
from tests.unit.migrations.homes import DELETE_OLD, FIRST, RENAME, SECOND, THIRD, Home

REMOVE = {"type": "remove", "field": "name", "missing": "skip"}


def test_a_plan_names_the_steps_with_their_files_and_entries(home: Home) -> None:
    home.step(RENAME, description="Names are full", scope="users")
    home.step({"type": "wrap", "field": "full_name", "key": "a*"}, to=THIRD, start=SECOND)
    home.save("a", "ab", "b")
    home.save("x", scope="system")
    before = home.full()
    plan = home.migrations.plan()
    assert home.full() == before
    assert (plan.from_version, plan.to_version) == (FIRST, THIRD)
    assert plan.steps == (
        (
            *("2.0.0_step.json", "Names are full", FIRST, SECOND, False, 3, "lossless"),
            ("move name to full_name",),
            (),
        ),
        ("3.0.0_step.json", "", SECOND, THIRD, False, 2, "lossless", ("wrap full_name",), ()),
    )


def test_the_number_of_entries_is_that_of_thousands(home: Home) -> None:
    home.step(REMOVE, key="*[05]")
    with home.store.transaction() as state:
        for number in range(2500):
            state.save("users", f"{number:05d}", number)
    assert home.migrations.plan().steps[0].entries == 500


def test_a_plan_down_goes_from_the_last_step_to_the_first(home: Home) -> None:
    home.step(RENAME)
    home.step(REMOVE, to=THIRD, start=SECOND)
    home.save("a")
    home.up()
    plan = home.migrations.plan(FIRST)
    assert [(step.from_version, step.to_version, step.down) for step in plan.steps] == [
        (THIRD, SECOND, True),
        (SECOND, FIRST, True),
    ]
    assert plan.samples == ()


def test_where_nothing_is_to_be_done_the_plan_is_empty(home: Home) -> None:
    home.step(RENAME)
    home.save("a")
    home.up()
    assert home.migrations.plan() == (SECOND, SECOND, (), ())


@pytest.mark.parametrize(
    ("transforms", "loss"),
    [
        ([RENAME, REMOVE, DELETE_OLD], "lossless"),
        ([RENAME, {"type": "set", "field": "n", "value": 1}], "lossy"),
        ([{"type": "set", "field": "n", "value": 1}, {"type": "custom", "function": "code.lua:up"}], "opaque"),
        (
            [
                {
                    "type": "conditional",
                    "condition": "true",
                    "transforms": [{"type": "default", "field": "n", "value": 1}],
                }
            ],
            "lossy",
        ),
    ],
    ids=["lossless", "lossy", "opaque", "lossy inside"],
)
def test_a_plan_says_what_the_way_back_loses(home: Home, transforms: list[dict[str, Any]], loss: str) -> None:
    (home.folder / "code.lua").write_text("return { up = function(doc) return doc end }\n")
    home.step(*transforms)
    home.save("a")
    assert home.migrations.plan().steps[0].loss == loss


def test_two_fields_that_get_one_home_are_a_notice(home: Home) -> None:
    move = {"type": "move", "to": "full", "existing": "replace"}
    home.step({**move, "from": "name"}, REMOVE, {**move, "from": "nick", "missing": "skip"})
    home.save("a")
    assert home.migrations.plan().steps[0].notices == ('name collision: transforms 1 and 3 both write "full"',)


def test_a_plan_shows_the_first_entries_that_can_go_before_and_after(home: Home) -> None:
    home.step({**RENAME, "scope": "users"}, DELETE_OLD, {"type": "move_scope", "to": "people", "key": "d"})
    home.step({"type": "wrap", "field": "full_name"}, to=THIRD, start=SECOND, scope="people")
    home.save("a", mail="cannot go")
    home.save("b", "d", "e")
    home.save("c", name="c", old=1)
    assert home.migrations.plan().samples == (
        ("users", "b", b'{"name":"b"}', b'{"full_name":"b"}', "users", "b"),
        ("users", "c", b'{"name":"c","old":1}', None, "users", "c"),
        ("users", "d", b'{"name":"d"}', b'{"full_name":["d"]}', "people", "d"),
    )


def test_planning_for_a_target_that_is_no_version_is_refused(home: Home) -> None:
    with pytest.raises(InvalidArgument, match="'next' is no semantic version"):
        home.migrations.plan("next")

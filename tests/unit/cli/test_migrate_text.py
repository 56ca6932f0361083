from __future__ import annotations

from argparse import Namespace
from typing import cast

import pytest

from llmspell.cli.commands.migrate_fields import migrated_fields, plan_fields, quarantined_fields
from llmspell.cli.commands.migrate_text import Look, command, outcome, plan_lines, sample_lines
from llmspell.cli.table import table
from llmspell.migrations.results import ALREADY_CURRENT, COMPLETED, Migrated, Plan, PlannedStep, Quarantined, Sample

PLAIN = Look(None, False)
STEP = PlannedStep("2_x.toml", "A change", "1.0.0", "2.0.0", False, 7, "opaque", ("run up",), ("look here",))
SAMPLE = Sample("s", "k", b'{"a":1}', b'{"b":1}', "s", "k")


def test_a_plan_says_everything_about_a_step() -> None:
    assert list(plan_lines(Plan("1.0.0", "2.0.0", (STEP,), ()), PLAIN)) == [
        "from 1.0.0 to 2.0.0: 1 migration",
        "",
        "1. 1.0.0 -> 2.0.0  2_x.toml",
        "   A change",
        "   entries: 7",
        "   opaque: code decides what comes back",
        "   - run up",
        "   notice: look here",
    ]


@pytest.mark.parametrize(
    ("loss", "meaning"), [("lossless", "gives every entry back whole"), ("lossy", "drops the fields")]
)
def test_every_loss_has_a_meaning(loss: str, meaning: str) -> None:
    lines = list(plan_lines(Plan("1.0.0", "2.0.0", (STEP._replace(loss=loss),), ()), PLAIN))
    assert any(line.startswith(f"   {loss}: ") and meaning in line for line in lines)


def test_a_step_that_goes_down_says_that_it_is_undone() -> None:
    step = STEP._replace(down=True, from_version="2.0.0", to_version="1.0.0")
    assert "1. 2.0.0 -> 1.0.0  2_x.toml (undone)" in plan_lines(Plan("2.0.0", "1.0.0", (step,), ()), PLAIN)


def test_a_description_cannot_steer_the_terminal() -> None:
    lines = plan_lines(Plan("1.0.0", "2.0.0", (STEP._replace(description="a\033[2J\nb"),), ()), PLAIN)
    assert "   a\\x1b[2J\\nb" in lines


@pytest.mark.parametrize(
    ("sample", "heading"),
    [
        (SAMPLE, 'scope "s", key "k"'),
        (SAMPLE._replace(to_key="new"), 'scope "s", key "k" -> scope "s", key "new"'),
        (SAMPLE._replace(after=None), 'scope "s", key "k"'),
    ],
)
def test_a_sample_names_its_place_and_the_new_one_when_it_moves(sample: Sample, heading: str) -> None:
    assert list(sample_lines([sample], PLAIN))[:2] == ["", heading]


def test_the_outcome_of_a_dry_run_is_told_as_what_would_be() -> None:
    tried = Migrated(COMPLETED, "1.0.0", "2.0.0", 1, 2, 10.0, dry_run=True)
    assert outcome(tried) == "from 1.0.0 to 2.0.0: 1 entry would change, 2 would be put aside, in 0.01 s"


def test_a_command_is_spelled_so_that_a_shell_takes_it() -> None:
    assert command(Namespace(config=None), "up", "2.0.0") == "`llmspell migrate up 2.0.0`"
    assert command(Namespace(config="a b"), "up") == "`llmspell -c 'a b' migrate up`"


def test_a_table_without_rows_has_no_heading() -> None:
    assert table(["a"], [], terminal=True) == []


def test_fields_of_a_plan_are_json_values() -> None:
    fields = plan_fields(Plan("1.0.0", "2.0.0", (STEP,), (SAMPLE, SAMPLE._replace(after=None))))
    assert fields["steps"] == [{**STEP._asdict(), "transforms": ["run up"], "notices": ["look here"]}]
    samples = cast("list[dict[str, object]]", fields["samples"])
    assert [sample["before"] for sample in samples] == [{"a": 1}, {"a": 1}]
    assert [sample["after"] for sample in samples] == [{"b": 1}, None]
    assert samples[1]["patch"] == [{"op": "remove", "path": ""}]


def test_samples_are_fields_of_a_dry_run_only() -> None:
    made = Migrated(COMPLETED, "1.0.0", "2.0.0", 1, samples=(SAMPLE,))
    assert "samples" not in migrated_fields(made)
    assert "samples" in migrated_fields(made._replace(dry_run=True))


def test_where_nothing_was_to_be_done_the_fields_name_current_and_target() -> None:
    fields = migrated_fields(Migrated(ALREADY_CURRENT, "2.0.0", "2.0.0"))
    assert (fields["current_version"], fields["target_version"]) == ("2.0.0", "2.0.0")


def test_the_list_of_the_quarantine_leaves_values_out() -> None:
    one = Quarantined(1, "s", "k", b"{}", "1.0.0", "2_x.toml", "why", 0.5)
    assert "value" not in quarantined_fields(one)

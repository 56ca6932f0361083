"""The file that `llmspell config init` writes says what holds without it."""

import re
from pathlib import Path

from llmspell.config import Settings, StateSettings, load_settings
from llmspell.config.template import TEMPLATE

OPTIONAL = re.compile(r"^# (?=[a-z_]+ = )", re.MULTILINE)


def load(folder: Path, text: str) -> Settings:
    (folder / "llmspell.toml").write_text(text, encoding="utf-8")
    return load_settings(directory=folder, environ={})


def test_the_template_gives_exactly_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, TEMPLATE)._replace(source=None) == Settings()


def test_its_optional_keys_work_when_uncommented(tmp_path: Path) -> None:
    settings = load(tmp_path, OPTIONAL.sub("", TEMPLATE))
    assert settings.state == StateSettings(
        durability="full",
        required_schema=">=1.0.0,<2.0.0",
        backup_full_interval_seconds=604_800,
        backup_encryption_key_file="./backup-key.txt",
        backup_max_backups=100,
        backup_max_age_seconds=31_536_000,
        backup_max_total_bytes=10_000_000_000,
    )
    assert settings.script == Settings().script


def test_it_has_every_key_and_a_comment_before_each() -> None:
    keys = re.findall(r"^# [^\n]+\n(?:# )?([a-z_]+) = ", TEMPLATE, re.MULTILINE)
    assert keys == re.findall(r"^(?:# )?([a-z_]+) = ", TEMPLATE, re.MULTILINE)
    twice = {"enabled", "memory_limit"}  # each in two tables
    assert sorted(keys) == sorted([*set(keys), *twice])
    assert set(keys) == {
        *StateSettings._fields,
        "default_engine",
        "stdlib",
        "stdlib_level",
        "memory_limit",
        "max_instructions",
        "max_stack_bytes",
        "script_timeout_seconds",
        "allow_file_access",
        "allow_process_spawn",
        "allow_network_access",
        "max_memory_bytes",
        "max_execution_time_ms",
    }


def test_only_what_has_no_default_is_commented_out() -> None:
    commented = re.findall(r"^# ([a-z_]+) = ", TEMPLATE, re.MULTILINE)
    without_default = [name for name, value in StateSettings()._asdict().items() if value is None]
    assert set(commented) == {*without_default, "stdlib_level", "max_memory_bytes", "max_execution_time_ms"}


def test_the_keys_of_backups_stand_together() -> None:
    keys = re.findall(r"^(?:# )?([a-z_]+) = ", TEMPLATE, re.MULTILINE)
    places = [place for place, key in enumerate(keys) if key.startswith("backup_")]
    assert places == list(range(places[0], places[-1] + 1))

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
    assert settings.state == StateSettings(required_schema=">=1.0.0,<2.0.0")
    assert settings.script == Settings().script


def test_it_has_every_key_and_a_comment_before_each() -> None:
    keys = re.findall(r"^# [^\n]+\n(?:# )?([a-z_]+) = ", TEMPLATE, re.MULTILINE)
    assert keys == re.findall(r"^(?:# )?([a-z_]+) = ", TEMPLATE, re.MULTILINE)
    state_keys = [name for name in StateSettings._fields if not name.startswith("backup_")]
    assert set(keys) == {
        *state_keys,
        "backup_enabled",
        "backup_path",
        "backup_retention_days",
        "default_engine",
        "stdlib",
        "stdlib_level",
        "memory_limit",
        "max_instructions",
        "script_timeout_seconds",
        "allow_file_access",
        "allow_process_spawn",
        "allow_network_access",
        "max_memory_bytes",
        "max_execution_time_ms",
    }

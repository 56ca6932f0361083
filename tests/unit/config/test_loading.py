"""A configuration file becomes settings, or one error that points at the line."""

import datetime
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell import limits
from llmspell.config import ScriptSettings, Settings, StateSettings, load_settings
from llmspell.config.loading import MAX_FILE_BYTES, MAX_RETENTION_DAYS, MAX_VALUE_BYTES_BOUND
from llmspell.config.table import MAX_TEXTS, MAX_TIMEOUT_SECONDS
from llmspell.errors import ConfigError

EXAMPLES = Path(__file__).parents[3] / "examples" / "configs"
STATE_KEYS = (
    "enabled, backend, path, durability, max_value_bytes, migration_enabled, schema_version, "
    "required_schema, migrations_path, allow_python_migrations, backup_enabled, backup_path, backup_retention_days, "
    "backup_incremental, backup_full_interval_seconds, backup_compression, backup_compression_level, backup_verify, "
    "backup_encryption_key_file, backup_scopes, backup_exclude, backup_keep_last, backup_keep_hourly, "
    "backup_keep_daily, backup_keep_weekly, backup_keep_monthly, backup_keep_yearly, backup_max_backups, "
    "backup_max_age_seconds, backup_max_total_bytes, history_days"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str | bytes, **environ: str) -> Settings:
    Path("llmspell.toml").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return load_settings(environ=environ)


def state(text: str, **environ: str) -> StateSettings:
    return load(f"[state]\n{text}", **environ).state


def older(text: str) -> StateSettings:
    return load(f"[runtime.state_persistence]\n{text}").state


def script(text: str) -> ScriptSettings:
    return load(text).script


def error(text: str | bytes, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, **environ)
    return str(caught.value)


# Which file is read


def test_without_a_file_the_defaults_hold() -> None:
    assert load_settings(environ={}) == Settings(source=None, state=StateSettings(), script=ScriptSettings())


def test_the_defaults_are_those_of_the_contract() -> None:
    assert StateSettings()._asdict() == {
        "enabled": True,
        "backend": "disk",
        "path": "./state",
        "durability": None,
        "max_value_bytes": 10_000_000,
        "migration_enabled": False,
        "schema_version": "1.0.0",
        "required_schema": None,
        "migrations_path": "./migrations",
        "allow_python_migrations": False,
        "backup_enabled": False,
        "backup_path": "./backups",
        "backup_retention_days": 30,
        "backup_incremental": True,
        "backup_full_interval_seconds": None,
        "backup_compression": "zstd",
        "backup_compression_level": 3,
        "backup_verify": "full",
        "backup_encryption_key_file": None,
        "backup_scopes": (),
        "backup_exclude": (),
        "backup_keep_last": 0,
        "backup_keep_hourly": 0,
        "backup_keep_daily": 0,
        "backup_keep_weekly": 0,
        "backup_keep_monthly": 0,
        "backup_keep_yearly": 0,
        "backup_max_backups": None,
        "backup_max_age_seconds": None,
        "backup_max_total_bytes": None,
        "history_days": 0,
    }
    assert ScriptSettings() == (
        *("lua", "safe", 268_435_456, 0, 300.0, False, False, False),
        *(268_435_456, 1_048_576, True),
    )


def test_an_empty_file_gives_the_defaults() -> None:
    assert load("") == Settings(source="llmspell.toml")


def test_the_file_in_the_working_directory_is_read() -> None:
    assert load('[state]\nbackend = "memory"') == Settings("llmspell.toml", StateSettings(backend="memory"))


def test_the_file_in_a_given_directory_is_read(folder: Path) -> None:
    (folder / "project").mkdir()
    (folder / "project" / "llmspell.toml").write_text("[state]\nenabled = false")
    settings = load_settings(directory=folder / "project")
    assert settings.source == str(folder / "project" / "llmspell.toml")
    assert not settings.state.enabled


def test_a_named_file_is_read_in_place_of_the_usual_one(folder: Path) -> None:
    load('[state]\nbackend = "memory"')
    (folder / "other.toml").write_text('[state]\npath = "./other"')
    assert load_settings("other.toml") == Settings("other.toml", StateSettings(path="./other"))
    assert load_settings(folder / "other.toml").source == str(folder / "other.toml")


def test_the_environment_of_the_process_is_used_unless_one_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("llmspell.toml").write_text('[state]\npath = "${LLMSPELL_TEST}"')
    monkeypatch.setenv("LLMSPELL_TEST", "/here")
    assert load_settings().state.path == "/here"
    assert load_settings(environ={"LLMSPELL_TEST": "/there"}).state.path == "/there"


def test_a_named_file_that_is_missing_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"^other\.toml: there is no such file; check the path"):
        load_settings("other.toml")


def test_a_usual_file_that_leads_nowhere_is_an_error() -> None:
    Path("llmspell.toml").symlink_to("gone.toml")
    with pytest.raises(ConfigError, match=r"^llmspell\.toml: there is no such file"):
        load_settings()


def test_a_folder_is_an_error(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r" is a folder; name the configuration file in it$"):
        load_settings(folder)


def test_a_file_without_permission_is_an_error() -> None:
    Path("llmspell.toml").touch(mode=0o000)
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)  # root reads everything
    try:
        with pytest.raises(ConfigError, match=r"^llmspell\.toml cannot be read: Permission denied; make it readable"):
            load_settings("llmspell.toml")
    finally:
        os.seteuid(user)


def test_a_path_through_a_file_is_an_error() -> None:
    Path("file").touch()
    with pytest.raises(ConfigError, match=r"^file/llmspell\.toml cannot be read: Not a directory; "):
        load_settings("file/llmspell.toml")


def test_a_path_with_a_nul_is_an_error_on_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^a\\n\\x00b cannot be read: embedded null byte; "):
        load_settings("a\n\0b")


def test_a_file_that_never_ends_is_an_error() -> None:
    with pytest.raises(ConfigError, match=rf"^/dev/zero has more than {MAX_FILE_BYTES} bytes; "):
        load_settings("/dev/zero")


# How the file is written


def test_a_byte_order_mark_and_windows_line_ends_are_accepted() -> None:
    assert load('\ufeff[state]\r\npath = "./é"\r\n').state.path == "./é"
    assert error("\ufeff[state]\r\n\r\nenabled = 1\r\n").startswith("llmspell.toml, line 3: state.enabled = 1 ")


def test_a_file_that_is_not_utf_8_is_an_error_with_the_line() -> None:
    assert error(b"[state]\n\npath = '\xe9'") == (
        "llmspell.toml, line 3: the text is not UTF-8; save the file as UTF-8"
    )
    assert error("[state]".encode("utf-16")) == "llmspell.toml, line 1: the text is not UTF-8; save the file as UTF-8"


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("[state]\nenabled = yes\n", "line 2, column 11", "Invalid value"),
        ("[state]\n\npath = ", "line 3 (the end of the file)", "Invalid value"),
        ('[state]\npath = """\nx\n\n', "line 3 (the end of the file)", "Unterminated string"),
        ("[state]\n[state]\n", "line 2, column 7", "Cannot declare ('state',) twice"),
        ("[state]\nenabled = true\nenabled = true\n", "line 3, column 15", "Cannot overwrite a value"),
        ("a = 2023-02-30\n", "line 1, column 5", "Invalid date or datetime"),
        ("a = \x00\n", "line 1, column 5", "Invalid value"),
    ],
)
def test_text_that_is_not_toml_is_an_error_with_the_position(text: str, position: str, message: str) -> None:
    assert error(text) == f"llmspell.toml, {position}: this is not valid TOML: {message}; correct it there"


def test_toml_that_python_cannot_hold_is_an_error() -> None:
    assert error("a = " + "[" * 100_000) == (
        "llmspell.toml: arrays or tables stand too deep inside each other; use fewer levels"
    )
    assert error("a = 1" + "0" * 5000) == "llmspell.toml: an integer has too many digits; write a smaller one"


# [state]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("enabled = false", StateSettings(enabled=False)),
        ('backend = "memory"', StateSettings(backend="memory")),
        ('backend = "disk"', StateSettings(backend="disk")),
        ('path = "/var/state"', StateSettings(path="/var/state")),
        ('path = "../a b/é"', StateSettings(path="../a b/é")),
        ('durability = "normal"', StateSettings(durability="normal")),
        ('durability = "full"', StateSettings(durability="full")),
        ('durability = "output"', StateSettings(durability="output")),
        ("max_value_bytes = 1", StateSettings(max_value_bytes=1)),
        ("max_value_bytes = 1_000_000_000", StateSettings(max_value_bytes=MAX_VALUE_BYTES_BOUND)),
        ("migration_enabled = true", StateSettings(migration_enabled=True)),
        ('schema_version = "2.10.0-rc.1+b.007"', StateSettings(schema_version="2.10.0-rc.1+b.007")),
        ('required_schema = ">=1.0.0"', StateSettings(required_schema=">=1.0.0")),
        ('migrations_path = "m"', StateSettings(migrations_path="m")),
        ("backup_enabled = true", StateSettings(backup_enabled=True)),
        ('backup_path = "b"', StateSettings(backup_path="b")),
        ("allow_python_migrations = true", StateSettings(allow_python_migrations=True)),
        ("backup_retention_days = 0", StateSettings(backup_retention_days=0)),
        ("backup_retention_days = 36500", StateSettings(backup_retention_days=MAX_RETENTION_DAYS)),
        ("backup_incremental = false", StateSettings(backup_incremental=False)),
        ("backup_full_interval_seconds = 1", StateSettings(backup_full_interval_seconds=1)),
        ('backup_compression = "zstd"', StateSettings(backup_compression="zstd")),
        ('backup_compression = "gzip"', StateSettings(backup_compression="gzip")),
        ('backup_compression = "none"', StateSettings(backup_compression="none")),
        ("backup_compression_level = 1", StateSettings(backup_compression_level=1)),
        ("backup_compression_level = 19", StateSettings(backup_compression_level=19)),
        ('backup_verify = "full"', StateSettings(backup_verify="full")),
        ('backup_verify = "checksum"', StateSettings(backup_verify="checksum")),
        ('backup_encryption_key_file = "k"', StateSettings(backup_encryption_key_file="k")),
        ('backup_scopes = ["user*", "global"]', StateSettings(backup_scopes=("user*", "global"))),
        ("backup_scopes = []", StateSettings(backup_scopes=())),
        ('backup_exclude = [\n  "cache*", # a comment\n]', StateSettings(backup_exclude=("cache*",))),
        ("backup_keep_last = 100_000", StateSettings(backup_keep_last=100_000)),
        ("backup_keep_hourly = 24", StateSettings(backup_keep_hourly=24)),
        ("backup_keep_daily = 7", StateSettings(backup_keep_daily=7)),
        ("backup_keep_weekly = 8", StateSettings(backup_keep_weekly=8)),
        ("backup_keep_monthly = 12", StateSettings(backup_keep_monthly=12)),
        ("backup_keep_yearly = 3", StateSettings(backup_keep_yearly=3)),
        ("backup_max_backups = 1", StateSettings(backup_max_backups=1)),
        ("backup_max_age_seconds = 3600", StateSettings(backup_max_age_seconds=3600)),
        (
            f"backup_max_total_bytes = {limits.MAX_INTEGER}",
            StateSettings(backup_max_total_bytes=limits.MAX_INTEGER),
        ),
        ("history_days = 36500", StateSettings(history_days=36_500)),
    ],
)
def test_a_key_of_state_sets_its_field(text: str, expected: StateSettings) -> None:
    assert state(text) == expected


def test_every_field_of_state_has_a_key_of_its_name() -> None:
    assert set(STATE_KEYS.split(", ")) == set(StateSettings._fields)


@pytest.mark.parametrize(
    "text", ["state.enabled = false", "state = {enabled = false}", '["st\\u0061te"]\nenabled=false']
)
def test_state_may_be_written_in_every_way_that_toml_knows(text: str) -> None:
    assert load(text).state == StateSettings(enabled=False)


@pytest.mark.parametrize("version", ["0.0.0", "1.0.0-0", "1.0.0--", "1.0.0-a.0b.-1", "1.0.0+001", "99999999999.0.0"])
def test_a_semantic_version_is_accepted(version: str) -> None:
    assert state(f'schema_version = "{version}"').schema_version == version


@pytest.mark.parametrize(
    "version",
    [
        "1",
        "1.0",
        "1.0.0.0",
        "v1.0.0",
        "01.0.0",
        "1.0.0-",
        "1.0.0-01",
        "1.0.0-a..b",
        "1.0.0+",
        " 1.0.0",
        "1.0.0\\n",
        chr(0x661) + ".0.0",
    ],
)
def test_a_text_that_is_no_semantic_version_is_an_error(version: str) -> None:
    message = error(f'[state]\nschema_version = "{version}"')
    assert message == (
        f'llmspell.toml, line 2: state.schema_version = "{version}" is not a semantic version; '
        'it must be three numbers such as "1.0.0", see semver.org'
    )


@pytest.mark.parametrize(
    "required",
    ["1.0.0", "=1.0.0", "==1.0.0", "!=1.0.0", ">1.0.0", "<2.0.0", "<=2.0.0-rc.1", " >= 1.0.0 , <2.0.0,!=1.5.0 "],
)
def test_a_range_is_accepted_as_written(required: str) -> None:
    assert state(f'required_schema = "{required}"').required_schema == required


@pytest.mark.parametrize("required", ["~1.0.0", ">=1.0", ">=1.0.0,", ",", "=>1.0.0", ">=1.0.0 <2.0.0", ">", "*", " "])
def test_a_text_that_is_no_range_is_an_error(required: str) -> None:
    assert error(f'[state]\nrequired_schema = "{required}"') == (
        f'llmspell.toml, line 2: state.required_schema = "{required}" is not a range of semantic versions; '
        'it must be one or more of >=, >, <=, <, ==, != with a version, as in ">=1.0.0,<2.0.0"'
    )


def test_an_unknown_key_is_an_error_with_the_nearest_one() -> None:
    assert error('[state]\nenabled = true\n\nbacknd = "disk"') == (
        'llmspell.toml, line 4: state.backnd = "disk" is not a known key; did you mean "backend"? '
        f"Known keys: {STATE_KEYS}"
    )
    assert 'did you mean "path"?' in error('[state]\nPATH = "x"')
    assert 'did you mean "backup_exclude"?' in error("[state]\nbackup_excludes = []")
    assert 'did you mean "backup_keep_daily"?' in error("[state]\nkeep_daily = 7")
    assert 'did you mean "backup_max_age_seconds"?' in error("[state]\nbackup_max_age = 3600")
    assert 'did you mean "history_days"?' in error("[state]\nhistory = 7")


def test_an_unknown_key_like_no_other_is_an_error_without_a_guess() -> None:
    assert (
        error("[state]\nzzz = 1")
        == f"llmspell.toml, line 2: state.zzz = 1 is not a known key; known keys: {STATE_KEYS}"
    )


def test_a_table_inside_state_is_an_unknown_key() -> None:
    assert error("[state]\n[state.zzz]\na = 1").startswith("llmspell.toml, line 2: state.zzz is not a known key; ")


def test_an_unknown_key_is_shown_on_one_line_and_cut_short() -> None:
    assert error('[state]\n"a\\n\\"b" = "\\u001b\\\\"').startswith(
        r'llmspell.toml, line 2: state."a\n"b" = "\x1b\\" is not a known key; '
    )
    message = error(f"[state]\n{'k' * 5000} = '{'v' * 5000}'")
    assert f'state.{"k" * 77}... = "{"v" * 77}..." is not a known key; ' in message


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("1", "= 1 is a whole number"),
        ("1.5", "= 1.5 is a decimal number"),
        ('"true"', '= "true" is text'),
        ("[]", "= [] is an array"),
        ("[true]", "= [...] is an array"),
        ("{a = 1}", "is a table"),
        ("2024-01-02", "= 2024-01-02 is a date or a time"),
        ("07:32:00", "= 07:32:00 is a date or a time"),
    ],
)
@pytest.mark.parametrize(
    "key", ["enabled", "migration_enabled", "allow_python_migrations", "backup_enabled", "backup_incremental"]
)
def test_a_switch_takes_nothing_but_true_and_false(key: str, written: str, found: str) -> None:
    assert error(f"[state]\n{key} = {written}") == (
        f"llmspell.toml, line 2: state.{key} {found}; it must be true or false"
    )


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("true", "= true is a boolean"),
        ("1.0", "= 1.0 is a decimal number"),
        ("inf", "= inf is a decimal number"),
        ('"10"', '= "10" is text'),
        ("0", "= 0 is out of range"),
        ("-1", "= -1 is out of range"),
        ("1_000_000_001", "= 1000000001 is out of range"),
        ("0x" + "f" * 5000, "= (an integer of 20000 bits) is out of range"),
    ],
)
def test_the_largest_value_takes_nothing_but_a_size(written: str, found: str) -> None:
    assert error(f"[state]\nmax_value_bytes = {written}") == (
        f"llmspell.toml, line 2: state.max_value_bytes {found}; it must be a whole number from 1 to 1000000000"
    )


@pytest.mark.parametrize(
    ("key", "lowest", "highest"),
    [
        ("backup_retention_days", 0, 36_500),
        ("backup_full_interval_seconds", 1, limits.MAX_INTEGER),
        ("backup_compression_level", 1, 19),
        ("backup_keep_last", 0, 100_000),
        ("backup_keep_hourly", 0, 100_000),
        ("backup_keep_daily", 0, 100_000),
        ("backup_keep_weekly", 0, 100_000),
        ("backup_keep_monthly", 0, 100_000),
        ("backup_keep_yearly", 0, 100_000),
        ("backup_max_backups", 1, limits.MAX_INTEGER),
        ("backup_max_age_seconds", 1, limits.MAX_INTEGER),
        ("backup_max_total_bytes", 1, limits.MAX_INTEGER),
        ("history_days", 0, 36_500),
    ],
)
def test_a_number_for_backups_and_history_stays_within_its_bounds(key: str, lowest: int, highest: int) -> None:
    assert state(f"{key} = {lowest}")._asdict() == StateSettings()._asdict() | {key: lowest}
    assert state(f"{key} = {highest}")._asdict() == StateSettings()._asdict() | {key: highest}
    for written, found in [
        (lowest - 1, "is out of range"),
        (highest + 1, "is out of range"),
        ("true", "is a boolean"),
        ("1.0", "is a decimal number"),
        ('"7"', "is text"),
        ("[7]", "is an array"),
    ]:
        message = error(f"[state]\n\n{key} = {written}")
        assert message.startswith(f"llmspell.toml, line 3: state.{key} = ")
        assert message.endswith(f" {found}; it must be a whole number from {lowest} to {highest}")


@pytest.mark.parametrize(
    "text",
    [
        'backup_compression = "gzip"\nbackup_compression_level = {level}',
        'backup_compression = "${{KIND}}"\nbackup_compression_level = {level}',
    ],
)
def test_gzip_knows_fewer_levels_than_zstd(text: str) -> None:
    assert state(text.format(level=9), KIND="gzip").backup_compression_level == 9
    assert error(f"[state]\n{text.format(level=10)}", KIND="gzip") == (
        "llmspell.toml, line 3: state.backup_compression_level = 10 is out of range; "
        "it must be 1 to 9 with gzip, 1 to 19 with zstd"
    )


def test_the_level_is_the_line_that_is_named_wherever_gzip_stands() -> None:
    message = error('[state]\nbackup_compression_level = 19\nbackup_compression = "gzip"')
    assert message.startswith("llmspell.toml, line 2: state.backup_compression_level = 19 is out of range; ")


def test_without_compression_a_level_changes_nothing() -> None:
    settings = state('backup_compression = "none"\nbackup_compression_level = 19')
    assert (settings.backup_compression, settings.backup_compression_level) == ("none", 19)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ('backup_compression = "lz4"', '"zstd" or "gzip" or "none"'),
        ('backup_compression = "GZ"', '"zstd" or "gzip" or "none"'),
        ('backup_verify = "off"', '"full" or "checksum"'),
    ],
)
def test_an_unknown_way_of_making_backups_is_an_error(text: str, allowed: str) -> None:
    assert error(f"[state]\n{text}") == (
        f"llmspell.toml, line 2: state.{text} is not known in this version; it must be {allowed}"
    )


# Arrays of globs


@pytest.mark.parametrize("key", ["backup_scopes", "backup_exclude"])
@pytest.mark.parametrize(
    ("written", "found"),
    [
        ('"cache*"', '= "cache*" is text'),
        ("1", "= 1 is a whole number"),
        ("false", "= false is a boolean"),
        ("{a = 1}", "is a table"),
    ],
)
def test_an_array_takes_nothing_but_an_array(key: str, written: str, found: str) -> None:
    assert error(f"[state]\n{key} = {written}") == (
        f'llmspell.toml, line 2: state.{key} {found}; it must be an array of texts such as ["one", "two*"]'
    )


@pytest.mark.parametrize("key", ["backup_scopes", "backup_exclude"])
@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("7", "= 7 is a whole number; it must be text in quotes"),
        ("true", "= true is a boolean; it must be text in quotes"),
        ('["a"]', "= [...] is an array; it must be text in quotes"),
        ("{a = 1}", "is a table; it must be text in quotes"),
        ('""', '= "" is empty; it must be text of 1 to 512 characters without NUL'),
        ('"a\\u0000"', r'= "a\x00" holds a NUL character; it must be text of 1 to 512 characters without NUL'),
        (f'"{"a" * 513}"', f'= "{"a" * 77}..." is too long; it must be text of 1 to 512 characters without NUL'),
    ],
)
def test_a_wrong_element_of_an_array_is_named_at_its_own_line(key: str, written: str, found: str) -> None:
    assert error(f'[state]\n{key} = [\n  "fine",\n  {written},\n]') == (
        f"llmspell.toml, line 4: state.{key}[1] {found}"
    )


def test_the_first_wrong_element_is_the_one_that_is_named() -> None:
    text = '[state]\nbackup_exclude = ["a",\n"", 1]\nbackup_scopes = [2]'
    assert error(text).startswith('llmspell.toml, line 3: state.backup_exclude[1] = "" is empty; ')


def test_an_array_holds_a_thousand_long_texts_and_no_more() -> None:
    texts = [f"{number:0512}" for number in range(MAX_TEXTS)]
    assert state(f"backup_scopes = {texts}").backup_scopes == tuple(texts)
    assert error(f"[state]\nbackup_scopes = {[*texts, 'x']}") == (
        "llmspell.toml, line 2: state.backup_scopes = [...] holds 1001 elements; "
        "it must be an array of at most 1000 texts"
    )


@pytest.mark.parametrize(
    "key",
    [
        "backend",
        "path",
        "durability",
        "schema_version",
        "required_schema",
        "migrations_path",
        "backup_path",
        "backup_compression",
        "backup_verify",
        "backup_encryption_key_file",
    ],
)
@pytest.mark.parametrize(
    ("written", "found", "allowed"),
    [
        ("1", "= 1 is a whole number", "text in quotes"),
        ("true", "= true is a boolean", "text in quotes"),
        ('["disk"]', "= [...] is an array", "text in quotes"),
        ("2024-01-02T03:04:05Z", "= 2024-01-02 03:04:05+00:00 is a date or a time", "text in quotes"),
        ('""', '= "" is empty', "text of 1 to 4096 characters without NUL"),
        ('"a\\u0000b"', r'= "a\x00b" holds a NUL character', "text of 1 to 4096 characters without NUL"),
        (f'"{"a" * 4097}"', f'= "{"a" * 77}..." is too long', "text of 1 to 4096 characters without NUL"),
    ],
)
def test_a_text_takes_nothing_but_text(key: str, written: str, found: str, allowed: str) -> None:
    assert error(f"[state]\n{key} = {written}") == f"llmspell.toml, line 2: state.{key} {found}; it must be {allowed}"


def test_an_unknown_backend_is_an_error_with_the_nearest_one() -> None:
    assert error('[state]\nbackend = "dsk"') == (
        'llmspell.toml, line 2: state.backend = "dsk" is not known in this version; did you mean "disk"? '
        'It must be "disk" or "memory"'
    )
    assert error('[state]\nbackend = "sled"') == (
        'llmspell.toml, line 2: state.backend = "sled" is not known in this version; it must be "disk" or "memory"'
    )


def test_an_unknown_durability_is_an_error() -> None:
    assert error('[state]\ndurability = "Normal"').endswith(
        'is not known in this version; did you mean "normal"? It must be "full" or "output" or "normal"'
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("state = 5", "line 1: state = 5 is a whole number"),
        ("\n[[state]]", "line 2: state = [...] is an array"),
        ("runtime = 'x'", 'line 1: runtime = "x" is text'),
        ("[runtime]\nsecurity = true", "line 2: runtime.security = true is a boolean"),
        ("runtime.state_persistence = 1", "line 1: runtime.state_persistence = 1 is a whole number"),
        ("engines = []", "line 1: engines = [] is an array"),
        ("[engines]\nlua = 5.4", "line 2: engines.lua = 5.4 is a decimal number"),
    ],
)
def test_a_table_takes_nothing_but_a_table(text: str, found: str) -> None:
    assert error(text) == f"llmspell.toml, {found}; it must be a table"


def test_the_first_problem_in_the_file_is_the_one_that_is_named() -> None:
    assert "line 2: runtime.script_timeout_seconds" in error(
        "[runtime]\nscript_timeout_seconds = -1\n[state]\nzzz = 1\nenabled = 1"
    )
    assert "line 2: state.zzz" in error("[state]\nzzz = 1\nenabled = 1\n[runtime]\nscript_timeout_seconds = -1")
    assert "line 1: state.path" in error("state = {path = 1, enabled = 1}")


def test_a_line_that_cannot_be_told_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmspell.config.lines.place_lines", lambda text: {})
    assert (
        error("[state]\nenabled = 1") == "llmspell.toml: state.enabled = 1 is a whole number; it must be true or false"
    )


# The older spelling


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", StateSettings()),
        ("enabled = false", StateSettings(enabled=False)),
        ('backend_type = "disk"', StateSettings(backend="disk")),
        ('backend_type = "memory"', StateSettings(backend="memory")),
        ('backend_type = "sled"', StateSettings(backend="disk")),
        ('backend_type = "rocksdb"', StateSettings(backend="disk")),
        ("migration_enabled = true", StateSettings(migration_enabled=True)),
        ("backup_enabled = true", StateSettings(backup_enabled=True)),
        ("max_state_size_bytes = 5", StateSettings(max_value_bytes=5)),
        ('schema_version = "2.0.0"', StateSettings(schema_version="2.0.0")),
        ('backup.backup_dir = "b"', StateSettings(backup_path="b")),
        ("backup.compression_enabled = true", StateSettings(backup_compression="zstd")),
        ("backup.compression_enabled = false", StateSettings(backup_compression="none")),
        ('backup.compression_type = "zstd"', StateSettings(backup_compression="zstd")),
        ('backup.compression_type = "gzip"', StateSettings(backup_compression="gzip")),
        ('backup.compression_type = "none"', StateSettings(backup_compression="none")),
        ('backup.compression_type = "lz4"', StateSettings(backup_compression="zstd")),
        ('backup.compression_type = "brotli"', StateSettings(backup_compression="zstd")),
        ("backup.compression_level = 9", StateSettings(backup_compression_level=9)),
        ("backup.incremental_enabled = false", StateSettings(backup_incremental=False)),
        ("backup.max_backups = 10", StateSettings(backup_max_backups=10)),
        ("backup.max_backup_age = 2592000", StateSettings(backup_max_age_seconds=2_592_000)),
        ("backup.full_backup_interval = 604800", StateSettings(backup_full_interval_seconds=604_800)),
    ],
)
def test_a_key_of_the_older_spelling_sets_its_field(text: str, expected: StateSettings) -> None:
    assert older(text) == expected


def test_the_older_backup_table_is_read() -> None:
    settings = older('enabled = true\n[runtime.state_persistence.backup]\nbackup_dir = "b"\nmax_backups = 2')
    assert settings == StateSettings(backup_path="b", backup_max_backups=2)


def test_compression_that_is_switched_off_stays_off_whatever_its_type_is() -> None:
    settings = older('backup.compression_enabled = false\nbackup.compression_type = "gzip"')
    assert settings.backup_compression == "none"
    settings = older('backup.compression_enabled = true\nbackup.compression_type = "none"')
    assert settings.backup_compression == "none"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "backend_type = 'redis'",
            'backend_type = "redis" is not known in this version; it must be "disk" or "memory" or "rocksdb" or "sled"',
        ),
        ("max_state_size_bytes = 0", "max_state_size_bytes = 0 is out of range; it must be a whole number from 1 to"),
        ("backup = 1", "backup = 1 is a whole number; it must be a table"),
        ("backup.compression_enabled = 'no'", 'backup.compression_enabled = "no" is text; it must be true or false'),
        ("backup.compression_type = 'zip'", 'backup.compression_type = "zip" is not known in this version'),
        (
            "backup.compression_level = 10",
            "backup.compression_level = 10 is out of range; it must be a whole number from",
        ),
        ("backup.max_backups = 0", "backup.max_backups = 0 is out of range; it must be a whole number from 1 to"),
        ("backup.max_backup_age = 1.5", "backup.max_backup_age = 1.5 is a decimal number; it must be a whole number"),
        (
            "backup.full_backup_interval = 0",
            "backup.full_backup_interval = 0 is out of range; it must be a whole number",
        ),
    ],
)
def test_an_impossible_value_in_the_older_spelling_is_an_error(text: str, found: str) -> None:
    assert error(f"[runtime.state_persistence]\n{text}").startswith(
        f"llmspell.toml, line 2: runtime.state_persistence.{found}"
    )


def test_an_unknown_key_in_the_older_spelling_is_an_error_with_the_nearest_one() -> None:
    assert error("[runtime.state_persistence]\nbackend_typ = 'sled'") == (
        'llmspell.toml, line 2: runtime.state_persistence.backend_typ = "sled" is not a known key; '
        'did you mean "backend_type"? Known keys: enabled, backend_type, migration_enabled, backup_enabled, '
        "max_state_size_bytes, schema_version, backup"
    )
    assert error("[runtime.state_persistence]\npath = 'x'").startswith(
        'llmspell.toml, line 2: runtime.state_persistence.path = "x" is not a known key; '
    )
    assert error("[runtime.state_persistence.backup]\nmax_backup = 1") == (
        "llmspell.toml, line 2: runtime.state_persistence.backup.max_backup = 1 is not a known key; "
        'did you mean "max_backups"? Known keys: backup_dir, compression_enabled, compression_type, '
        "compression_level, incremental_enabled, max_backups, max_backup_age, full_backup_interval"
    )


@pytest.mark.parametrize(
    "tables", ["[state]\n[runtime.state_persistence]", "runtime.x = 1\nruntime.state_persistence = {}\n[state]"]
)
def test_both_spellings_at_once_are_an_error(tables: str) -> None:
    assert error(tables) == (
        "llmspell.toml, line 2: runtime.state_persistence is the older spelling of [state] "
        "and both are in the file; keep one"
    )


# Scripts

BOUNDED = ScriptSettings(memory_limit_bytes=2000, javascript_memory_limit_bytes=2000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('default_engine = "lua"', ScriptSettings(default_engine="lua")),
        ('default_engine = "javascript"', ScriptSettings(default_engine="javascript")),
        ('default_engine = "python"', ScriptSettings(default_engine="python")),
        ('[engines.lua]\nstdlib = "full"', ScriptSettings(stdlib="full")),
        ('[engines.lua]\nstdlib_level = "full"', ScriptSettings(stdlib="full")),
        ('[engines.lua]\nstdlib = "full"\nstdlib_level = "full"', ScriptSettings(stdlib="full")),
        ("[engines.lua]\nmemory_limit = 1000", ScriptSettings(memory_limit_bytes=1000)),
        ("[engines.lua]\nmemory_limit = 0", ScriptSettings(memory_limit_bytes=0)),
        ("[engines.lua]\nmax_instructions = 5", ScriptSettings(max_instructions=5)),
        ("[engines.javascript]\nmemory_limit = 1000", ScriptSettings(javascript_memory_limit_bytes=1000)),
        ("[engines.javascript]\nmemory_limit = 0", ScriptSettings(javascript_memory_limit_bytes=0)),
        ("[engines.javascript]\nmax_stack_bytes = 65536", ScriptSettings(javascript_stack_bytes=65_536)),
        ("[engines.javascript]\nmax_stack_bytes = 4194304", ScriptSettings(javascript_stack_bytes=4_194_304)),
        ("[engines.python]\nenabled = false", ScriptSettings(python_enabled=False)),
        ("[runtime]\nscript_timeout_seconds = 60", ScriptSettings(timeout_seconds=60.0)),
        ("[runtime]\nscript_timeout_seconds = 0.5", ScriptSettings(timeout_seconds=0.5)),
        ("[runtime]\nscript_timeout_seconds = 0", ScriptSettings(timeout_seconds=0.0)),
        ("[runtime.security]\nallow_file_access = true", ScriptSettings(allow_file_access=True)),
        ("[runtime.security]\nallow_process_spawn = true", ScriptSettings(allow_process_spawn=True)),
        ("[runtime.security]\nallow_network_access = true", ScriptSettings(allow_network_access=True)),
        ("[runtime.security]\nmax_memory_bytes = 2000", BOUNDED),
        ("[runtime.security]\nmax_execution_time_ms = 1500", ScriptSettings(timeout_seconds=1.5)),
    ],
)
def test_a_key_for_scripts_sets_its_field(text: str, expected: ScriptSettings) -> None:
    assert script(text) == expected


def test_a_timeout_is_a_float_even_when_written_as_a_whole_number() -> None:
    assert isinstance(script("[runtime]\nscript_timeout_seconds = 60").timeout_seconds, float)
    assert isinstance(script("[runtime.security]\nmax_execution_time_ms = 0").timeout_seconds, float)


@pytest.mark.parametrize(("one", "other", "expected"), [(1, 2, 1), (2, 1, 1), (0, 2, 2), (2, 0, 2), (0, 0, 0)])
def test_the_stricter_of_two_limits_holds(one: int, other: int, expected: int) -> None:
    settings = script(
        f"engines.lua.memory_limit = {one}\nengines.javascript.memory_limit = {one}\n"
        f"[runtime]\nscript_timeout_seconds = {one}\n"
        f"security.max_memory_bytes = {other}\nsecurity.max_execution_time_ms = {other * 1000}"
    )
    assert (settings.memory_limit_bytes, settings.timeout_seconds) == (expected, expected)
    assert settings.javascript_memory_limit_bytes == expected


def test_memory_of_one_language_does_not_bound_the_other() -> None:
    settings = script("engines.lua.memory_limit = 1\nengines.javascript.memory_limit = 2")
    assert (settings.memory_limit_bytes, settings.javascript_memory_limit_bytes) == (1, 2)


def test_two_names_of_the_library_that_disagree_are_an_error() -> None:
    assert error('[engines.lua]\nstdlib = "safe"\nstdlib_level = "full"') == (
        'llmspell.toml, line 3: engines.lua.stdlib_level = "full" differs from engines.lua.stdlib, '
        "which means the same; keep one"
    )


@pytest.mark.parametrize("name", ["ruby", "js", "LUA"])
def test_a_language_that_does_not_exist_is_an_error(name: str) -> None:
    message = error(f'\ndefault_engine = "{name}"')
    assert message.startswith(f'llmspell.toml, line 2: default_engine = "{name}" is not known in this version; ')
    assert message.lower().endswith('it must be "lua" or "javascript" or "python"')


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "[engines.lua]\nstdlib = 'all'",
            'engines.lua.stdlib = "all" is not known in this version; it must be "safe" or "full"',
        ),
        (
            "[engines.lua]\nmemory_limit = -1",
            "engines.lua.memory_limit = -1 is out of range; it must be a whole number from 0",
        ),
        (
            "[engines.lua]\nmemory_limit = '256M'",
            'engines.lua.memory_limit = "256M" is text; it must be a whole number',
        ),
        (
            "[engines.javascript]\nmemory_limit = -1",
            "engines.javascript.memory_limit = -1 is out of range; it must be a whole number from 0",
        ),
        (
            "[engines.javascript]\nmax_stack_bytes = 65535",
            "engines.javascript.max_stack_bytes = 65535 is out of range; it must be a whole number from 65536",
        ),
        (
            "[engines.javascript]\nmax_stack_bytes = 4194305",
            "engines.javascript.max_stack_bytes = 4194305 is out of range; it must be",
        ),
        (
            "[engines.python]\nenabled = 0",
            "engines.python.enabled = 0 is a whole number; it must be true or false",
        ),
        (
            "[engines.lua]\nmax_instructions = true",
            "engines.lua.max_instructions = true is a boolean; it must be a whole",
        ),
        (
            "[runtime]\nscript_timeout_seconds = true",
            "runtime.script_timeout_seconds = true is a boolean; it must be a number",
        ),
        (
            "[runtime.security]\nallow_file_access = 1",
            "runtime.security.allow_file_access = 1 is a whole number; it must be true",
        ),
        (
            "[runtime.security]\nallow_process_spawn = 'no'",
            'runtime.security.allow_process_spawn = "no" is text; it must be true',
        ),
        (
            "[runtime.security]\nallow_network_access = []",
            "runtime.security.allow_network_access = [] is an array; it must be",
        ),
        (
            "[runtime.security]\nmax_memory_bytes = 1.5",
            "runtime.security.max_memory_bytes = 1.5 is a decimal number; it must",
        ),
        (
            "[runtime.security]\nmax_execution_time_ms = -1",
            "runtime.security.max_execution_time_ms = -1 is out of range; it must",
        ),
    ],
)
def test_an_impossible_value_for_scripts_is_an_error(text: str, found: str) -> None:
    assert error(text).startswith(f"llmspell.toml, line 2: {found}")


@pytest.mark.parametrize("written", ["nan", "inf", "-inf", "-0.5", "1e300", str(MAX_TIMEOUT_SECONDS + 1)])
def test_a_timeout_that_is_no_time_is_an_error(written: str) -> None:
    message = error(f"[runtime]\nscript_timeout_seconds = {written}")
    assert message.startswith("llmspell.toml, line 2: runtime.script_timeout_seconds = ")
    assert message.endswith("is out of range; it must be a number of seconds from 0 (no limit) to 1000000000")


def test_a_limit_larger_than_64_bits_is_an_error() -> None:
    assert script(f"engines.lua.memory_limit = {limits.MAX_INTEGER}").memory_limit_bytes == limits.MAX_INTEGER
    assert "is out of range" in error(f"engines.lua.memory_limit = {limits.MAX_INTEGER + 1}")


def test_what_other_versions_configure_is_ignored() -> None:
    text = """
    title = "${NOT_SET}"
    providers = 5
    [engines.javascript]
    enabled = "${NOT_SET}"
    [engines.python]
    interpreter = "${NOT_SET}"
    [engines.ruby]
    enabled = "${NOT_SET}"
    [engines.lua]
    coroutines = true
    [runtime]
    max_concurrent_scripts = 10
    [runtime.security]
    sandbox = "strict"
    [runtime.sessions]
    enabled = true
    [[tools]]
    name = "x"
    """
    assert load(text) == Settings(source="llmspell.toml")


# Environment variables


def test_a_variable_is_replaced_wherever_it_stands_in_a_text() -> None:
    settings = state('path = "${ROOT}/${_name2}/${ROOT}"\nbackend = "${KIND}"', ROOT="/r", _name2="n", KIND="memory")
    assert (settings.path, settings.backend) == ("/r/n//r", "memory")
    assert load("default_engine = '${E}'\nengines.lua.stdlib = '${S}'", E="lua", S="full").script.stdlib == "full"
    assert load("runtime.state_persistence.backup.backup_dir = '${D}'", D="/d").state.backup_path == "/d"


def test_a_variable_is_replaced_in_every_text_of_an_array() -> None:
    settings = state(
        'backup_scopes = ["${A}", "x-${A}-${B}", "plain"]\nbackup_exclude = ["${B}*"]\n'
        'backup_encryption_key_file = "${A}/key"',
        A="a",
        B="${A}",
    )
    assert settings.backup_scopes == ("a", "x-a-${A}", "plain")
    assert settings.backup_exclude == ("${A}*",)
    assert settings.backup_encryption_key_file == "a/key"


def test_a_replacement_is_not_replaced_again() -> None:
    assert state('path = "${A}"', A="${B}", B="b").path == "${B}"
    assert state('path = "${A}"', A="\\1 $ {").path == "\\1 $ {"


@pytest.mark.parametrize("path", ["$", "$HOME", "a$b", "$ {HOME}", "$$", "{HOME}", "$(HOME)"])
def test_a_dollar_without_a_brace_is_an_ordinary_character(path: str) -> None:
    assert state(f'path = "{path}"').path == path


def test_a_missing_variable_is_an_error() -> None:
    assert error('[state]\n\npath = "${ROOT}/${MISSING}"', ROOT="secret") == (
        'llmspell.toml, line 3: state.path = "${ROOT}/${MISSING}" needs the environment variable MISSING, '
        "which is not set; set it or write the text itself"
    )


def test_a_variable_that_is_missing_in_an_array_is_named_at_its_own_line() -> None:
    assert error('[state]\nbackup_exclude = [\n"a",\n"${MISSING}*"]') == (
        'llmspell.toml, line 4: state.backup_exclude[1] = "${MISSING}*" needs the environment variable MISSING, '
        "which is not set; set it or write the text itself"
    )
    assert error('[state]\nbackup_exclude = ["${"]').startswith(
        'llmspell.toml, line 2: state.backup_exclude[0] = "${" holds "${" without a name'
    )


@pytest.mark.parametrize(
    "path", ["${", "${}", "${HOME", "${HOME ", "${ HOME}", "${2}", "${A-B}", "${A:-x}", "$${", "${é}"]
)
def test_a_malformed_variable_is_an_error(path: str) -> None:
    assert error(f'[state]\npath = "{path}"', HOME="secret") == (
        f'llmspell.toml, line 2: state.path = "{path}" holds "${{" without a name and a closing "}}"; '
        'write it as in "${NAME}"'
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('backend = "${V}"', "is not known in this version"),
        ('schema_version = "${V}"', "is not a semantic version"),
        ('required_schema = "${V}"', "is not a range of semantic versions"),
        ('path = "${EMPTY}"', "is empty"),
        ('path = "${NUL}"', "holds a NUL character"),
    ],
)
def test_what_a_variable_holds_is_never_shown(text: str, fault: str) -> None:
    message = error(f"[state]\n{text}", V="s3cret", EMPTY="", NUL="s3cret\0")
    assert f"state.{text} with its variables replaced {fault}; " in message
    assert "s3cret" not in message


def test_what_a_variable_in_an_array_holds_is_never_shown() -> None:
    message = error('[state]\nbackup_scopes = ["${LONG}"]', LONG="s3cret" * 100)
    assert 'state.backup_scopes[0] = "${LONG}" with its variables replaced is too long; ' in message
    assert "s3cret" not in message


def test_a_variable_does_not_make_a_switch_or_a_number() -> None:
    assert 'state.enabled = "${ON}" is text; it must be true or false' in error('[state]\nenabled = "${ON}"', ON="true")
    assert 'state.max_value_bytes = "${N}" is text; ' in error('[state]\nmax_value_bytes = "${N}"', N="1")


# The example files


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("minimal", StateSettings(enabled=True)),
        ("state-enabled", StateSettings(enabled=True, backend="disk", path="./state")),
        (
            "migration-enabled",
            StateSettings(path="./state", migration_enabled=True, migrations_path="examples/migrations"),
        ),
        (
            "backup-enabled",
            StateSettings(
                enabled=True,
                backend="disk",
                path="./state",
                backup_enabled=True,
                backup_retention_days=30,
                backup_keep_daily=7,
                backup_keep_weekly=8,
                backup_exclude=("cache*",),
                history_days=7,
            ),
        ),
    ],
)
def test_an_example_gives_what_it_shows(name: str, expected: StateSettings) -> None:
    file = EXAMPLES / f"{name}.toml"
    assert load_settings(file, environ={}) == Settings(str(file), expected)


def test_the_page_beside_the_examples_names_each_of_them_and_every_key() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert {f"`{file.name}`" for file in EXAMPLES.glob("*.toml")} <= set(page.split())
    assert all(f"| `{key}` |" in page for key in STATE_KEYS.split(", "))


# Hostile files

_scalars = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["disk", "1.0.0", "${A}", "${", ">=1.0.0"]),
    st.dates(),
    st.times(),
    st.datetimes(timezones=st.none() | st.just(datetime.UTC)),
)
_junk = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
_keys = st.sampled_from(STATE_KEYS.split(", ")) | st.text(max_size=8)


def settings_or_message(file: Path) -> Settings | str:
    try:
        return load_settings(file, environ={"A": "a"})
    except ConfigError as error:
        return str(error)


def toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(char):08x}" for char in value) + '"'
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return repr(value)


@given(
    st.dictionaries(_keys, _junk, max_size=5), st.sampled_from(["state", "runtime.state_persistence", "runtime", ""])
)
def test_junk_gives_settings_or_one_line_that_says_why(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, object], table: str
) -> None:
    file = tmp_path_factory.mktemp("junk") / "llmspell.toml"
    body = "".join(f"{toml(key)} = {toml(value)}\n" for key, value in values.items())
    file.write_text(f"[{table}]\n{body}" if table else body, encoding="utf-8")
    found = settings_or_message(file)
    if isinstance(found, str):
        assert found.startswith(f"{file}, line ")
        assert found.isprintable()
        return
    assert found.state.backend in {"disk", "memory"}
    assert found.state.path
    assert 1 <= found.state.max_value_bytes <= MAX_VALUE_BYTES_BOUND
    assert all(type(text) is str and text for text in (*found.state.backup_scopes, *found.state.backup_exclude))


@given(st.binary(max_size=60))
def test_any_bytes_give_settings_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("bytes") / "llmspell.toml"
    file.write_bytes(content)
    found = settings_or_message(file)
    if isinstance(found, str):
        assert found.startswith(str(file))
        assert found.isprintable()


def test_importing_the_module_stays_light() -> None:
    heavy = "dataclasses inspect tomllib difflib json datetime llmspell.config.lines semver"
    check = f"import sys, llmspell.config; print([name for name in {heavy.split()} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_key_that_forbids_python_is_not_passed_over_when_it_is_misspelt() -> None:
    message = error("[engines.python]\nenabld = false")
    assert message.startswith("llmspell.toml, line 2: engines.python.enabld = false is not a known key")
    assert "enabled" in message

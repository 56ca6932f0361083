"""The examples run as their README says, and print what the golden files say.

After a wanted change of an example, UPDATE_GOLDEN=1 in the environment rewrites its golden files; read the difference.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import llmspell

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
LLMSPELL = Path(sys.executable).with_name("llmspell")
STATE = "examples/lua/state"
MIGRATION = "examples/lua/migration"
BACKUP = "examples/lua/backup"
NAMES = sorted(script.stem for script in (ROOT / STATE).glob("*.lua"))
MIGRATION_NAMES = sorted(script.stem for script in (ROOT / MIGRATION).glob("*.lua"))
BACKUP_NAMES = sorted(script.stem for script in (ROOT / BACKUP).glob("*.lua"))
FOLDERS = {
    **dict.fromkeys(NAMES, STATE),
    **dict.fromkeys(MIGRATION_NAMES, MIGRATION),
    **dict.fromkeys(BACKUP_NAMES, BACKUP),
}

SUFFIXES = {"javascript": "js", "python": "py"}
PATTERNS = sorted(name for name in NAMES if name.startswith("pattern_"))
PATTERN_CASES = [(f"examples/{language}", name, suffix) for language, suffix in SUFFIXES.items() for name in PATTERNS]
TOGETHER = "examples/three_languages"

CONFIGS = ("state-enabled", "migration-enabled", "backup-enabled")

PRINTING_MORE = {
    ("state_migration", "migration-enabled"),
    ("test_state_api", "migration-enabled"),
    ("test_state_api", "backup-enabled"),
}
"""The scripts that print something else with a configuration."""

CASES = [(name, config) for name in NAMES for config in CONFIGS]
CASES += [(name, "migration-enabled") for name in MIGRATION_NAMES]
CASES += [(name, "backup-enabled") for name in BACKUP_NAMES]

CHANGING = (
    (r"\d{8}T\d{6}Z-(full|incr)-[a-z2-7]{6}", r"YYYYMMDDTHHMMSSZ-\1-xxxxxx"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d", "YYYY-MM-DD HH:MM"),
    (r"\d+ bytes", "N bytes"),
)
"""What is another text in every run (ids, times, sizes of backups), and what stands for it in the golden files."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the examples in it and nothing else, so that commands look as they do in the repository."""
    for part in ("configs", "lua", "migrations", "javascript", "python", "three_languages"):
        shutil.copytree(
            ROOT / "examples" / part, tmp_path / "examples" / part, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path


def call(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)


def run(folder: Path, config: str, name: str) -> subprocess.CompletedProcess[str]:
    return call(folder, LLMSPELL, "-c", f"examples/configs/{config}.toml", "run", f"{FOLDERS[name]}/{name}.lua")


def run_file(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return call(folder, LLMSPELL, "-c", "examples/configs/state-enabled.toml", "run", script, *arguments)


def stem(name: str, config: str) -> str:
    return f"{name}.{config}" if (name, config) in PRINTING_MORE else name


def lasting(printed: str) -> str:
    for changing, standing in CHANGING:
        printed = re.sub(changing, standing, printed)
    return printed


def golden(name: str, which: str, found: str) -> str:
    path = GOLDEN / f"{name}.{which}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "config"), CASES)
def test_an_example_prints_what_it_should_in_its_first_and_in_its_second_run(
    folder: Path, name: str, config: str
) -> None:
    for which in ("first", "second"):
        done = run(folder, config, name)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        printed = lasting(done.stdout)
        assert printed == golden(stem(name, config), which, printed)
    made = {"state", "backups"} if config == "backup-enabled" else {"state"}
    assert {path.name for path in folder.iterdir()} - made == {"examples"}


@pytest.mark.parametrize(("place", "name", "suffix"), PATTERN_CASES)
def test_a_pattern_in_another_language_prints_what_it_should_in_its_first_and_in_its_second_run(
    folder: Path, place: str, name: str, suffix: str
) -> None:
    for which in ("first", "second"):
        done = run_file(folder, f"{place}/{name}.{suffix}")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == golden(f"{name}.{suffix}", which, done.stdout)
    assert {path.name for path in folder.iterdir()} == {"examples", "state"}


def test_the_patterns_of_the_three_languages_do_not_get_in_each_others_way(folder: Path) -> None:
    for name in PATTERNS:
        assert run(folder, "state-enabled", name).returncode == 0
    for place, name, suffix in PATTERN_CASES:
        done = run_file(folder, f"{place}/{name}.{suffix}")
        assert (done.returncode, done.stdout) == (0, golden(f"{name}.{suffix}", "first", done.stdout))


def test_python_examples_take_arguments(folder: Path) -> None:
    assert "unit='kelvin'" in run_file(folder, "examples/python/pattern_configuration.py", "--unit", "kelvin").stdout
    assert "weather:fog    2" in run_file(folder, "examples/python/pattern_counters.py", "fog", "fog").stdout
    refused = run_file(folder, "examples/python/pattern_configuration.py", "--unit", "feet")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "invalid choice: 'feet'" in refused.stderr


def test_three_scripts_in_three_languages_see_what_the_others_have_left(folder: Path) -> None:
    def turn(script: str) -> str:
        done = run_file(folder, f"{TOGETHER}/{script}")
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert turn("pricing.js") == "there is nothing to price; run intake.lua first\n"
    assert turn("report.py") == "there are no bills; run intake.lua and pricing.js first\n"
    assert turn("intake.lua") == "round 1: 3 readings\n"
    assert re.search(r"^smelter +12193283950893157 \(bigint\)", turn("pricing.js"), re.MULTILINE)
    report = turn("report.py")
    assert re.search(r"^smelter +98,765,432,101 kWh +12,193,283,950\.893157 EUR  paid: None$", report, re.MULTILINE)
    assert report.endswith("round 1: 12,193,284,130.399635 EUR; totals kept: 1\n")
    assert turn("intake.lua") == (
        "round 2: 3 readings\nthe last total that report.py has left: 12193284130399635\n"  # beyond 2^53, and exact
    )
    with llmspell.open(folder / "state") as store:
        assert store.load("power:bill", "smelter") == {
            "round": 1,
            "kwh": 98765432101,
            "micro_euros": 98765432101 * 123457,
            "paid": None,
        }
        assert store.load("power:reading", "smelter") == {"kwh": 98765432101, "round": 2}


def test_the_examples_work_one_after_the_other_on_one_store(folder: Path) -> None:
    for name in NAMES:
        done = run(folder, "state-enabled", name)
        assert (done.returncode, done.stdout) == (0, golden(name, "first", done.stdout))


def test_a_second_process_sees_what_the_first_one_saved(folder: Path) -> None:
    assert run(folder, "state-enabled", "basic_persistence").returncode == 0
    config = ("-c", "examples/configs/state-enabled.toml")
    assert call(folder, LLMSPELL, *config, "state", "load", "basics", "note").stdout == '"run 1 was here"\n'
    with llmspell.open(folder / "state") as store:
        assert store.load("basics", "runs") == 1
        assert store.load("basics", "kind:integer") == 9007199254740993


def test_no_script_leaves_a_list_that_grows_with_every_run(folder: Path) -> None:
    def entries() -> dict[tuple[str, str], int]:
        with llmspell.open(folder / "state") as store:
            keys = [(scope, key) for scope in store.scopes() for key in store.list_keys(scope)]
            return {key: len(str(store.load(*key))) for key in keys}

    for name in ("agent_state", "list_operations", "pattern_counters", "pattern_session"):
        run(folder, "state-enabled", name)
        run(folder, "state-enabled", name)
    second = entries()
    for name in ("agent_state", "list_operations", "pattern_counters", "pattern_session"):
        run(folder, "state-enabled", name)
    third = entries()
    assert {scope for scope, _ in third} == {scope for scope, _ in second}
    assert len(third) == len(second)
    assert sum(third.values()) < sum(second.values()) + 20


def test_the_migration_examples_leave_the_store_at_its_first_version(folder: Path) -> None:
    for name in ("state_migration", *MIGRATION_NAMES, "state_migration", *MIGRATION_NAMES):
        assert run(folder, "migration-enabled", name).returncode == 0
        with llmspell.open(folder / "state") as store:
            assert store.schema_version() in ("1.0.0", None)


def test_the_migration_examples_work_on_a_store_that_was_left_at_the_latest_version(folder: Path) -> None:
    config = ("-c", "examples/configs/migration-enabled.toml")
    assert call(folder, LLMSPELL, *config, "state", "save", "app", "theme", '"dark"').returncode == 0
    for name in ("state_migration", *MIGRATION_NAMES):
        assert call(folder, LLMSPELL, *config, "migrate", "up").returncode == 0
        assert run(folder, "migration-enabled", name).returncode == 0


def test_records_that_were_upgraded_by_hand_are_no_concern_of_the_migrations(folder: Path) -> None:
    assert run(folder, "state-enabled", "state_migration").returncode == 0
    done = run(folder, "migration-enabled", "state_migration")
    assert (done.returncode, done.stdout) == (0, golden("state_migration.migration-enabled", "first", done.stdout))


def test_the_example_migrations_pass_their_check(folder: Path) -> None:
    done = call(folder, LLMSPELL, "-c", "examples/configs/migration-enabled.toml", "migrate", "check")
    assert (done.returncode, done.stderr) == (0, "")
    outcomes = {line.split("\t")[3] for line in done.stdout.splitlines() if not line.startswith("notice")}
    assert outcomes == {"ok"}


def test_a_migration_example_says_what_it_needs_when_there_are_no_migrations(folder: Path) -> None:
    for name in MIGRATION_NAMES:
        done = run(folder, "state-enabled", name)
        assert done.returncode == 1
        assert "migration_enabled = true" in done.stdout


def test_a_backup_example_says_what_it_needs_when_there_are_no_backups(folder: Path) -> None:
    for name in BACKUP_NAMES:
        done = run(folder, "state-enabled", name)
        assert done.returncode == 1
        assert "backup_enabled = true" in done.stdout


def test_the_backup_examples_work_one_after_the_other_and_leave_sound_backups(folder: Path) -> None:
    for name in (*BACKUP_NAMES, "test_state_api", *BACKUP_NAMES):
        done = run(folder, "backup-enabled", name)
        assert (done.returncode, done.stderr) == (0, "")
    with llmspell.open(config=folder / "examples/configs/backup-enabled.toml", path=folder / "state") as store:
        assert store.scopes() == [
            *("api_check", "clinic:patients", "clinic:visits", "ledger", "shop:orders", "shop:stock"),
        ]
    with llmspell.open(folder / "state", backup_path=folder / "backups") as store:
        backups = store.backups.list_backups()
        assert all(store.backups.validate_backup(one.id).is_valid for one in backups)
        assert len([one for one in backups if one.held]) == 1


def test_the_backup_examples_touch_nothing_of_others(folder: Path) -> None:
    with llmspell.open(folder / "state") as store:
        store.save("mine", "k", "v")
        store.save("cache", "k", "v")
        before = [store.entry(scope, "k") for scope in ("mine", "cache")]
    for name in (*BACKUP_NAMES, "test_state_api"):
        assert run(folder, "backup-enabled", name).returncode == 0
    with llmspell.open(folder / "state") as store:
        assert [store.entry(scope, "k") for scope in ("mine", "cache")] == before


def test_the_recovery_example_works_without_history(folder: Path) -> None:
    config = folder / "examples/configs/backup-enabled.toml"
    config.write_text(re.sub(r"(?m)^history_days.*$", "", config.read_text()))
    done = run(folder, "backup-enabled", "recovery_scenarios")
    assert (done.returncode, done.stderr) == (0, "")
    assert "There is no history here: history_days = 7" in done.stdout


def test_the_recovery_example_tells_which_backup_is_damaged(folder: Path) -> None:
    assert run(folder, "backup-enabled", "state_backup").returncode == 0
    damaged = sorted((folder / "backups").glob("*-full-*"))[0]
    (entries,) = damaged.glob("entries*")
    entries.write_bytes(entries.read_bytes()[:-1])
    done = run(folder, "backup-enabled", "recovery_scenarios")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"    {damaged.name} is damaged: " in done.stdout
    assert "  damaged: 0" not in done.stdout


def test_the_retention_example_tells_what_goes_and_why(folder: Path) -> None:
    config = folder / "examples/configs/backup-enabled.toml"
    config.write_text(config.read_text() + "backup_max_backups = 1\n")
    for _ in range(2):
        done = run(folder, "backup-enabled", "retention_policy")
        assert (done.returncode, done.stderr) == (0, "")
        assert re.search(r"stays  \S+-full-\S+  held: the auditor needs it", done.stdout)
    assert re.search(r"stays  \S+-incr-\S+  the newest backup", done.stdout)


def test_an_example_says_so_when_there_is_no_state(folder: Path) -> None:
    (folder / "off.toml").write_text("[state]\nenabled = false\n")
    done = call(folder, LLMSPELL, "-c", "off.toml", "run", f"{STATE}/test_state_api.lua")
    assert done.returncode == 1
    assert "[state] enabled = false" in done.stdout


@pytest.mark.parametrize("place", [STATE, MIGRATION, BACKUP])
def test_the_readme_names_every_script_and_no_other(place: str) -> None:
    assert sorted(named(place)) == sorted(script.stem for script in (ROOT / place).glob("*.lua"))


@pytest.mark.parametrize("place", [STATE, MIGRATION, BACKUP])
def test_the_readme_gives_a_command_that_works_for_every_script(place: str) -> None:
    commands = re.findall(rf"^llmspell -c (\S+) run {place}/(\w+)\.lua$", readme(place), re.MULTILINE)
    assert [name for _, name in commands] == named(place)
    assert {config for config, _ in commands} <= {f"examples/configs/{config}.toml" for config in CONFIGS}


@pytest.mark.parametrize(
    ("place", "pattern"), [*((f"examples/{one}", "pattern_*") for one in SUFFIXES), (TOGETHER, "*")]
)
def test_the_readme_of_the_other_languages_names_every_script_and_gives_its_command(place: str, pattern: str) -> None:
    scripts = {path.name for path in (ROOT / place).glob(pattern) if path.suffix in (".lua", ".js", ".py")}
    assert set(re.findall(r"^\| `(\w+\.(?:lua|js|py))` \|", readme(place), re.MULTILINE)) == scripts
    commands = re.findall(rf"^llmspell -c examples/configs/state-enabled.toml run {place}/(\S+)$", readme(place), re.M)
    assert sorted(commands) == sorted(scripts)
    for script in scripts:
        told = f"llmspell -c examples/configs/state-enabled.toml run {place}/{script}"
        source = (ROOT / place / script).read_text(encoding="utf-8")
        assert told in [line.removeprefix("--").removeprefix("//").strip() for line in source.splitlines()]


def named(place: str) -> list[str]:
    return re.findall(r"^\| `(\w+)\.lua` \|", readme(place), re.MULTILINE)


def readme(place: str) -> str:
    return (ROOT / place / "README.md").read_text(encoding="utf-8")


def test_every_script_tells_how_to_run_it() -> None:
    for name, place in FOLDERS.items():
        source = (ROOT / place / f"{name}.lua").read_text(encoding="utf-8")
        assert re.search(rf"^--   llmspell -c examples/configs/[\w-]+\.toml run {place}/{name}\.lua$", source, re.M)


def test_every_pattern_is_there_in_every_language() -> None:
    assert len(PATTERNS) == 5
    for language, suffix in SUFFIXES.items():
        assert sorted(path.stem for path in (ROOT / "examples" / language).glob(f"pattern_*.{suffix}")) == PATTERNS


def test_every_golden_file_belongs_to_a_script() -> None:
    stems = [stem(name, config) for name, config in CASES] + [f"{name}.{suffix}" for _, name, suffix in PATTERN_CASES]
    expected = {f"{stem}.{which}.txt" for stem in stems for which in ("first", "second")}
    assert {path.name for path in GOLDEN.iterdir()} == expected


def test_the_demo_succeeds_and_leaves_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "demo.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "It works: the second process found what the first one had saved" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_demo_fails_with_a_sentence_when_llmspell_is_not_installed(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    done = call(tmp_path, python, ROOT / "examples" / "demo.py")
    assert done.returncode == 1
    assert done.stderr.startswith("demo: there is no ")
    assert "Traceback" not in done.stderr

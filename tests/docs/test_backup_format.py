"""The page about the format of backups says what the code writes, and its example is a backup."""

import json
import re
from pathlib import Path

import pytest
from tests.clock import Clock

import llmspell
from llmspell.backups import lines, marks
from llmspell.backups.compression import SUFFIXES
from llmspell.backups.content import Part
from llmspell.backups.encryption import new_key, read_key
from llmspell.backups.local import _GONE, _LOCK, _NEW
from llmspell.backups.manifest import DETAILS, ENTRIES, FORMAT, FORMAT_VERSION, MAX_BYTES, NOTES, Details, parse
from llmspell.backups.marks import Hold, Marks
from llmspell.backups.origin import OWN_KINDS
from llmspell.backups.place import MANIFEST, MARKS
from llmspell.backups.reading import _note

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "backup-format.md").read_text()
FILES = dict(re.findall(r'^```json title="([^"]+)"\n(.*?)^```$', PAGE, re.DOTALL | re.MULTILINE))
FULL, INCREMENTAL = sorted({name.split("/")[1] for name in FILES if name.startswith("backups/")})
NOON = 1_795_348_800.0


def section(title: str) -> str:
    found = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


def tables(text: str) -> list[list[str]]:
    """The first column of each table, in order."""
    found = []
    for table in re.findall(r"^\| [^\n]*\n\|---[^\n]*\n((?:\|[^\n]*\n)+)", text, re.MULTILINE):
        found.append(re.findall(r"^\| `([^`]+)`", table, re.MULTILINE))
    return found


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The files of the page, where the page says that they are."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def remade(folder: Path, key: bool = False) -> list[Path]:
    """Make the backups of the example anew, by the code."""
    clock = Clock(NOON)
    config = folder / "llmspell.toml"
    options = ["[state]", f'path = "{folder}/made"', "backup_enabled = true", f'backup_path = "{folder}/places"']
    options.append('backup_compression = "none"')
    if key:
        (folder / "key.txt").write_text(new_key()[0])
        (folder / "key.txt").chmod(0o600)
        options.append(f'backup_encryption_key_file = "{folder}/key.txt"')
    config.write_text("\n".join(options))
    with llmspell.open(config=config, clock=clock) as store:
        store.save("users", "ada", {"name": "Ada", "plan": "free"})
        store.save("users", "bob", {"name": "Bob"})
        store.save("session", "s1", {"user": "ada"}, ttl=3600)
        full = store.backups.create_backup(description="the first one", hold="before the move").backup_id
        clock.advance(3600.5)
        store.save("users", "ada", {"name": "Ada", "plan": "team"})
        store.delete("users", "bob")
        incremental = store.backups.create_backup(True).backup_id
    return [folder / "places" / full, folder / "places" / incremental]


def test_the_example_is_a_sound_backup_and_restores(example: Path) -> None:
    with llmspell.open(example / "state", backup_path=example / "backups", clock=Clock(NOON + 3601)) as store:
        assert store.backups.problems() == {}
        for backup_id in (FULL, INCREMENTAL):
            found = store.backups.validate_backup(backup_id)
            assert (found.is_valid, found.errors, found.warnings) == (True, (), ())
        assert [one.held for one in store.backups.list_backups()] == [None, "before the move"]
        store.backups.restore_backup(INCREMENTAL)
        assert {scope: store.list_keys(scope) for scope in store.scopes()} == {"users": ["ada"]}


def test_the_example_is_what_the_code_writes_today(example: Path, tmp_path: Path) -> None:
    for made, backup_id in zip(remade(tmp_path), (FULL, INCREMENTAL), strict=True):
        shown = example / "backups" / backup_id
        assert (shown / "entries.jsonl").read_bytes() == (made / "entries.jsonl").read_bytes()
        ours, theirs = (json.loads((folder / "manifest.json").read_text()) for folder in (made, shown))
        chosen = ("id", "parent_id", "parent_checksum", "made_by", "checksum")  # by chance, or by the program's version
        assert list(ours) == list(theirs)
        assert {**ours, **dict.fromkeys(chosen)} == {**theirs, **dict.fromkeys(chosen)}


def test_every_field_of_a_manifest_is_in_the_table_in_its_order_and_no_other(tmp_path: Path) -> None:
    fields, details = tables(section("manifest.json"))
    made = json.loads((remade(tmp_path, key=True)[1] / "manifest.json").read_text())
    assert fields == list(made)
    assert tuple(details) == Details._fields
    about = re.search(r"\| `files` \|.*", PAGE)
    assert about
    for field in next(iter(made["files"].values())):
        assert f"`{field}`" in about[0]


def test_every_field_of_a_line_is_in_the_tables_in_its_order() -> None:
    assert [tuple(fields) for fields in tables(section("entries.jsonl"))] == [lines._ENTRY, lines._DELETION]
    assert f"`{lines._VALUE.decode()}`" in PAGE


def test_every_field_of_the_marks_is_in_the_table_and_the_example_is_read() -> None:
    assert tuple(tables(section("marks.json"))[0]) == (*Marks._fields, "checksum")
    text = FILES[f"backups/{FULL}/marks.json"]
    assert marks._parse(text.encode()).holds == (Hold("before the move"),)
    assert marks.text_of(marks._parse(text.encode())) == text.encode()


def test_every_file_is_named(tmp_path: Path) -> None:
    for name in (MANIFEST, MARKS, ENTRIES, NOTES, DETAILS):
        assert f"`{name}" in PAGE or f"    {name}" in PAGE
    leftovers = {f"{_NEW}ID", f"{_GONE}ID", _LOCK, f"{_NEW}{MARKS}"}
    assert set(tables(section("A place"))[0]) == leftovers


def test_every_compression_is_in_the_table_with_its_suffix() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:`([.\w]+)`)? ?\|", section("Compression"), re.MULTILINE)
    assert dict(rows) == SUFFIXES


def test_the_notes_of_the_example_are_read_and_those_that_are_made_are_in_the_table(tmp_path: Path) -> None:
    kinds = {_note(line.encode()).kind for line in FILES["backup-notes.jsonl"].splitlines()}
    assert kinds == {"complement 2.0.0", "migration"}
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "2.0.0_plan.toml").write_text(
        'from_version = "1.0.0"\nto_version = "2.0.0"\n[[transforms]]\ntype = "remove"\nfield = "plan"\n'
    )
    with llmspell.open(tmp_path / "state", migrations_path=tmp_path / "migrations") as store:
        store.save("users", "ada", {"plan": "free"})
        store.save("users", "bob", {})
        store.migrations.migrate("2.0.0", on_error="quarantine")
        with store.backend.snapshot() as reader:
            made = {kind.replace("2.0.0", "VERSION") for kind in reader.note_kinds()}
    table = set(re.findall(r"`([^`]+)`", "".join(re.findall(r"^\| (`.*?) \|", section("notes.jsonl"), re.MULTILINE))))
    assert {"migration", "complement VERSION", "quarantine", "quarantine number"} <= made
    assert made - set(OWN_KINDS) <= table


def test_the_encrypted_manifest_of_the_example_is_vouched_for_by_its_key(tmp_path: Path) -> None:
    secret = re.search(r'^secret = b"(\S+)"$', PAGE, re.MULTILINE)
    assert secret
    (tmp_path / "key.txt").write_text(secret[1])
    (tmp_path / "key.txt").chmod(0o600)
    manifest = parse(FILES["encrypted/manifest.json"].encode(), read_key(str(tmp_path / "key.txt")).authenticate)
    assert manifest.recipient == read_key(str(tmp_path / "key.txt")).recipient
    assert all(isinstance(part, Part) and part.name.endswith(".age") for part in manifest.parts)


def test_the_format_and_its_limits_are_named() -> None:
    assert f'`"{FORMAT}"`' in PAGE
    assert f"`format_version` is {FORMAT_VERSION}." in PAGE
    assert f"at most {MAX_BYTES:,} bytes" in PAGE

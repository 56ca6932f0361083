"""The example that restores a backup without llmspell prints what a restored store exports, or says why it cannot."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.clock import Clock

import llmspell
from llmspell.entry import JsonValue
from llmspell.transfer import export_entries

SCRIPT = Path(__file__).parents[2] / "examples" / "restore_without_llmspell.py"
ALONE = [sys.executable, "-I", "-S"]
"""Python without anything that was installed for it."""

STAND_INS = {
    "zstd": "import sys, zstandard\nzstandard.ZstdDecompressor().copy_stream(sys.stdin.buffer, sys.stdout.buffer)\n",
    "age": "import sys, pyrage\n"
    "words = [line.strip() for line in open(sys.argv[sys.argv.index('-i') + 1]) if line.startswith('AGE-')]\n"
    "identities = [pyrage.x25519.Identity.from_str(word) for word in words]\n"
    "try:\n"
    "    sys.stdout.buffer.write(pyrage.decrypt(sys.stdin.buffer.read(), identities))\n"
    "except pyrage.DecryptError as error:\n"
    "    sys.exit(f'age: error: {error}')\n",
}
"""What takes the place of a command that this machine does not have."""

VALUES: list[JsonValue] = [
    {"name": "Zoë", "text": 'quote " comma ,"value": and \\ \u2028 \x7f \x01', "emoji": "🜁"},
    [1, 1.0, -0.0, 1e300, 9007199254740993, None, True, [], {}],
    {"a": 1, "value": 2, "version": 3, "b": ',"value":'},
    "",
    0,
]


class Done(NamedTuple):
    code: int
    out: bytes
    err: str


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with the commands zstd and age; stand-ins where the machine has none."""
    folder = tmp_path_factory.mktemp("programs")
    for name, source in STAND_INS.items():
        if shutil.which(name) is None:
            (folder / f"{name}.py").write_text(source)
            (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "{folder}/{name}.py" "$@"\n')
            (folder / name).chmod(0o700)
    return f"{folder}:{os.environ['PATH']}"


def restore(path: str, *words: str | Path) -> Done:
    done = subprocess.run(
        [*ALONE, SCRIPT, *words], env={"PATH": path}, capture_output=True, timeout=60, check=False, cwd="/"
    )
    return Done(done.returncode, done.stdout, done.stderr.decode())


class Archives(NamedTuple):
    """A place with a full backup and three incremental ones, `ids` in their order, and what opens its store."""

    folder: Path
    ids: list[str]
    config: Path
    clock: Clock
    key: Path | None

    def restored(self, backup_id: str) -> bytes:
        """What a store exports in which the backup was restored, at the backup's moment; a copy of the place is used.

        The order of versions is another one in such a store, so none of them is given.
        """
        aside = self.folder.with_name(f"aside-{backup_id}")
        shutil.copytree(self.folder, aside)
        moment = json.loads((self.folder / backup_id / "manifest.json").read_text())["created_at"]
        clock = Clock(moment)
        with llmspell.open(
            self.folder.with_name(f"restored-{backup_id}"),
            backup_path=aside,
            backup_encryption_key_file=self.key,
            clock=clock,
        ) as store:
            store.backups.restore_backup(backup_id)
            return without_versions(b"".join(export_entries(store, clock=clock)))


def without_versions(lines: bytes) -> bytes:
    return re.sub(
        rb',"version":\d+(?=,"created_at":[^"]*,"updated_at":[^"]*,"expires_at":[^"]*}$)', b"", lines, flags=re.M
    )


def made(folder: Path, compression: str = "zstd", key: bool = False, scopes: str = "") -> Archives:
    """Make four backups of a store that is written to in between: changes, deletions, expiries."""
    clock = Clock(1_795_348_800.0)
    lines = ["[state]", f'path = "{folder}/state"', f'backup_path = "{folder}/backups"', "backup_enabled = true"]
    lines += [f'backup_compression = "{compression}"', f"backup_scopes = [{scopes}]"]
    key_file = folder / "key.txt" if key else None
    if key_file is not None:
        from llmspell.backups.encryption import new_key

        key_file.write_text(new_key()[0])
        key_file.chmod(0o600)
        lines.append(f'backup_encryption_key_file = "{key_file}"')
    config = folder / "llmspell.toml"
    config.write_text("\n".join(lines))
    ids = []
    with llmspell.open(config=config, clock=clock) as store:
        for number, value in enumerate(VALUES):
            store.save("wörds \"'\\", f"value {number} \U0001f701", value)
        for number in range(50):
            store.save(f"user:{number % 3}", f"key{number}", {"n": number})
        store.save("session", "short", 1, ttl=10)
        store.save("session", "long", 2, ttl=10_000)
        store.save("session", "renewed", 3, ttl=10)
        ids.append(store.backups.create_backup(description="the füll one").backup_id)
        clock.advance(5.25)
        store.delete("user:0", "key0")
        store.save("user:1", "key1", {"n": "changed"})
        store.save("session", "renewed", 4, ttl=100)
        ids.append(store.backups.create_backup(True).backup_id)
        clock.advance(20)
        store.save("user:0", "key0", "back again")
        store.clear("user:2")
        ids.append(store.backups.create_backup(True).backup_id)
        clock.advance(500.5)
        store.delete("user:0", "key0")
        store.save("late", "last", [])
        ids.append(store.backups.create_backup(True).backup_id)
    return Archives(folder / "backups", ids, config, clock, key_file)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    """Archives that no test changes."""
    return made(tmp_path_factory.mktemp("plain"))


def test_the_script_has_no_llmspell_to_lean_on() -> None:
    done = subprocess.run([*ALONE, "-c", "import llmspell"], capture_output=True, check=False, cwd="/")
    assert b"ModuleNotFoundError" in done.stderr
    assert "llmspell" not in re.findall(r"^(?:import|from) (\w+)", SCRIPT.read_text(), re.MULTILINE)
    assert len(SCRIPT.read_text().splitlines()) <= 80


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
def test_every_backup_of_a_chain_gives_what_a_restored_store_exports(
    tmp_path: Path, path: str, compression: str
) -> None:
    archives = made(tmp_path, compression)
    for number, backup_id in enumerate(archives.ids):
        done = restore(path, archives.folder, backup_id)
        assert (done.code, done.err) == (0, "")
        assert without_versions(done.out) == archives.restored(backup_id)
        keys = [(entry["scope"], entry["key"]) for entry in map(json.loads, done.out.splitlines())]
        assert keys == sorted(keys)
        assert (("session", "short") in keys) == (number < 2)
        assert (("session", "renewed") in keys) == (number < 3)
        assert (("user:0", "key0") in keys) == (number in (0, 2))


def test_the_lines_are_those_of_the_store_at_that_moment_versions_included(tmp_path: Path, path: str) -> None:
    clock = Clock(1_795_348_800.125)
    with llmspell.open(tmp_path / "state", backup_path=tmp_path / "backups", clock=clock) as store:
        for number, value in enumerate(VALUES):
            store.save("a", f"k{number}", value, ttl=number * 100 + 0.5)
        exported = b"".join(export_entries(store, clock=clock))
        backup_id = store.backups.create_backup().backup_id
    assert restore(path, tmp_path / "backups", backup_id).out == exported


def test_what_is_printed_can_be_imported(plain: Archives, path: str, tmp_path: Path) -> None:
    from llmspell.transfer import import_entries

    printed = restore(path, plain.folder, plain.ids[-1]).out
    with llmspell.open(tmp_path / "state", clock=plain.clock) as store:
        import_entries(store, printed.splitlines(), clock=plain.clock)
        assert without_versions(b"".join(export_entries(store, clock=plain.clock))) == without_versions(printed)


def test_a_backup_of_some_scopes_gives_those(tmp_path: Path, path: str) -> None:
    archives = made(tmp_path, scopes='"user:*"')
    for backup_id in archives.ids:
        done = restore(path, archives.folder, backup_id)
        assert without_versions(done.out) == archives.restored(backup_id)
        assert {json.loads(line)["scope"][:5] for line in done.out.splitlines()} == {"user:"}


def test_an_empty_store_gives_nothing(tmp_path: Path, path: str) -> None:
    with llmspell.open(tmp_path / "state", backup_path=tmp_path / "backups") as store:
        backup_id = store.backups.create_backup().backup_id
    assert restore(path, tmp_path / "backups", backup_id) == (0, b"", "")


def test_notes_of_migrations_are_checked_and_left_out(tmp_path: Path, path: str) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "2.0.0_plan.toml").write_text(
        'from_version = "1.0.0"\nto_version = "2.0.0"\n[[transforms]]\ntype = "remove"\nfield = "plan"\n'
    )
    with llmspell.open(
        tmp_path / "state", migrations_path=tmp_path / "migrations", backup_path=tmp_path / "backups"
    ) as store:
        store.save("users", "ada", {"plan": "free"})
        store.migrations.migrate("2.0.0")
        backup_id = store.backups.create_backup().backup_id
    notes = tmp_path / "backups" / backup_id / "notes.jsonl.zst"
    done = restore(path, tmp_path / "backups", backup_id)
    assert [json.loads(line)["value"] for line in done.out.splitlines()] == [{}]
    flip(notes, 20)
    assert "notes.jsonl.zst is damaged" in restore(path, tmp_path / "backups", backup_id).err


def test_an_encrypted_chain_gives_the_same_with_its_key(tmp_path: Path, path: str) -> None:
    archives = made(tmp_path, key=True)
    assert archives.key
    for backup_id in archives.ids:
        done = restore(path, archives.folder, backup_id, archives.key)
        assert (done.code, done.err) == (0, "")
        assert without_versions(done.out) == archives.restored(backup_id)


def test_an_encrypted_backup_without_its_key_is_refused(tmp_path: Path, path: str) -> None:
    from llmspell.backups.encryption import new_key

    archives = made(tmp_path, key=True)
    refused(restore(path, archives.folder, archives.ids[0]), "is encrypted")
    other = tmp_path / "other.txt"
    other.write_text(new_key()[0])
    refused(restore(path, archives.folder, archives.ids[0], other), "age failed")


@pytest.mark.parametrize("key", [False, True])
def test_a_flipped_byte_in_any_file_of_the_chain_is_found_wherever_it_is(tmp_path: Path, path: str, key: bool) -> None:
    archives = made(tmp_path, key=key)
    words: list[str | Path] = [archives.ids[2], *([archives.key] if archives.key else [])]
    for backup_id in archives.ids[:3]:
        for file in sorted((archives.folder / backup_id).iterdir()):
            if file.name == "marks.json":  # which says nothing of the content
                continue
            whole = file.read_bytes()
            for place in (len(whole) // 2,) if key else (0, len(whole) // 2, len(whole) - 1):
                flip(file, place)
                refused(restore(path, archives.folder, *words), f"{backup_id}/{file.name}")
                file.write_bytes(whole)
    assert restore(path, archives.folder, *words).code == 0


def test_a_file_that_was_cut_short_or_is_missing_is_found(tmp_path: Path, path: str) -> None:
    archives = made(tmp_path)
    file = archives.folder / archives.ids[0] / "entries.jsonl.zst"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    refused(restore(path, archives.folder, archives.ids[3]), "is damaged")
    file.unlink()
    refused(restore(path, archives.folder, archives.ids[3]), "entries.jsonl.zst")


def test_a_missing_parent_is_found_and_what_stands_below_can_still_be_restored(tmp_path: Path, path: str) -> None:
    archives = made(tmp_path)
    shutil.rmtree(archives.folder / archives.ids[1])
    refused(restore(path, archives.folder, archives.ids[2]), archives.ids[1])
    assert restore(path, archives.folder, archives.ids[0]).code == 0


def test_another_backup_under_the_name_of_the_parent_is_found(tmp_path: Path, path: str) -> None:
    archives = made(tmp_path)
    parent, other = archives.folder / archives.ids[0], archives.folder / archives.ids[1]
    shutil.rmtree(parent)
    shutil.copytree(other, parent)
    refused(restore(path, archives.folder, archives.ids[1]), "another backup")


def test_a_parent_that_was_written_anew_is_found(tmp_path: Path, path: str) -> None:
    archives = made(tmp_path)
    forge(archives.folder / archives.ids[0], "the füll one", "another one")
    assert restore(path, archives.folder, archives.ids[0]).code == 0
    refused(restore(path, archives.folder, archives.ids[1]), "another one than it was")


def test_a_newer_format_is_refused(tmp_path: Path, path: str) -> None:
    archives = made(tmp_path)
    forge(archives.folder / archives.ids[0], '"format_version": 1', '"format_version": 2')
    refused(restore(path, archives.folder, archives.ids[0]), "newer format")


@pytest.mark.parametrize("field", ["total_entries", "version_sum"])
def test_a_state_that_is_not_the_one_that_was_backed_up_is_found(tmp_path: Path, path: str, field: str) -> None:
    archives = made(tmp_path)
    forge(archives.folder / archives.ids[3], f'"{field}": ', f'"{field}": 1')
    refused(restore(path, archives.folder, archives.ids[3]), "the chain is not complete")


def test_what_cannot_be_found_is_a_sentence(plain: Archives, path: str, tmp_path: Path) -> None:
    refused(restore(path, plain.folder, "20200101T000000Z-full-aaaaaa"), "20200101T000000Z-full-aaaaaa")
    refused(restore(path, tmp_path / "nothing", plain.ids[0]), "nothing")
    refused(restore(str(tmp_path), plain.folder, plain.ids[0]), "zstd")
    usage = restore(path, plain.folder)
    assert (usage.code, usage.out) == (1, b"")
    assert usage.err.startswith("usage: python restore_without_llmspell.py BACKUPS_FOLDER ID")


def test_nothing_is_changed(plain: Archives, path: str) -> None:
    def seen() -> list[tuple[str, int, int]]:
        files = [file for file in plain.folder.rglob("*") if stat.S_ISREG(file.stat().st_mode)]
        return sorted((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files)

    before = seen()
    assert restore(path, plain.folder, plain.ids[3]).code == 0
    assert seen() == before


def forge(folder: Path, was: str, now: str) -> None:
    """Write a manifest anew, with a checksum that fits."""
    manifest = folder / "manifest.json"
    assert was in manifest.read_text()
    body = manifest.read_text().replace(was, now).rpartition(',\n  "checksum"')[0]
    checksum = sha256(f"{body}\n}}\n".encode()).hexdigest()
    manifest.write_text(f'{body},\n  "checksum": "{checksum}"\n}}\n')


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def refused(done: Done, reason: str) -> None:
    """One sentence on standard error, and nothing on standard output."""
    assert (done.code, done.out) == (1, b""), done
    assert done.err.startswith("nothing was restored: "), done.err
    assert done.err.count("\n") == 1, done.err
    assert reason in done.err, done.err

"""A program that works on backups, each time in a process of its own that may be killed; and stores for it.

It reads an order a line, as JSON, and answers each with a line, as the program in `migrating.py` does: `work` names a
function here.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from llmspell import Store, fail_points
from llmspell.batch import Note
from llmspell.config import StateSettings
from llmspell.opening import open_settings
from tests.crash.migrating import Migrators

NOW = 1_900_000_000.0
"""When everything here happens, unless a test says otherwise."""

Contents = list[tuple[Any, ...]]


@contextmanager
def fast_room() -> Iterator[Path]:
    """Give an empty folder on a disk in memory where there is one: what is killed does not see the difference."""
    memory = "/dev/shm"
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def opened(root: str | Path, limit: int | None = None, **others: Any) -> Store:
    """Open the store in `root` with the place beside it, at a moment that stands still."""
    settings = StateSettings(
        path=f"{root}/state",
        durability="normal",
        backup_enabled=True,
        backup_path=f"{root}/backups",
        backup_max_backups=limit,
        backup_encryption_key_file=f"{root}/key" if os.path.exists(f"{root}/key") else None,
    )
    return open_settings(settings._replace(**others), clock=lambda: NOW)


def contents(store: Store) -> Contents:
    """Give everything that a backup keeps: schema version, entries with their times, and notes."""
    with store.backend.snapshot() as reader:
        found: Contents = [(reader.schema_version(),)]
        entries = [(entry[:2], *entry[3:]) for entry in reader.written(0, NOW) if entry[6] is not None]
        found += sorted(entries)
        for kind in reader.note_kinds():
            if kind != "backup":
                found += [(kind, *note) for note in reader.notes(kind)]
    return found


def restored(place: str | Path, backup_id: str, **others: Any) -> Contents:
    """Restore a backup into a new store in memory; give what is in that."""
    settings = StateSettings(backend="memory", backup_enabled=True, backup_path=str(place))
    with open_settings(settings._replace(**others), clock=lambda: NOW) as store:
        store.backups.restore_backup(backup_id)
        return contents(store)


def leftovers(place: str | Path) -> list[str]:
    """Give the files and folders that are half made or half gone."""
    return [str(path) for path in Path(place).rglob("*") if path.name.startswith((".new-", ".gone-"))]


def write_key(root: Path) -> None:
    """Let the backups beside the store be encrypted."""
    from llmspell.backups.encryption import new_key

    key = root / "key"
    key.write_text(new_key()[0])
    key.chmod(0o600)


def fill(store: Store, first: int, until: int) -> None:
    """Save entries, with values that hardly pack; delete some, and leave a note beside them."""
    with store.transaction() as state:
        for number in range(first, until):
            state.save(f"scope {number % 3}", f"{number:04}", {"number": number, "text": os.urandom(20).hex()})
        state.save("scope 0", "counter", until)
        state.delete("scope 1", f"{first // 3 * 3 + 1:04}")
    note = Note("test", f"note {first}", os.urandom(20).hex().encode())
    store.backend.revise(NOW, lambda revision: revision.apply((note,)))


class World:
    """A store in `root / "state"` and four backups of it: a full one, an incremental one, and the same again."""

    def __init__(self, root: Path, *, encrypted: bool = False, **others: Any) -> None:
        self.root = root
        root.mkdir(parents=True)
        if encrypted:
            write_key(root)
        self.ids: list[str] = []
        self.states: dict[str, Contents] = {}
        with opened(root, **others) as store:
            for number in range(4):
                fill(store, number * 20, number * 20 + 30)
                made = store.backups.create_backup(number % 2 == 1, description=f"number {number}")
                assert made.warnings == ()
                self.ids.append(made.backup_id)
                self.states[made.backup_id] = contents(store)
            fill(store, 90, 120)
            self.now = contents(store)

    def copy(self, root: Path) -> Path:
        """Copy it for a test, with the times of the files."""
        shutil.copytree(self.root, root)
        return root


# What the processes do


def create(root: str, incremental: bool = True, limit: int | None = None) -> str:
    """Make a backup; give its id."""
    with opened(root, limit) as store:
        return store.backups.create_backup(incremental, hold="held").backup_id


def restore(root: str, backup_id: str, **how: Any) -> int:
    """Restore a backup; give how many entries came back."""
    with opened(root) as store:
        return store.backups.restore_backup(backup_id, **how).entries_restored


def dry_run(root: str, backup_id: str) -> int:
    """Look what a restore would do; give how many entries would come back."""
    return restore(root, backup_id, dry_run=True)


def cleanup(root: str, limit: int) -> int:
    """Remove all but so many backups; give how many went."""
    with opened(root, limit) as store:
        return store.backups.cleanup_backups().deleted_count


def validate(root: str, backup_id: str) -> bool:
    """Validate a backup."""
    with opened(root) as store:
        return store.backups.validate_backup(backup_id).is_valid


def hold(root: str, backup_id: str) -> bool:
    """Hold a backup for another reason, then let the first go."""
    with opened(root) as store:
        store.backups.hold_backup(backup_id, "first")
        store.backups.hold_backup(backup_id, "second")
        return store.backups.release_backup(backup_id, "first")


def survive(root: str, work: str, *arguments: Any, limit: int | None = None) -> list[Any]:
    """Do it where it fails, and go on in the same process: a save, and a backup; give what came of both."""
    with opened(root, limit) as store, opened(root) as unlimited:
        failure, backups = None, store.backups
        calls: dict[str, Any] = {
            "create": lambda incremental: backups.create_backup(incremental),
            "restore": backups.restore_backup,
            "cleanup": backups.cleanup_backups,
            "validate": backups.validate_backup,
            "hold": lambda backup_id: backups.hold_backup(backup_id, "held"),
        }
        try:
            calls[work](*arguments)
        except BaseException as error:  # noqa: BLE001 - an interruption as well
            failure = type(error).__name__
        store.save("after", "key", "saved")
        return [failure, unlimited.backups.create_backup(True).backup_id, list(backups.problems())]


def survive_cleanup(root: str, limit: int) -> list[Any]:
    """Do the same where a cleanup of all but so many fails."""
    return survive(root, "cleanup", limit=limit)


def main() -> None:
    """Obey orders."""
    with TemporaryDirectory() as folder:  # imports what all work needs
        world = World(Path(folder) / "world")
        restore(str(world.root), world.ids[1])
        cleanup(str(world.root), 2)
        hold(str(world.root), world.ids[3])
        validate(str(world.root), world.ids[3])
    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        process = os.fork()
        if process == 0:
            _obey(order, writing)
        os.close(writing)
        if order["kill_after"] is not None:
            time.sleep(order["kill_after"])
            os.kill(process, signal.SIGKILL)  # nobody else can have its number before it was waited for
        _, status = os.waitpid(process, 0)
        with os.fdopen(reading, "rb") as answer:
            text = answer.read().decode()
        print(json.dumps([os.waitstatus_to_exitcode(status), json.loads(text) if text else None]), flush=True)


def _obey(order: dict[str, Any], writing: int) -> None:
    # Those who have the function by its name from before look at the module's own variables, which are set here.
    os.environ[fail_points.VARIABLE] = order["fail_point"]
    importlib.reload(fail_points)
    try:
        answer = globals()[order["work"]](*order["arguments"])
    except BaseException as error:  # noqa: BLE001 - told to the test
        answer = f"{type(error).__name__}: {error}"
    os.write(writing, json.dumps(answer).encode())
    os._exit(0)


class Makers(Migrators):
    """The program, as the tests hold it."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.backing"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


if __name__ == "__main__":
    main()

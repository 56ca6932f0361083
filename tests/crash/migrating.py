"""A program that starts migrations, each in a process of its own that may be killed; and stores for it.

It reads an order a line, as JSON: `work`, the name of a function here, with `arguments`, and the `fail_point` that
the process has, as the environment would give it. It forks (much faster than a new Python), kills the new process
after `kill_after` seconds if that is there, and at its end writes a line: how it ended (0, or minus the number of the
signal) and what it gave.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import apsw

import llmspell
from llmspell import JsonValue, Store, fail_points

NOW = 1_900_000_000.0
"""When migrations run here; before it, everything in the stores was written."""

MIGRATIONS = {
    "2.0.0_people.toml": """
from_version = "1.0.0"
to_version = "2.0.0"
scope = "people"
transforms = [
    { type = "remove", field = "secret" },
    { type = "computed", field = "count", expression = "count + 1" },
    { type = "rename", from = "name", to = "full_name" },
    { type = "rename_key", to = "moved {key}", condition = "count % 5 == 0" },
]
""",
    "2.5.0_orders.toml": """
from_version = "2.0.0"
to_version = "2.5.0"
scope = "orders"
transforms = [
    { type = "delete_entry", condition = "number % 3 == 0" },
    { type = "convert", field = "number", to = "string" },
    { type = "move_scope", to = "archive", condition = "number == '4'" },
]
""",
    "3.0.0_everything.toml": """
from_version = "2.5.0"
to_version = "3.0.0"
transforms = [{ type = "set", field = "shape", value = 3 }]
""",
}


class Dump(NamedTuple):
    """Everything that a store is."""

    store: list[tuple[Any, ...]]
    entries: list[tuple[Any, ...]]
    notes: list[tuple[Any, ...]]
    layout: int

    @property
    def schema_version(self) -> str:
        return str(self.store[0][0])

    def seen(self) -> list[tuple[Any, ...]]:
        """Give what a user sees of it: the schema version, places and values."""
        return [(self.schema_version,), *(row[:3] for row in self.entries if row[2] is not None)]


def write_migrations(folder: Path, files: dict[str, str] = MIGRATIONS) -> Path:
    """Make the folder with the migration files."""
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def fill(store: Store, people: int = 30, orders: int = 12) -> None:
    """Save entries of the first shape."""
    with store.transaction() as state:
        for number in range(people):
            value: JsonValue = {"secret": f"s{number}", "count": number, "name": f"person {number}"}
            state.save("people", f"{number:05}", value)
        for number in range(orders):
            state.save("orders", f"{number:05}", {"number": number})


def opened(folder: str | Path, migrations: str | Path) -> Store:
    """Open a store as all processes here do, at a moment that stands still."""
    return llmspell.open(folder, migrations_path=migrations, durability="normal", clock=lambda: NOW)


def dump(folder: Path) -> Dump:
    """Give every row that is in the files of a store, after a look at their soundness; it is opened for that."""
    with llmspell.open(folder) as store:
        assert list(store.backend.problems()) == []
        connection = apsw.Connection(str(folder / "state.db"), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            columns = "scope, key, value, version, created_at, updated_at, expires_at"
            has_notes = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'notes'").get
            return Dump(
                list(connection.execute("SELECT schema_version, version, forgotten_version, created_at FROM store")),
                list(connection.execute(f"SELECT {columns} FROM entries ORDER BY scope, key")),
                list(connection.execute("SELECT kind, name, value FROM notes ORDER BY kind, name"))
                if has_notes
                else [],
                int(str(connection.pragma("user_version"))),
            )
        finally:
            connection.close()


# What the processes do


def migrate(folder: str, migrations: str, target: str, dry_run: bool = False, on_error: str = "fail") -> str:
    """Migrate, once; give the status."""
    with opened(folder, migrations) as store:
        return store.migrations.migrate(target, dry_run=dry_run, on_error=on_error).status


def survive(folder: str, migrations: str, target: str) -> list[Any]:
    """Migrate where it fails, and go on in the same process: two saves, and the migration once more."""
    with opened(folder, migrations) as store:
        before = store.version()
        failure = None
        try:
            store.migrations.migrate(target)
        except BaseException as error:  # noqa: BLE001 - an interruption as well
            failure = type(error).__name__
        seen = [store.schema_version(), store.version() - before]
        saves = [store.save("after", "key", {"number": number}) - before for number in range(2)]
        return [failure, *seen, *saves, store.migrations.migrate(target).status]


def main() -> None:
    """Obey orders."""
    with TemporaryDirectory() as folder:  # imports what every migration needs
        migrations = write_migrations(Path(folder) / "migrations")
        with opened(Path(folder) / "state", migrations) as warm:
            fill(warm)
            for target in ("3.0.0", "1.0.0"):
                warm.migrations.migrate(target)
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
    os.environ[fail_points.VARIABLE] = order["fail_point"]
    importlib.reload(fail_points)
    try:
        answer = globals()[order["work"]](*order["arguments"])
    except BaseException as error:  # noqa: BLE001 - told to the test
        answer = f"{type(error).__name__}: {error}"
    os.write(writing, json.dumps(answer).encode())
    os._exit(0)


class Migrators:
    """The program, as the tests hold it."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.migrating"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, work: str, *arguments: object, fail_point: str = "", kill_after: float | None = None
    ) -> tuple[int, Any]:
        """Start the work and wait for its end; give how it ended, and what it gave."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        plain = [str(argument) if isinstance(argument, Path) else argument for argument in arguments]
        order = {"work": work, "arguments": plain, "fail_point": fail_point, "kill_after": kill_after}
        self._program.stdin.write(json.dumps(order) + "\n")
        self._program.stdin.flush()
        line = self._program.stdout.readline()
        assert line, "the program that starts migrations has ended"
        code, answer = json.loads(line)
        return code, answer

    def close(self) -> None:
        """End the program."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.close()
        assert self._program.wait() == 0
        self._program.stdout.close()


if __name__ == "__main__":
    main()

"""Nothing leaves a script while what it has saved or read could be lost: its calls to the system are listened to."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import llmspell
from tests.crash.backing import fast_room
from tests.crash.system_calls import Call, heard, leaks, listener, syncs_of_log

COMMAND = os.path.join(sysconfig.get_path("scripts"), "llmspell")

FILES_AND_PROGRAMS = "[runtime.security]\nallow_file_access = true\nallow_process_spawn = true\n"
QUICK_END = "[runtime]\nscript_timeout_seconds = 0.5\n"


class Listened(NamedTuple):
    """How a program ended, and what it did."""

    code: int
    out: bytes
    err: bytes
    calls: list[Call]


class Listener:
    """Runs the command in `folder`, where its store is `state`, and listens."""

    def __init__(self, folder: Path, library: Path, log: Path, compiled: Path) -> None:
        self.folder = folder
        self._log = log
        self._environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")} | {
            "LD_PRELOAD": str(library),
            "CALLS_LOG": str(log),
            "PYTHONPYCACHEPREFIX": str(compiled),
        }

    def __call__(
        self,
        *words: str,
        settings: str = "",
        stdin: bytes = b"",
        stdout: int = subprocess.PIPE,
        environment: dict[str, str] | None = None,
    ) -> Listened:
        """Run the command to its end, with this text as its configuration."""
        (self.folder / "llmspell.toml").write_text(settings)
        self._log.unlink(missing_ok=True)
        done = subprocess.run(
            [COMMAND, "--config", "llmspell.toml", *words],
            input=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self._environment | (environment or {}),
            timeout=60,
            check=False,
        )
        return Listened(done.returncode, done.stdout or b"", done.stderr, heard(self._log))

    def run(self, name: str, text: str, settings: str = "", **environment: str) -> Listened:
        """Run a script."""
        (self.folder / name).write_text(text)
        return self("run", name, settings=settings, stdin=b"a line\n", environment=environment)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return listener(tmp_path_factory.mktemp("listener"))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def listen(library: Path, compiled: Path) -> Iterator[Listener]:
    with fast_room() as room:
        (room / "work").mkdir()
        yield Listener(room / "work", library, room / "calls", compiled)


@pytest.fixture
def beside(listen: Listener) -> Iterator[llmspell.Store]:
    """A store that stays open beside the script, so that the script's end is not what brings the log to the disk."""
    with llmspell.open(listen.folder / "state", durability="normal") as store:
        store.save("notes", "first", "from beside")
        store.flush()
        yield store


# What leaves


class Case(NamedTuple):
    """A script, and what is seen of it. `settings` are the configuration; `leaves` is at least what is to be heard."""

    name: str
    text: str
    code: int = 0
    settings: str = ""
    leaves: tuple[str, ...] = ("write out",)


CASES = {
    "prints after each save": Case("a.lua", 'for i = 1, 20 do State.save("notes", "n", i) print(i) end'),
    "prints more than is held back": Case(
        "a.lua", 'for i = 1, 300 do State.save("notes", "n", i) print(i, string.rep("x", 100)) end'
    ),
    "hands on what it printed": Case(
        "a.lua", 'for i = 1, 5 do State.save("notes", "n", i) io.write(i) io.stdout:flush() end'
    ),
    "asks for input": Case("a.lua", 'State.save("notes", "n", 1) io.write("name? ") State.save("notes", io.read(), 2)'),
    "writes to standard error": Case(
        "a.lua", 'for i = 1, 5 do State.save("notes", "n", i) io.stderr:write("said\\n") end', leaves=("write err",)
    ),
    "warns": Case("a.lua", 'State.save("notes", "n", 1) warn("careful")', leaves=("write err",)),
    "fails": Case("a.lua", 'State.save("notes", "n", 1) error("broken")', 1, leaves=("write err",)),
    "ends itself": Case("a.lua", 'State.save("notes", "n", 1) os.exit(3)', 3, leaves=("exit ",)),
    "is silent": Case("a.lua", 'State.save("notes", "n", 1)', leaves=("exit ",)),
    "prints after a transaction": Case(
        "a.lua",
        'State.transaction(function() State.save("notes", "a", 1) State.save("notes", "b", 2) end) print("both")',
    ),
    "prints what it has read": Case("a.lua", 'print(State.load("notes", "first"))'),
    "tells by its end what it has read": Case(
        "a.lua", 'if State.exists("notes", "first") then os.exit(4) end', 4, leaves=("exit ",)
    ),
    "runs for too long": Case(
        "a.lua",
        'State.save("notes", "n", 1) print(1) while true do State.load("notes", "n") end',
        124,
        QUICK_END,
        ("write out", "write err"),
    ),
    "cannot be stopped": Case(
        "a.lua",
        'State.save("notes", "n", 1) print(1) while true do end',
        124,
        QUICK_END,
        ("write out", "write err"),
    ),
    "writes files": Case(
        "a.lua",
        """
        State.save("notes", "n", 1)
        local file = io.open("made", "w")
        State.save("notes", "n", 2)
        file:write("saved 2\\n")
        State.save("notes", "n", 3)
        file:setvbuf("no")
        file:write("saved 3\\n")
        file:close()
        State.save("notes", "n", 4)
        io.open("made", "w"):close()
        """,
        settings=FILES_AND_PROGRAMS,
        leaves=("make made", "write made", "cut made"),
    ),
    "removes files": Case(
        "a.lua",
        'State.save("notes", "n", 1) os.rename("a.lua", "b.lua") State.save("notes", "n", 2) os.remove("b.lua")',
        settings=FILES_AND_PROGRAMS,
        leaves=("rename b.lua", "remove b.lua"),
    ),
    "starts a program": Case(
        "a.lua", 'State.save("notes", "n", 1) os.execute("echo started")', 0, FILES_AND_PROGRAMS, ("start sh",)
    ),
    "prints after each save, in JavaScript": Case(
        "a.js", 'for (let i = 0; i < 20; i++) { State.save("notes", "n", i); console.log(i); }'
    ),
    "prints more than is held back, in JavaScript": Case(
        "a.js", 'for (let i = 0; i < 300; i++) { State.save("notes", "n", i); console.log(i, "x".repeat(100)); }'
    ),
    "writes to standard error, in JavaScript": Case(
        "a.js", 'State.save("notes", "n", 1); console.error("said"); console.log(2);', leaves=("write err", "write out")
    ),
    "fails, in JavaScript": Case(
        "a.js", 'State.save("notes", "n", 1); throw new Error("broken");', 1, leaves=("write err",)
    ),
    "ends itself, in JavaScript": Case("a.js", 'State.save("notes", "n", 1); exit(3);', 3, leaves=("exit ",)),
    "prints after a transaction, in JavaScript": Case(
        "a.js", 'State.transaction(() => { State.save("notes", "a", 1); }); console.log(State.load("notes", "first"));'
    ),
    "runs for too long, in JavaScript": Case(
        "a.js", 'State.save("notes", "n", 1); for (;;) {}', 124, QUICK_END, leaves=("write err",)
    ),
}


def left(calls: list[Call], folder: Path) -> set[str]:
    """Give what the script did, each said in two words, with the files of the folder by their names."""
    return {f"{call.kind} {call.path.removeprefix(f'{folder}/')}" for call in calls}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_whatever_leaves_a_script_leaves_after_what_it_saved_and_read(
    listen: Listener, beside: llmspell.Store, case: Case
) -> None:
    beside.save("notes", "first", "unsynced")
    done = listen.run(case.name, case.text, case.settings)
    assert done.code == case.code, done
    assert left(done.calls, listen.folder) >= set(case.leaves)
    assert leaks(done.calls, listen.folder, unsynced=True) == []


@pytest.mark.parametrize("settings", ["", '[state]\ndurability = "output"\n', '[state]\ndurability = "full"\n'])
def test_a_store_that_a_script_makes_is_on_the_disk_before_anybody_hears_of_it(listen: Listener, settings: str) -> None:
    for _ in ("a new store", "a new log"):
        done = listen.run("a.lua", 'for i = 1, 5 do State.save("notes", "n", i) print(i) end', settings)
        assert (done.code, done.out) == (0, b"1\n2\n3\n4\n5\n")
        assert any(call.kind == "make" and call.path.endswith("-wal") for call in done.calls)
        assert leaks(done.calls, listen.folder) == []


@pytest.mark.parametrize(
    "name", ["prints after each save", "prints what it has read", "ends itself", "writes files", "starts a program"]
)
def test_normal_durability_lets_out_what_could_be_lost(listen: Listener, beside: llmspell.Store, name: str) -> None:
    beside.save("notes", "first", "unsynced")
    case = CASES[name]
    done = listen.run(case.name, case.text, f'{case.settings}[state]\ndurability = "normal"\n')
    assert done.code == case.code
    assert leaks(done.calls, listen.folder, unsynced=True) != []
    assert syncs_of_log(done.calls) == 0


@pytest.mark.usefixtures("beside")
def test_a_script_on_the_command_line_lets_nothing_out_too_early(listen: Listener) -> None:
    done = listen("exec", 'for i = 1, 5 do State.save("notes", "n", i) io.stderr:write(i) print(i) end')
    assert (done.code, done.err) == (0, b"12345")
    assert leaks(done.calls, listen.folder) == []


@pytest.mark.parametrize("language", ["lua", "javascript"])
def test_a_conversation_lets_nothing_out_too_early(listen: Listener, beside: llmspell.Store, language: str) -> None:
    beside.save("notes", "first", "unsynced")
    talk = b'State.save("notes", "n", 1)\nprint("saved")\nState.load("notes", "first")\n.keys notes\nState.save(1)\n'
    done = listen("repl", "--language", language, stdin=talk + b'State.save("notes", "n", 2)\n')
    assert done.code == 1
    assert b"unsynced" in done.out
    assert {"write out", "write err"} <= left(done.calls, listen.folder)
    assert leaks(done.calls, listen.folder, unsynced=True) == []
    assert syncs_of_log(done.calls) >= 2


@pytest.mark.usefixtures("beside")
def test_output_into_a_file_waits_as_well(listen: Listener) -> None:
    with open(listen.folder / "printed", "wb") as printed:
        done = listen(
            "exec", 'for i = 1, 300 do State.save("notes", "n", i) print(i, ("x"):rep(50)) end', stdout=printed.fileno()
        )
    assert done.code == 0
    assert (listen.folder / "printed").read_bytes().count(b"\n") == 300
    assert leaks(done.calls, listen.folder) == []


@pytest.mark.usefixtures("beside")
def test_output_that_nothing_holds_back_waits_as_well(listen: Listener) -> None:
    done = listen.run("a.lua", 'for i = 1, 5 do State.save("notes", "n", i) io.write(i) end', PYTHONUNBUFFERED="1")
    assert done.out == b"12345"
    assert sum(call.path == "out" for call in done.calls) == 5
    assert leaks(done.calls, listen.folder) == []


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize(
    "words", [("run", "a.py"), ("state", "save", "notes", "n", "2"), ("repl", "--language", "python")]
)
def test_output_that_cannot_be_held_back_has_everything_synced_at_once(
    listen: Listener, words: tuple[str, ...]
) -> None:
    (listen.folder / "a.py").write_text('State.save("notes", "n", 2)\nprint(2, flush=True)\n')
    done = listen(*words, settings='[state]\ndurability = "output"\n', stdin=b'State.save("notes", "n", 2); print(2)\n')
    assert (done.code, done.err) == (0, b"")
    assert syncs_of_log(done.calls) >= 1
    assert leaks(done.calls, listen.folder) == []


def test_a_backup_is_seen_after_what_it_holds(listen: Listener, beside: llmspell.Store) -> None:
    beside.save("notes", "first", "unsynced")
    settings = '[state]\nbackup_enabled = true\nbackup_path = "./backups"\n'
    done = listen.run("a.lua", 'State.save("notes", "n", 1) State.create_backup()', settings)
    assert (done.code, done.err) == (0, b"")
    published = next(
        number
        for number, call in enumerate(done.calls)
        if call.kind == "rename" and call.path.startswith(f"{listen.folder}/backups/")
    )
    saved = max(number for number, call in enumerate(done.calls[:published]) if call.path.endswith("/state.db-wal"))
    assert done.calls[saved].kind == "sync"


# What it costs


@pytest.mark.usefixtures("beside")
def test_a_thousand_saves_and_one_print_cost_one_sync(listen: Listener) -> None:
    done = listen.run("a.lua", 'for i = 1, 1000 do State.save("notes", "n", i) end print("all")')
    assert done.out == b"all\n"
    assert leaks(done.calls, listen.folder) == []
    assert syncs_of_log(done.calls) == 1


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.lua", 'for i = 1, 300 do State.save("notes", "n", i) print("saved", i) end'),
        ("a.js", 'for (let i = 1; i <= 300; i++) { State.save("notes", "n", i); console.log("saved", i); }'),
    ],
)
def test_little_output_between_saves_costs_one_sync(listen: Listener, name: str, text: str) -> None:
    done = listen.run(name, text)
    assert done.out.count(b"\n") == 300
    assert syncs_of_log(done.calls) <= 2


@pytest.mark.usefixtures("beside")
def test_output_that_follows_no_save_costs_no_sync(listen: Listener) -> None:
    done = listen.run(
        "a.lua", 'State.save("notes", "n", 1) for i = 1, 50 do print(i) io.stdout:flush() io.stderr:write("e") end'
    )
    assert sum(call.path == "out" for call in done.calls) == 50
    assert syncs_of_log(done.calls) == 1


def test_reading_what_was_closed_costs_no_sync(listen: Listener) -> None:
    with llmspell.open(listen.folder / "state") as store:
        store.save("notes", "first", 1)
    done = listen.run("a.lua", 'for i = 1, 5 do print(State.load("notes", "first")) io.stdout:flush() end')
    assert done.out == b"1\n" * 5
    assert [call for call in done.calls if call.kind == "sync"] == []


# A disk that fails


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.lua", 'State.save("notes", "n", 1) print("saved")'),
        ("a.lua", 'State.save("notes", "n", 1) print("saved") io.stderr:write("saved")'),
        ("a.lua", 'State.save("notes", "n", 1) pcall(io.stdout.flush) print("saved") os.exit(0)'),
        ("a.lua", 'State.save("notes", "n", 1) error("saved")'),
        ("a.lua", 'State.save("notes", "n", 1) io.open("saved", "w"):write("saved")'),
        ("a.lua", 'State.save("notes", "n", 1) os.remove("a.lua")'),
        ("a.lua", 'State.save("notes", "n", 1) os.execute("echo saved > saved")'),
        ("a.lua", 'State.save("notes", "n", 1)'),
        ("a.js", 'State.save("notes", "n", 1); console.log("saved"); console.error("saved");'),
        ("a.js", 'State.save("notes", "n", 1); exit(0);'),
    ],
)
def test_a_disk_that_does_not_take_what_was_saved_ends_the_script_without_a_word_of_it(
    listen: Listener, name: str, text: str
) -> None:
    done = listen.run(name, text, FILES_AND_PROGRAMS, CALLS_FAIL="1")
    assert (done.code, done.out) == (5, b"")
    assert done.err.startswith(b'llmspell: what was saved in "./state" cannot be brought to the disk: Input/output err')
    assert done.err.count(b"\n") == 1
    assert sorted(os.listdir(listen.folder)) == sorted([name, "llmspell.toml", "state"])

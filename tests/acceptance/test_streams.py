"""Readers that go away, keyboards that interrupt, streams that are closed, full, or of another encoding."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Llmspell

COMMAND = os.path.join(sysconfig.get_path("scripts"), "llmspell")

MANY = "".join(f'{{"scope":"bulk","key":"{number:0100}","value":1}}\n' for number in range(3_000))
"""More than a pipe holds, in keys alone."""


@pytest.mark.parametrize(
    "words",
    [
        ("state", "export"),
        ("state", "export", "--json"),
        ("state", "list-keys", "bulk"),
        ("exec", "for i = 1, 1e9 do print(i) end"),
    ],
)
def test_a_reader_that_has_enough_ends_the_command_quietly(llmspell: Llmspell, words: tuple[str, ...]) -> None:
    llmspell("state", "import", stdin=MANY)
    process = llmspell.start(*words)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()
    with process:
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


def test_head_of_a_help_says_nothing_more(llmspell: Llmspell) -> None:
    for words in ("--help", "config show", "completion bash"):
        line = f"{COMMAND} {words} | head -n 1"
        done = subprocess.run(["bash", "-c", line], cwd=llmspell.folder, env=llmspell.environment, capture_output=True)
        assert done.stdout.count(b"\n") == 1
        assert done.stderr == b""


def interrupted(process: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def wait_until_asleep(pid: int) -> None:
    """Return when the process waits in the kernel: a signal just before that would not wake it."""
    in_a_row = 0
    while in_a_row < 10:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        in_a_row = in_a_row + 1 if state == "S" else 0
        time.sleep(0.01)


def test_ctrl_c_ends_a_script(llmspell: Llmspell) -> None:
    process = llmspell.start("exec", 'io.write("ready\\n") io.stdout:flush() while true do end')
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    wait_until_asleep(process.pid)
    assert interrupted(process) == (130, b"", b"llmspell: interrupted\n")


def test_ctrl_c_while_reading_a_value_saves_nothing(llmspell: Llmspell) -> None:
    os.mkfifo(llmspell.folder / "pipe")
    process = llmspell.start("state", "save", "a", "b", "@pipe")
    with open(llmspell.folder / "pipe", "wb") as writer:  # opens when the command has opened it, too
        writer.write(b"1")
        writer.flush()
        wait_until_asleep(process.pid)
        assert interrupted(process) == (130, b"", b"llmspell: interrupted\n")
    assert not (llmspell.folder / "state").exists()


def test_ctrl_c_in_an_import_imports_nothing(llmspell: Llmspell) -> None:
    os.mkfifo(llmspell.folder / "pipe")
    process = llmspell.start("state", "import", "pipe", "--json")
    with open(llmspell.folder / "pipe", "wb") as writer:
        writer.write(b'{"scope":"a","key":"b","value":1}\n')
        writer.flush()
        wait_until_asleep(process.pid)
        told = b'{"error":{"kind":"Interrupted","message":"interrupted"}}\n'
        assert interrupted(process) == (130, b"", told)
    assert not (llmspell.folder / "state").exists()


def test_ctrl_c_while_waiting_for_the_writers_turn_writes_nothing(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "a", "b", "1")
    with open(llmspell.folder / "state" / "state.lock", "rb") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        process = llmspell.start("state", "save", "a", "b", "2")
        wait_until_blocked(process.pid)
        code, out, err = interrupted(process)
    assert (code, out, err) == (130, b"", b"llmspell: interrupted\n")
    assert llmspell.ok("state", "load", "a", "b") == "1"


def wait_until_blocked(pid: int) -> None:
    for _ in range(1_000):
        if any(" -> FLOCK" in line and f" {pid} " in line for line in Path("/proc/locks").read_text().splitlines()):
            return
        time.sleep(0.01)
    raise AssertionError("the command never waited for the turn")


def test_a_result_that_cannot_be_written_is_told(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "a", "b", "1")
    full_disk = b"standard output cannot be written: No space left on device"
    for words, told in (
        (("state", "load", "a", "b"), full_disk + b"; the result is lost"),
        (("--help",), full_disk + b"; the result is lost"),
        (("exec", "print(1)"), b"exec: " + full_disk),
    ):
        with open("/dev/full", "wb") as full:
            process = llmspell.start(*words, stdout=full.fileno())
            _, err = process.communicate(timeout=60)
        assert process.returncode == 5, words
        assert err == b"llmspell: " + told + b"\n"


def test_closed_streams_disturb_nothing_but_their_own_use(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "a", "b", "1")

    def shell(line: str) -> tuple[int, bytes, bytes]:
        done = subprocess.run(
            ["bash", "-c", line, "bash", COMMAND],
            cwd=llmspell.folder,
            env=llmspell.environment,
            capture_output=True,
            timeout=60,
        )
        return done.returncode, done.stdout, done.stderr

    assert shell('"$1" state load a b <&- 2>&-') == (0, b"1\n", b"")
    assert shell('"$1" state load a none 2>&-') == (3, b"", b"")
    assert shell('"$1" state save a b 2 <&- >/dev/null 2>&-') == (0, b"", b"")
    code, _, err = shell('"$1" state load a b >&-')
    assert code == 5
    assert b"standard output cannot be written: Bad file descriptor" in err
    assert llmspell.ok("state", "check") == "no problems; values checked: 1"


def test_what_the_terminal_cannot_print_does_not_stop_the_command(llmspell: Llmspell) -> None:
    llmspell.ok("state", "save", "é", "€", '"😀"')
    for encoding in ("ascii", "ascii:strict", "latin-1:strict"):
        assert llmspell.ok("state", "load", "é", "€", PYTHONIOENCODING=encoding) == '"😀"'
        assert llmspell.ok("state", "list-keys", "é", PYTHONIOENCODING=encoding) == "€"
    result = llmspell("state", "load", "é", "none", PYTHONIOENCODING="ascii:strict")
    assert result.code == 3
    assert '"\\xe9"' in result.err

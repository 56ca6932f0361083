"""Python programs that tests run beside themselves: to be killed, to lose their rights, to be many."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534
PATIENCE_SECONDS = 120

_WITHOUT_RIGHTS = f"""
import llmspell, os
with llmspell.open(backend="memory") as warm:  # what is imported late could not be read any more
    warm.save("scope", "key", 1)
    warm.load("scope", "key")
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
"""


def run(program: str, *arguments: str) -> str:
    """Run the program to its end and give what it printed; an error of it is one of the test."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with the children that it may have forked
        out, err = process.communicate()
    assert process.returncode == 0, err
    return out


def run_without_rights(program: str, *arguments: str) -> str:
    """Run it as a user who may do nothing special, even when the tests may do everything."""
    return run(_WITHOUT_RIGHTS + program, *arguments)


@contextmanager
def folder_for_everybody() -> Iterator[Path]:
    """Give an empty folder that the user without rights may enter, write to, and own things in."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        mine = Path(folder) / "mine"
        mine.mkdir()
        if os.geteuid() == 0:
            os.chown(mine, NOBODY, NOBODY)
        yield mine

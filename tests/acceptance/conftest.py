"""The installed command, as a person runs it: a process in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path
from typing import NamedTuple

import pytest

COMMAND = os.path.join(sysconfig.get_path("scripts"), "llmspell")


class Result(NamedTuple):
    code: int
    out: str
    err: str


class Llmspell:
    """Calling it runs the command to its end; `start` only starts it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def __call__(self, *words: str | bytes, stdin: str | bytes = b"", **environment: str) -> Result:
        done = subprocess.run(
            [COMMAND, *words],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            cwd=self.folder,
            env=self.environment | environment,
            timeout=60,
            check=False,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def ok(self, *words: str | bytes, stdin: str | bytes = b"", **environment: str) -> str:
        """Run a command that must succeed without a word; give what it printed, without the line end."""
        result = self(*words, stdin=stdin, **environment)
        assert (result.code, result.err) == (0, ""), result
        return result.out.removesuffix("\n")

    def start(
        self,
        *words: str,
        stdin: int = subprocess.PIPE,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        **environment: str,
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [COMMAND, *words],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=self.folder,
            env=self.environment | environment,
        )

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment as a person has it, where Python keeps what it has compiled."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return kept | {"TERM": "xterm", "TZ": "UTC", "PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled"))}


@pytest.fixture
def llmspell(tmp_path: Path, environment: dict[str, str]) -> Llmspell:
    return Llmspell(tmp_path, environment)

"""Many processes that begin together: each runs one function of `tests.processes.work`, or of a module beside it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from llmspell.fail_points import VARIABLE

PATIENCE_SECONDS = 120

_PROGRAM = """
import importlib, json, sys, llmspell
with llmspell.open(backend="memory") as warm:  # imports what all need before they begin
    warm.save("scope", "key", 1)
    warm.load("scope", "key")
name, *arguments = json.loads(sys.argv[1])
module, _, function = name.rpartition(".")
work = getattr(importlib.import_module("tests.processes." + (module or "work")), function)
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(work(*arguments)), flush=True)
"""


class Member:
    """One process; it waits until it is told to begin. It may have a fail point."""

    def __init__(self, name: str, *arguments: object, fail_point: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, json.dumps([name, *arguments])],
            cwd=Path(__file__).parents[2],
            env={**os.environ, VARIABLE: fail_point},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def hear(self, line: str) -> None:
        """Wait for a line that it prints."""
        assert self.process.stdout is not None
        heard = self.process.stdout.readline()
        assert heard == f"{line}\n", heard + self.result_text()[1]

    def tell(self) -> None:
        """Give it a line: to begin, or to go on."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self) -> Any:
        """Wait for its end and give what its function returned."""
        out, err = self.result_text()
        assert self.process.returncode == 0, err
        return json.loads(out)

    def result_text(self) -> tuple[str, str]:
        try:
            return self.process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            return out, f"did not end\n{err}"


def begin(*members: Member) -> None:
    """Let all begin at once."""
    for member in members:
        member.hear("ready")
    for member in members:
        member.tell()


def run(count: int, name: str, *arguments: object) -> list[Any]:
    """Run the function in so many processes at once, each with its number as last argument."""
    members = [Member(name, *arguments, number) for number in range(count)]
    begin(*members)
    return [member.result() for member in members]

"""Many processes that begin together: each runs one function of `tests.processes.work`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 120

_PROGRAM = """
import json, sys, llmspell
from tests.processes import work
with llmspell.open(backend="memory") as warm:  # imports what all need before they begin
    warm.save("scope", "key", 1)
    warm.load("scope", "key")
name, *arguments = json.loads(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(getattr(work, name)(*arguments)), flush=True)
"""


class Member:
    """One process; it waits until it is told to begin."""

    def __init__(self, name: str, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, json.dumps([name, *arguments])],
            cwd=Path(__file__).parents[2],
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

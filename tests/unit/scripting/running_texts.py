"""How do the tests run a text of a script language? Beside them, or in a process of its own."""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from unittest.mock import patch

import llmspell
from llmspell.config import ScriptSettings
from llmspell.errors import LlmspellError, ScriptError
from llmspell.scripting import running
from llmspell.scripting.running import Script, execute_script

if TYPE_CHECKING:
    from typing import NoReturn

    import pytest

TEST_TIMEOUT_SECONDS = 60.0
ABANDONED = 99

FILES = {"lua": "t.lua", "javascript": "t.js"}
"""How a text is called when it is not told otherwise."""


class Texts:
    """Runs texts of one language against one store; calling it with a text gives what that prints."""

    language: ClassVar[str]

    def __init__(self, store: llmspell.Store | None, capture: pytest.CaptureFixture[bytes], folder: Path) -> None:
        self.store = store
        self.folder = folder
        self.exit_code = 0
        self.input = b""
        self._capture = capture

    def __call__(self, text: str | bytes, *arguments: str, name: str | None = None, **settings: Any) -> str:
        return self.raw(text, *arguments, name=name, **settings).decode()

    def raw(self, text: str | bytes, *arguments: str, name: str | None = None, **settings: Any) -> bytes:
        """Give standard output as it was written; what the script raises is raised."""
        source = text.encode() if isinstance(text, str) else text
        script = Script(source, name or FILES[self.language], str(self.folder), arguments)
        chosen = ScriptSettings(timeout_seconds=TEST_TIMEOUT_SECONDS)._replace(**settings)
        self._capture.readouterr()
        with (
            patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(self.input))),
            patch.object(running, "GRACE_SECONDS", TEST_TIMEOUT_SECONDS),  # however busy the machine is
        ):
            self.exit_code = execute_script(script, self.language, self.store, chosen, abandon=_fail)
        sys.stdout.flush()
        return self._capture.readouterr().out

    def error(self, text: str | bytes, **settings: Any) -> str:
        """Give the message of the `ScriptError` that the text ends with."""
        try:
            output = self(text, **settings)
        except ScriptError as error:
            return str(error)
        raise AssertionError(f"the script did not fail; it printed {output!r}")

    def module(self, path: str, text: str) -> None:
        """Put a module beside the script."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


class Finished(NamedTuple):
    """How a process ended."""

    code: int
    output: str
    error: str


def in_process(
    language: str,
    text: str,
    folder: Path,
    *,
    store: str | None = None,
    wait_seconds: float = TEST_TIMEOUT_SECONDS,
    **settings: Any,
) -> Finished:
    """Run a text in a process of its own, on the disk store in the folder `store` or on one in memory."""
    process = start_process(language, text, folder, store=store, **settings)
    try:
        output, error = process.communicate(timeout=wait_seconds)
    finally:
        process.kill()
        process.wait()
    return Finished(process.returncode, output.decode(), error.decode())


def start_process(
    language: str,
    text: str,
    folder: Path,
    *,
    store: str | None = None,
    stdin: int = subprocess.DEVNULL,
    stack_bytes: int | None = None,
    grace_seconds: float = running.GRACE_SECONDS,
    **settings: Any,
) -> subprocess.Popen[bytes]:
    """Start a text in a process of its own."""

    def limit_stack() -> None:
        if stack_bytes is not None:
            resource.setrlimit(resource.RLIMIT_STACK, (stack_bytes, resource.RLIM_INFINITY))

    (folder / FILES[language]).write_text(text)
    job = json.dumps(
        {"language": language, "folder": str(folder), "store": store, "grace": grace_seconds, "settings": settings}
    )
    return subprocess.Popen(
        [sys.executable, __file__, job],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=limit_stack,
        env={**os.environ, "PYTHONFAULTHANDLER": "1"},
    )


def _fail(error: BaseException) -> NoReturn:
    raise AssertionError(f"the script did not stop: {error}")


def _run_job(job: str) -> int:
    """Be the process: print what the script prints; say on standard error how it ended."""
    asked = json.loads(job)
    name = FILES[asked["language"]]
    folder = Path(asked["folder"])
    script = Script((folder / name).read_bytes(), name, str(folder))
    running.GRACE_SECONDS = asked["grace"]
    backend = "memory" if asked["store"] is None else "disk"

    def abandon(error: BaseException) -> NoReturn:
        sys.stderr.write(f"abandoned: {type(error).__name__}: {error}\n")
        sys.stderr.flush()
        os._exit(ABANDONED)

    with llmspell.open(asked["store"] or "unused", backend=backend) as store:
        try:
            code = execute_script(
                script, asked["language"], store, ScriptSettings(**asked["settings"]), abandon=abandon
            )
        except (LlmspellError, KeyboardInterrupt, BrokenPipeError) as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            return 1
    return code


if __name__ == "__main__":
    sys.exit(_run_job(sys.argv[1]))

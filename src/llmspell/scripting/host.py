"""What does a script reach of the machine it runs on? Output, input, the environment, modules beside it."""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from json import JSONDecoder, JSONEncoder

    from llmspell.scripting.run import Run

MAX_MODULE_BYTES = 10_000_000

_MODULE_NAME = re.compile(rb"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


class Host:
    """The functions behind a script's `print`, `os`, `io` and `require`. They never raise."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def functions(self) -> Mapping[str, Callable[..., object]]:
        """Give every function by its name."""
        return {
            "write": self._run.write,
            "write_error": self._run.write_error,
            "flush_output": self.flush_output,
            "read": self.read,
            "getenv": self.getenv,
            "exit": self._run.exit,
            "module_source": self.module_source,
            "stopping": self.stopping,
            "note_position": self._run.note_position,
            "exceed_instructions": self.exceed_instructions,
        }

    def stopping(self) -> bool:
        """Tell whether the script must end now."""
        return self._run.stop is not None

    def exceed_instructions(self) -> None:
        """Note that the instruction limit was reached."""
        limit = self._run.settings.max_instructions
        self._run.exceed(f"it took more than {limit:,} instructions", "[engines.lua] max_instructions")

    def flush_output(self) -> None:
        """Hand what was written on to whoever reads it."""
        try:
            sys.stdout.buffer.flush()
        except BrokenPipeError as error:
            self._run.stop = error

    def read(self, wanted: bytes | int) -> bytes | None:
        """Give a line ("l" without, "L" with its end), everything ("a"), or so many bytes; None at the end."""
        self.flush_output()
        source = sys.stdin.buffer
        if wanted == b"a":
            return source.read()
        if isinstance(wanted, int):
            return source.read(max(wanted, 0)) or (b"" if wanted == 0 else None)
        line = source.readline()
        if wanted == b"l" and line.endswith(b"\n"):
            return line[:-1]
        return line or None

    def getenv(self, name: bytes) -> bytes | None:
        """Give a variable of the environment, or None."""
        return None if b"\0" in name else os.environb.get(name)

    def module_source(self, name: bytes) -> tuple[bytes | None, bytes]:
        """Give the text and path of a module in the script's folder, or None and a reason.

        A name is words joined by dots; nothing outside the folder can be named, not through a link either.
        """
        if not _MODULE_NAME.fullmatch(name):
            return None, b"a module's name is made of letters, digits, - and _, with dots between folders"
        folder = os.path.realpath(self._run.script.folder)
        relative = os.path.join(*name.decode("ascii").split("."))
        tried = []
        for candidate in (f"{relative}.lua", os.path.join(relative, "init.lua")):
            path = os.path.realpath(os.path.join(folder, candidate))
            tried.append(candidate)
            if os.path.commonpath((folder, path)) != folder or not os.path.isfile(path):
                continue
            try:
                if os.path.getsize(path) > MAX_MODULE_BYTES:
                    return None, f"{candidate} is larger than {MAX_MODULE_BYTES:,} bytes".encode()
                with open(path, "rb") as file:
                    return file.read(), os.fsencode(os.path.join(self._run.script.folder, candidate))
            except OSError as error:
                return None, f"{candidate} cannot be read: {error.strerror}".encode()
        return None, f"there is no {' or '.join(tried)} in the script's folder".encode()


def quote(text: bytes) -> bytes | None:
    """Give the JSON string of a long text; None when it is no valid UTF-8."""
    try:
        return _json()[0].encode(text.decode()).encode()
    except UnicodeDecodeError:
        return None


def unquote(raw: bytes) -> bytes:
    """Give the text of what stands between the quotes of a JSON string."""
    text: str = _json()[1].raw_decode(f'"{raw.decode()}"')[0]
    return text.encode()


@cache
def _json() -> tuple[JSONEncoder, JSONDecoder]:
    """Import the standard codec when the first long text comes, not before."""
    from json import JSONDecoder, JSONEncoder

    return JSONEncoder(ensure_ascii=False), JSONDecoder()

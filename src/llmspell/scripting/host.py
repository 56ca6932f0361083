"""What does a script reach of the machine it runs on? Output, input, the environment, modules beside it."""

from __future__ import annotations

import os
import sys

from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import IO

    from llmspell.scripting.run import Run

MAX_MODULE_BYTES = 10_000_000
MAX_MODULE_NAME_BYTES = 255

_READ_BYTES = 65_536
"""Asked for at once: Python sets aside as much memory as it is asked to read."""

_LOOK_SECONDS = 0.1
"""How often a script that waits for a terminal looks whether it must stop."""

_MODULE_NAME_CHARACTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_MODULE_NAME_RULE = b"a module's name is made of letters, digits, - and _, with dots between folders, at most 255 bytes"


class Host:
    """The functions behind a script's `print`, `os`, `io` and `require`.

    What goes wrong outside (an output that is full, say) stops the run. `MemoryError` is raised for
    input that is larger than the script's memory may be. An isolated run finds an empty input and no variables;
    a script without a folder finds no modules.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self.sources = {os.fsencode(run.script.name): run.script.source}
        """The text of the script and of the modules it has loaded, by the names that errors call them."""
        self._line_begun = False
        """Whether the rest of a terminal's line may lie in the buffer of standard input, where no waiting sees it."""

    def functions(self) -> Mapping[str, Callable[..., object]]:
        """Give every function by its name."""
        return {
            "write": self._run.write,
            "write_error": self._run.write_error,
            "flush_output": self.flush_output,
            "settle": self._run.settle,
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
        self._run.write(b"", at_once=True)

    def read(self, wanted: bytes | int) -> bytes | None:
        """Give a line ("l" without, "L" with its end), everything ("a"), or so many bytes; None at the end."""
        self.flush_output()
        if self._run.isolated:
            return b"" if wanted in (b"a", 0) else None
        source, most = sys.stdin.buffer, self._run.settings.memory_limit_bytes or sys.maxsize
        try:
            if not self._line_begun and not self._has_input(source):
                return None
            self._line_begun = wanted not in (b"l", b"L")
            if wanted in (b"l", b"L"):
                text = source.readline(most)
            else:
                text = _read_up_to(source, min(max(wanted, 0), most) if isinstance(wanted, int) else most)
        except OSError as error:
            self._run.fail(f"standard input cannot be read: {error.strerror or error}")
            return None
        if len(text) == most:
            raise MemoryError
        if not text and wanted not in (b"a", 0):
            return None
        return text[:-1] if wanted == b"l" and text.endswith(b"\n") else text

    def _has_input(self, source: IO[bytes]) -> bool:
        """Wait until a terminal has a line (a read of it could not be stopped); False when the script was stopped."""
        if not source.isatty():
            return True
        import select

        while not self.stopping():
            if select.select([source.fileno()], [], [], _LOOK_SECONDS)[0]:
                return True
        return False

    def getenv(self, name: bytes) -> bytes | None:
        """Give a variable of the environment, or None."""
        return None if self._run.isolated or b"\0" in name else os.environb.get(name)

    def module_source(self, name: bytes) -> tuple[bytes | None, bytes]:
        """Give the text and path of a module in the script's folder, or None and a reason.

        A name is words joined by dots; nothing outside the folder can be named, not through a link either.
        """
        if len(name) > MAX_MODULE_NAME_BYTES or not _is_module_name(name):
            return None, _MODULE_NAME_RULE
        if not self._run.script.folder:
            return None, b"this script may load no modules"
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
                    source = file.read()
            except OSError as error:
                return None, f"{candidate} cannot be read: {error.strerror}".encode()
            name = os.fsencode(os.path.join(self._run.script.folder, candidate))
            self.sources[name] = source
            return source, name
        return None, f"there is no {' or '.join(tried)} in the script's folder".encode()


def _is_module_name(name: bytes) -> bool:
    return all(word and _MODULE_NAME_CHARACTERS.issuperset(word) for word in name.split(b"."))


def _read_up_to(source: IO[bytes], most_bytes: int) -> bytes:
    """Read so many bytes, or to the end."""
    parts, size = [], 0
    while size < most_bytes and (part := source.read(min(_READ_BYTES, most_bytes - size))):
        parts.append(part)
        size += len(part)
    return b"".join(parts)

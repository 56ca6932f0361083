"""Which file does a JavaScript `import` name? One below the script's folder, and nothing else."""

from __future__ import annotations

import os

from llmspell.errors import ScriptError
from llmspell.scripting.host import MAX_MODULE_BYTES

SUFFIXES = (".js", ".mjs")

LIBRARY = "<input>"
"""How the engine calls code that stands in no file: the library's own, and what a script gives to `eval`."""


class Modules:
    """The script and the modules beside it, by the names that errors call them.

    `sources` holds the text of each that was loaded.
    """

    def __init__(self, name: str, folder: str, source: bytes) -> None:
        self._main = name
        self._folder = folder
        self.sources = {name: without_mark(source)}

    def resolve(self, importer: str, specifier: str) -> str:
        """Name the module that `importer` means; raises `ScriptError` for one that is not there or not allowed."""
        if importer == LIBRARY and specifier == self._main:
            return self._main
        name, problem = self._find(importer, specifier)
        if problem is None:
            return name
        raise ScriptError(f'{self._place(importer, specifier)}cannot import "{specifier}": {problem}')

    def read(self, name: str) -> bytes:
        """Give the text of a module that `resolve` has named; raises `ScriptError`."""
        source = self.sources.get(name)
        if source is None:
            try:
                with open(name, "rb") as file:
                    source = without_mark(file.read(MAX_MODULE_BYTES + 1))
            except OSError as error:
                raise ScriptError(f'"{name}" cannot be read: {error.strerror}') from error
            if len(source) > MAX_MODULE_BYTES:
                raise ScriptError(f'"{name}" is larger than {MAX_MODULE_BYTES:,} bytes')
            self.sources[name] = source
        require_text(name, source)
        return source

    def _find(self, importer: str, specifier: str) -> tuple[str, str | None]:
        if not self._folder:
            return "", "this script may load no modules"
        if not specifier.startswith(("./", "../")):
            return "", f'only files beside the script can be imported; write "./{specifier.lstrip("/")}"'
        base = os.path.dirname(importer) if importer in self.sources and importer != self._main else self._folder
        name = os.path.normpath(os.path.join(base, specifier))
        if name == os.path.normpath(os.path.join(self._folder, os.path.basename(self._main))):
            return self._main, None
        folder, path = os.path.realpath(self._folder), os.path.realpath(name)
        if os.path.commonpath((folder, path)) != folder:
            return "", "it lies outside of the script's folder"
        if not name.endswith(SUFFIXES):
            there = next((suffix for suffix in SUFFIXES if os.path.isfile(name + suffix)), None)
            meant = f'; did you mean "{specifier}{there}"?' if there else ""
            return "", f"the name of a module ends in {' or '.join(SUFFIXES)}{meant}"
        if not os.path.isfile(path):
            return "", f'there is no file "{name}"'
        return name, None

    def _place(self, importer: str, specifier: str) -> str:
        """Give the file and line of the import, for the beginning of a sentence."""
        import re

        lines = self.sources.get(importer, b"").decode(errors="replace").splitlines()
        quoted = re.compile(rf"""(["'`]){re.escape(specifier)}\1""")
        number = next((number for number, line in enumerate(lines, 1) if quoted.search(line)), None)
        return f"{importer}:{number}: " if number else ""


def require_text(name: str, source: bytes) -> None:
    """Raise `ScriptError` for a source that is no UTF-8: the engine would read something else."""
    try:
        source.decode()
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        raise ScriptError(f"{name}:{line}: the text is not valid UTF-8; save the file as UTF-8") from None


def without_mark(source: bytes) -> bytes:
    """Leave out the mark that some editors put before UTF-8."""
    return source.removeprefix(b"\xef\xbb\xbf")

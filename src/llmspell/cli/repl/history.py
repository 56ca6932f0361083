"""Where are the inputs of earlier conversations? In a file of the person's own, one for each language."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from prompt_toolkit.history import FileHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def history_path(language: str) -> str:
    """Give the file, in the folder that the system sets aside for such things."""
    folder = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(folder):  # as the XDG specification asks
        folder = os.path.expanduser("~/.local/state")
    return os.path.join(folder, "llmspell", f"repl_history_{language}")


class History(FileHistory):
    """Whole inputs, as many lines as they have; what the prompt itself hands over, line by line, is not kept.

    The file is readable for its owner alone. When it cannot be read or written, `say` is told once, and inputs are
    kept until the end of the conversation.
    """

    def __init__(self, path: str, say: Callable[[str], None]) -> None:
        super().__init__(path)
        self._path = path
        self._say = say
        self._trouble = False

    def append_string(self, string: str) -> None:
        """Take a line from the prompt, and leave it."""

    def remember(self, text: str) -> None:
        """Keep an input, unless it is the one before again."""
        kept = self.get_strings()
        if text and (not kept or kept[-1] != text):
            super().append_string(text)

    def load_history_strings(self) -> Iterable[str]:
        """Give the inputs in the file, the newest first."""
        try:
            return super().load_history_strings()
        except OSError as error:
            self._tell("read", error)
            return []

    def store_string(self, string: str) -> None:
        """Add an input to the file."""
        if self._trouble:
            return
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            super().store_string(string)
        except OSError as error:
            self._tell("written", error)

    def _tell(self, what: str, error: OSError) -> None:
        if not self._trouble:
            self._trouble = True
            self._say(
                f'the history in "{self._path}" cannot be {what}: {error.strerror}; inputs are kept until the end only'
            )

"""How do the tests run a Lua text? Beside them, or in a process of its own."""

from __future__ import annotations

from functools import partial

from tests.unit.scripting import running_texts
from tests.unit.scripting.running_texts import ABANDONED, TEST_TIMEOUT_SECONDS, Finished, Texts

__all__ = ["ABANDONED", "TEST_TIMEOUT_SECONDS", "Finished", "Lua", "in_process", "shown", "start_process"]


class Lua(Texts):
    """Runs Lua texts against one store; `lua(text)` gives what they print."""

    language = "lua"


in_process = partial(running_texts.in_process, "lua")
start_process = partial(running_texts.start_process, "lua")


def shown(name: str) -> str:
    """Give a file's name as Lua shows it: of a long one only the end."""
    return name if len(name) < 60 else "..." + name[-56:]

"""How do the tests run a JavaScript text? Beside them, or in a process of its own."""

from __future__ import annotations

from functools import partial

from tests.unit.scripting import running_texts
from tests.unit.scripting.running_texts import ABANDONED, Finished, Texts

__all__ = ["ABANDONED", "Finished", "JavaScript", "in_process", "start_process"]


class JavaScript(Texts):
    """Runs JavaScript texts against one store; `javascript(text)` gives what they print."""

    language = "javascript"


in_process = partial(running_texts.in_process, "javascript")
start_process = partial(running_texts.start_process, "javascript")

"""How does a Python program run scripts that it does not trust? The languages are in here, and what a script may do.

>>> from llmspell.scripting import Limits, run_script
>>> run_script(None, "print('two and two') return 2 + 2", limits=Limits(seconds=2))
ScriptResult(result=4, output='two and two\\n')
"""

from __future__ import annotations

from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell.scripting.embedding import Limits, ScriptResult, run_script

__all__ = ["Limits", "ScriptResult", "run_script"]


def __getattr__(name: str) -> object:
    # Imported when one is asked for: the command passes through here at every start, and needs none of them.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from llmspell.scripting import embedding

    return getattr(embedding, name)

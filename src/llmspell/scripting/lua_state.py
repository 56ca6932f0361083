"""What is the table `State` of a Lua script? Built from the bindings; wrong uses of it get a hint."""

from __future__ import annotations

from llmspell.quick_typing import TYPE_CHECKING
from llmspell.scripting.lua_spelling import spell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from llmspell.scripting.bindings import Bindings
    from llmspell.scripting.host import Host
    from llmspell.scripting.lua_border import Border
    from llmspell.scripting.lua_sandbox import Sandbox
    from llmspell.scripting.run import Run

_LINE_END = r"\r\n|\n\r|\r|\n"
_LONGEST_NAME = 59
"""Lua shows of a longer name of a chunk only its end, behind three dots."""


def build_state(sandbox: Sandbox, border: Border, host: Host, bindings: Bindings) -> Any:
    """Give the table `State`; the sandbox must not be closed yet."""
    offered = bindings.functions()
    spelling = {name: _spelling(offered[name]) for name in ("save", "rewrite", "append")}
    functions = border.table({**offered, **spelling, "stopping": host.stopping})
    json, guard = sandbox.json(), sandbox.guard
    state, checks = sandbox.part("state")(
        *(functions, json.encode, json.draft, json.decode, json.mark_array, json.null),
        *(guard[b"raise_halt"], sandbox.true_pcall, guard[b"position"]),
    )
    guard[b"on_recover"](checks[b"forget_transaction"])
    if offered.keys() & {"create_backup", "history"}:
        sandbox.part("past")(state, checks, functions, json.decode, json.null)
    return state


def _spelling(function: Callable[..., object]) -> Callable[..., object]:
    """Wrap a function so that it takes a draft and its marks (or JSON text and None) for the text of a value.

    It gives False for a draft that cannot be spelt.
    """

    def call(scope: bytes, key: bytes, draft: bytes, marks: int | None, *others: object) -> object:
        text = draft if marks is None else spell(draft, marks)
        return False if text is None else function(scope, key, text, *others)

    return call


def hint(message: str, run: Run, sources: Mapping[bytes, bytes]) -> str:
    """Give what to add to an error that a wrong use of `State` has caused."""
    if "(global 'State')" in message and run.store is None:
        return f"; State does not exist because {run.without_state}"
    name = _absent_function(message, sources)
    if name is None or run.store is None:
        return ""
    from llmspell.scripting.hints import hint_about

    return hint_about(name, run.store)


def _absent_function(message: str, sources: Mapping[bytes, bytes]) -> str | None:
    """Give the name of what was called in `State` and is not there, when that is what the message is about."""
    import re

    for name, source in sources.items():
        shown = name if len(name) <= _LONGEST_NAME else b"..." + name[3 - _LONGEST_NAME :]
        where = re.escape(shown.decode(errors="backslashreplace"))
        found = re.search(rf"{where}:(\d+): attempt to call a nil value \(field '(\w+)'\)", message)
        if not found:
            continue
        lines = re.split(_LINE_END, source.decode(errors="replace"))
        number, field = int(found[1]), found[2]
        if number <= len(lines) and re.search(rf"\bState\s*\.\s*{field}\b", lines[number - 1]):
            return field
    return None

"""What could stand at the cursor? Functions of `State`, scopes and keys of the store, dot commands.

The questions are asked of the text before the cursor alone, by patterns: what is typed is no program yet. A
question must never raise, and never wait long: keys are asked for by prefix, a few at a time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from llmspell.cli.repl.dots import COMMANDS, split
from llmspell.errors import LlmspellError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell.store import Store

MOST_ANSWERS = 100

_FUNCTION = r"\bState\s*\.\s*(?P<begun>\w*)$"
_QUOTE = r"(?P<{0}quote>[\"'])(?P<{0}>(?:[^\"'\\\n]|\\.|(?!(?P={0}quote))[\"'])*)"
_CALL = r"\bState\s*\.\s*(?P<function>\w+)\s*\(\s*"
_FIRST = _CALL + _QUOTE.format("begun") + "$"
_SECOND = _CALL + _QUOTE.format("scope") + r"(?P=scopequote)\s*,\s*" + _QUOTE.format("begun") + "$"

_WITH_SCOPE = frozenset(
    (
        *("save", "load", "delete", "list_keys", "exists", "entry", "scopes", "clear", "increment", "append"),
        *("update", "touch", "history", "diff"),
    )
)
"""The functions whose first argument is a scope."""

_WITH_KEY = _WITH_SCOPE - {"list_keys", "scopes", "clear", "diff"}
"""Those whose second is a key."""

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MEANT = {"n": "\n", "r": "\r", "t": "\t"}


class Answer(NamedTuple):
    """What could be typed: `text` stands for the last `replaced` characters; `shown` is how a list shows it."""

    text: str
    replaced: int
    shown: str


def answers(before: str, functions: Sequence[str], store: Store | None) -> list[Answer]:
    """Give what could stand at the end of `before`, in the order of the store or of the alphabet.

    >>> [answer.text for answer in answers("x = State.lo", ["load", "save"], None)]
    ['load']
    """
    if re.match(r"\s*\.[a-z]*\b", before) or before.strip() == ".":
        return _dot_answers(before.lstrip(), store)
    if found := re.search(_FUNCTION, before):
        begun = found["begun"]
        return [Answer(name, len(begun), name) for name in sorted(functions) if name.startswith(begun)]
    if store is None:
        return []
    if (found := re.search(_SECOND, before)) and found["function"] in _WITH_KEY:
        scope = _meant(found["scope"])
        return _quoted(found, lambda prefix: store.list_keys(scope, prefix=prefix, limit=MOST_ANSWERS))
    if (found := re.search(_FIRST, before)) and found["function"] in _WITH_SCOPE:
        return _quoted(found, lambda prefix: store.scopes(prefix)[:MOST_ANSWERS])
    return []


def _dot_answers(before: str, store: Store | None) -> list[Answer]:
    command, blank, _ = before.partition(" ")
    if not blank:
        return [Answer(name, len(before), name) for name in sorted(COMMANDS) if name.startswith(before)]
    words = split(before)
    last = _last_word(before)
    if words is None:
        words = split(before + last[:1])  # its quote is still open
    elif not last:
        words.append("")
    if words is None or store is None:
        return []
    if command in (".scopes", ".keys") and len(words) == 2:
        names = _asked(lambda prefix: store.scopes(prefix)[:MOST_ANSWERS], words[-1])
    elif command == ".keys" and len(words) == 3:
        names = _asked(lambda prefix: store.list_keys(words[1], prefix=prefix, limit=MOST_ANSWERS), words[-1])
    else:
        return []
    from shlex import quote

    return [Answer(quote(name), len(last), name) for name in names if name.isprintable()]


def _last_word(before: str) -> str:
    """Give the last word as it was typed, with its quotes; nothing behind a blank.

    >>> _last_word(".keys 'my sco"), _last_word(".keys ")
    ("'my sco", '')
    """
    words = re.findall(r"(?:\\.|'[^']*'?|\"(?:\\.|[^\"\\])*\"?|[^\s'\"\\])+|\s+", before)
    return "" if words[-1].isspace() else words[-1]


def _quoted(found: re.Match[str], ask: Callable[[str], list[str]]) -> list[Answer]:
    """Give the names that begin as a quoted text does, spelt as they can stand between its quotes."""
    begun, quote = found["begun"], found["begunquote"]
    return [Answer(_spelt(name, quote), len(begun), name) for name in _asked(ask, _meant(begun))]


def _asked(ask: Callable[[str], list[str]], prefix: str) -> list[str]:
    try:
        return [name for name in ask(prefix) if all(one.isprintable() or one in "\n\r\t" for one in name)]
    except LlmspellError:  # the prompt is no place for errors; the call will tell them
        return []


def _spelt(name: str, quote: str) -> str:
    r"""Give a name as it stands between quotes, in every language the same.

    >>> _spelt("a\"b'c", '"')
    'a\\"b\'c'
    """
    return "".join("\\" + one if one == quote else _ESCAPES.get(one, one) for one in name)


def _meant(spelt: str) -> str:
    r"""Give what a text between quotes says; the end of a backslash alone is nothing yet.

    >>> _meant(r"a\"b\n")
    'a"b\n'
    """
    return re.sub(r"\\(.?)", lambda escape: _MEANT.get(escape[1], escape[1]), spelt)

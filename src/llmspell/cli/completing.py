"""What could the next word be? Answers for the shell: commands, options, scopes and keys that exist.

A question must never change anything and never print anything but answers, so every error is silence.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from llmspell.cli.parser import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmspell.cli.commands import Command
    from llmspell.store import Store

MOST_ANSWERS = 500


def complete(commands: dict[str, Command]) -> None:
    """Answer the shell's question in the environment and end the process; return when it asked nothing."""
    import argcomplete

    root, _ = build(commands, None)
    completers: dict[str, Callable[..., list[str]]] = {"scope": _scopes, "key": _keys, "after": _keys, "prefix": _keys}
    completers["language"] = _languages
    for parser in _parsers(root):
        for action in parser._actions:
            if action.dest in completers:
                setattr(action, "completer", completers[action.dest])  # noqa: B010 - no attribute that argparse knows
    argcomplete.autocomplete(root, always_complete_options="long")


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from _parsers(child)


def _scopes(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    return _ask(parsed_args, lambda store: store.scopes(prefix)[:MOST_ANSWERS])


def _keys(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    return _ask(parsed_args, lambda store: store.list_keys(parsed_args.scope, prefix=prefix, limit=MOST_ANSWERS))


def _languages(prefix: str, **_: object) -> list[str]:
    from llmspell.scripting.registry import LANGUAGES

    return [language for language in LANGUAGES if language.startswith(prefix)]


def _ask(arguments: argparse.Namespace, question: Callable[[Store], list[str]]) -> list[str]:
    try:
        return _answers(arguments, question)
    except Exception:  # noqa: BLE001 - a shell in the middle of a line is no place for errors
        return []


def _answers(arguments: argparse.Namespace, question: Callable[[Store], list[str]]) -> list[str]:
    from llmspell.config import load_settings
    from llmspell.opening import open_settings

    settings = load_settings(getattr(arguments, "config", None)).state
    if not settings.enabled or settings.backend != "disk":
        return []
    with open_settings(settings) as store:
        return [answer for answer in question(store) if answer.isprintable()]

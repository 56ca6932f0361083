"""How does a person try State out, line by line? repl."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from llmspell.cli.exit_codes import DONE, SCRIPT_FAILED, of_error
from llmspell.config import load_settings
from llmspell.opening import open_settings

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser
    from llmspell.cli.repl.prompt import Prompt
    from llmspell.config import Settings
    from llmspell.store import Store

_TITLES = {"lua": "Lua", "javascript": "JavaScript", "python": "Python"}
_BYTE_ORDER_MARK = "\ufeff"


def declare_repl(parser: Parser) -> None:
    """Add the arguments of `repl`."""
    parser.add_argument(
        "--language",
        metavar="LANGUAGE",
        help="lua, javascript or python; unless given, default_engine of the configuration",
    )
    parser.set_defaults(execute=_repl)


def _repl(arguments: Namespace, output: Output) -> int:
    from llmspell.scripting.registry import UNWATCHED

    settings = load_settings(arguments.config)
    language = arguments.language or settings.script.default_engine
    if not settings.state.enabled:
        return _converse(language, None, settings, output)
    # What Python prints goes straight to the standard output.
    with open_settings(settings.state, settings.script, holding=language not in UNWATCHED) as store:
        return _converse(language, store, settings, output)


def _converse(language: str, store: Store | None, settings: Settings, output: Output) -> int:
    """Hold the conversation; give 0, what a script has asked for, or 1 when an input failed that nobody typed."""
    from llmspell.cli.repl.loop import Loop
    from llmspell.cli.repl.screen import OutputScreen, TerminalStreams
    from llmspell.scripting.registry import open_session
    from llmspell.scripting.run import Run, Script

    streams = TerminalStreams(None if store is None else store.settle)
    session = open_session(language, Run(Script(b"", "repl", os.getcwd()), store, settings.script, streams))
    functions = _functions(language, store)
    loop = Loop(session, OutputScreen(output, streams), store, functions, language)
    try:
        if sys.stdin.isatty() and sys.stdout.isatty():
            output.say(_greeting(language, store, settings))
            output.say(".help tells more; Ctrl-D ends")
            loop.converse(_prompt(language, store, functions, output))
            return DONE.number
        loop.read(_lines())
        streams.finish()
        return SCRIPT_FAILED.number if loop.failed else DONE.number
    except SystemExit as end:
        streams.finish()
        return int(end.code or 0)
    except KeyboardInterrupt as interrupt:
        if str(interrupt):  # a script was left running, and may hold what the end of a process waits for
            output.complain(interrupt)
            os._exit(of_error(interrupt).number)
        raise
    finally:
        session.close()


def _greeting(language: str, store: Store | None, settings: Settings) -> str:
    title = _TITLES[language]
    if store is None:
        return f"{title}, without State: the configuration switches it off"
    if not store.capabilities.persistent:
        return f'{title}, on an empty store: the backend "{settings.state.backend}" keeps nothing after the end'
    return f'{title}, on the store in "{settings.state.path}"'


def _prompt(language: str, store: Store | None, functions: tuple[str, ...], output: Output) -> Prompt:
    from llmspell.cli.repl.completion import answers
    from llmspell.cli.repl.history import History, history_path
    from llmspell.cli.repl.prompt import Prompt

    return Prompt(
        language,
        History(history_path(language), output.say),
        lambda before: answers(before, functions, store),
        coloured=output.colours(sys.stdout),
    )


def _functions(language: str, store: Store | None) -> tuple[str, ...]:
    """Give the names that `State` has."""
    if store is None:
        return ()
    if language == "python":
        return tuple(name for name in dir(store) if not name.startswith("_"))
    from llmspell.scripting.hints import functions_of

    return functions_of(store)


def _lines() -> Iterator[str]:
    """Give the lines of standard input as they come, without their ends; a first one for the shell is left out.

    What a script reads from standard input it takes from here, so nothing is read ahead.
    """
    first = True
    while line := sys.stdin.buffer.readline():
        text = line.decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r")
        if first:
            text = text.removeprefix(_BYTE_ORDER_MARK)
        yield "" if first and text.startswith("#!") else text
        first = False

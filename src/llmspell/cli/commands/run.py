"""How does a script run from the command line? run, exec."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from llmspell.cli.exit_codes import of_error
from llmspell.cli.values import unreadable
from llmspell.config import load_settings
from llmspell.errors import InvalidArgument
from llmspell.opening import open_settings

if TYPE_CHECKING:
    from argparse import Namespace
    from typing import NoReturn

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser
    from llmspell.config import Settings
    from llmspell.scripting.run import Script


def declare_run(parser: Parser) -> None:
    """Add the arguments of `run`."""
    parser.add_argument("script", metavar="SCRIPT", help="the file; - reads the script from standard input")
    _declare_script_arguments(parser)
    parser.set_defaults(execute=_run)


def declare_exec(parser: Parser) -> None:
    """Add the arguments of `exec`."""
    parser.add_argument("script", metavar="CODE", help="the text of the script")
    _declare_script_arguments(parser)
    parser.set_defaults(execute=_exec)


def _declare_script_arguments(parser: Parser) -> None:
    # Only shown: what stands behind the script was taken away before, untouched.
    parser.add_argument("script_arguments", metavar="ARGS", nargs="*", help="what the script is given, options too")


def run_file(path: str, config: str | None, script_arguments: tuple[str, ...], output: Output) -> int:
    """Run the script in the file `path`, or on standard input for "-"; give its exit code."""
    from llmspell.scripting.registry import language_of
    from llmspell.scripting.run import Script

    settings = load_settings(config)
    if path == "-":
        script = Script(sys.stdin.buffer.read(), "stdin", os.getcwd(), script_arguments)
        return _execute(script, settings.script.default_engine, settings, output)
    language = language_of(path, settings.script.default_engine)
    script = Script(_source(path), path, os.path.dirname(path) or ".", script_arguments)
    return _execute(script, language, settings, output)


def run_code(code: str, config: str | None, script_arguments: tuple[str, ...], output: Output) -> int:
    """Run a script that stands on the command line; give its exit code."""
    from llmspell.scripting.run import Script

    settings = load_settings(config)
    script = Script(os.fsencode(code), "exec", os.getcwd(), script_arguments)
    return _execute(script, settings.script.default_engine, settings, output)


START = {"run": run_file, "exec": run_code}
"""What starts the script of each command."""


def _run(arguments: Namespace, output: Output) -> int:
    return run_file(arguments.script, arguments.config, arguments.script_arguments, output)


def _exec(arguments: Namespace, output: Output) -> int:
    return run_code(arguments.script, arguments.config, arguments.script_arguments, output)


def _source(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"the script cannot be run: {unreadable(path, error)}") from error


def _execute(script: Script, language: str, settings: Settings, output: Output) -> int:
    from llmspell.scripting.running import execute_script

    def abandon(error: BaseException) -> NoReturn:
        """End the process under a script that cannot be stopped."""
        output.complain(error)
        os._exit(of_error(error).number)

    if not settings.state.enabled:
        return execute_script(script, language, None, settings.script, abandon=abandon)
    with open_settings(settings.state, settings.script) as store:
        return execute_script(script, language, store, settings.script, abandon=abandon)

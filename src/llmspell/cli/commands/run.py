"""How does a script run from the command line? run, exec."""

from __future__ import annotations

import gc
import os
import sys

from llmspell.cli.exit_codes import INTERRUPTED, SCRIPT_FAILED, of_error
from llmspell.config import load_settings
from llmspell.errors import InvalidArgument, ScriptError
from llmspell.opening import open_settings
from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace
    from typing import NoReturn

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser
    from llmspell.config import Settings
    from llmspell.scripting.run import Script
    from llmspell.store import Store


def declare_run(parser: Parser) -> None:
    """Add the arguments of `run`."""
    parser.add_argument("script", metavar="SCRIPT", help="the file; - reads the script from standard input")
    _declare_script_arguments(parser, "what the file name tells, or else default_engine")
    parser.set_defaults(execute=_run)


def declare_exec(parser: Parser) -> None:
    """Add the arguments of `exec`."""
    parser.add_argument("script", metavar="CODE", help="the text of the script")
    _declare_script_arguments(parser, "default_engine of the configuration")
    parser.set_defaults(execute=_exec)


def _declare_script_arguments(parser: Parser, default: str) -> None:
    parser.add_argument("--language", metavar="LANGUAGE", help=f"lua, javascript or python; unless given, {default}")
    # Only shown: what stands behind the script was taken away before, untouched. The default says that it may be none.
    parser.add_argument(
        "script_arguments", metavar="ARGS", nargs="*", default=[], help="what the script is given, options too"
    )


def run_file(
    path: str, config: str | None, language: str | None, script_arguments: tuple[str, ...], output: Output
) -> int:
    """Run the script in the file `path`, or on standard input for "-"; give its exit code.

    Without a `language` the suffix of the file tells it, and where there is none the configuration does.
    """
    from llmspell.scripting.registry import language_of
    from llmspell.scripting.run import Script

    settings = load_settings(config)
    if path == "-":
        script = Script(sys.stdin.buffer.read(), "stdin", os.getcwd(), script_arguments)
        return _execute(script, language, settings, output)
    language = language_of(path, settings.script.default_engine) if language is None else language
    script = Script(_source(path), path, os.path.dirname(path) or ".", script_arguments, path)
    return _execute(script, language, settings, output)


def run_code(
    code: str, config: str | None, language: str | None, script_arguments: tuple[str, ...], output: Output
) -> int:
    """Run a script that stands on the command line; give its exit code."""
    from llmspell.scripting.run import Script

    settings = load_settings(config)
    script = Script(os.fsencode(code), "exec", os.getcwd(), script_arguments)
    return _execute(script, language, settings, output)


START = {"run": run_file, "exec": run_code}
"""What starts the script of each command."""


def _run(arguments: Namespace, output: Output) -> int:
    return run_file(arguments.script, arguments.config, arguments.language, arguments.script_arguments, output)


def _exec(arguments: Namespace, output: Output) -> int:
    return run_code(arguments.script, arguments.config, arguments.language, arguments.script_arguments, output)


def _source(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        from llmspell.cli.values import unreadable

        raise InvalidArgument(f"the script cannot be run: {unreadable(path, error)}") from error


def _execute(script: Script, language: str | None, settings: Settings, output: Output) -> int:
    from llmspell.scripting.registry import UNWATCHED, adapter_of

    language = settings.script.default_engine if language is None else language
    adapter_of(language)  # one that nobody knows is refused before anything is opened
    if language in UNWATCHED:
        return _execute_program(script, settings, output)
    return _execute_guest(script, language, settings, output)


def _execute_guest(script: Script, language: str, settings: Settings, output: Output) -> int:
    from llmspell.scripting.running import execute_script

    def abandon(error: BaseException) -> NoReturn:
        """End the process under a script that cannot be stopped."""
        output.complain(error)
        os._exit(of_error(error).number)

    def execute(store: Store | None) -> int:
        gc.freeze()  # what was imported until now is not looked through any more
        gc.enable()
        return execute_script(script, language, store, settings.script, abandon=abandon)

    if not settings.state.enabled:
        return execute(None)
    with open_settings(settings.state, settings.script, holding=True) as store:
        return execute(store)


def _execute_program(script: Script, settings: Settings, output: Output) -> int:
    """Run a Python script, which is a program like any other and has this process for itself."""
    import atexit
    import gc

    gc.enable()
    from llmspell.scripting import python
    from llmspell.scripting.run import Run

    python.require_enabled(settings.script)
    store = open_settings(settings.state, settings.script) if settings.state.enabled else None
    if store is not None:
        # Not before: threads of the script, and what it registers here itself, run until then.
        atexit.register(store.close)
    atexit.register(gc.unfreeze)  # the command freezes at its end; a script's files, even in cycles, are to be closed
    run = Run(script, store, settings.script)
    try:
        python.execute(run)
    except KeyboardInterrupt as interrupt:
        import signal

        # Further up more interrupts would be ignored, but one may have to end threads that Python waits for.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        output.complain(interrupt)
        return INTERRUPTED.number
    except ScriptError as failure:
        if output.as_json or output.debug or failure.__cause__ is None:
            raise
        python.show(failure.__cause__)
        return SCRIPT_FAILED.number
    return run.exit_code

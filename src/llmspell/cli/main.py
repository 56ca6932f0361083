"""What happens between a command line and an exit code? Parse, call the command, tell errors in one line."""

from __future__ import annotations

import gc
import os
import sys

from llmspell.cli import exit_codes
from llmspell.cli.commands import COMMANDS
from llmspell.cli.line import Line, script_call, take_apart
from llmspell.cli.output import Output
from llmspell.errors import InvalidArgument
from llmspell.quick_typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from llmspell.cli.parser import Parser


def run() -> NoReturn:
    """Be the command `llmspell`: take the process's arguments, end it with the exit code."""
    # Among what is imported there is no garbage to be found. Commands enable it again when their own work begins.
    gc.disable()
    try:
        if "_ARGCOMPLETE" in os.environ:
            from llmspell.cli.completing import complete

            complete(COMMANDS)
        code = main(sys.argv[1:])
    except KeyboardInterrupt:
        code = exit_codes.INTERRUPTED.number
    gc.freeze()  # at its end Python would look through every object for garbage, a tenth of a short command's time
    sys.exit(code)


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and give the exit code; results and words go to the standard streams."""
    _open_missing_streams()
    line = take_apart(arguments, COMMANDS)
    output = Output(as_json=line.asks("--json"), coloured=not line.asks("--no-color"), debug=line.asks("--debug"))
    try:
        code = _execute(line, output)
        output.flush()
    except BaseException as error:  # noqa: BLE001 - the rim: whatever it is ends as one line and a code
        code = exit_codes.of_error(error).number
        if code == exit_codes.INTERRUPTED.number:
            _ignore_more_interrupts()
        output.complain(error)
    return _let_go(code)


def _execute(line: Line, output: Output) -> int:
    if line.stray is not None:
        raise InvalidArgument(_stray(line))
    if line.path and COMMANDS[line.path[0]].takes_script and (call := script_call(line)):
        from llmspell.cli.commands.run import START

        return START[call.command](call.script, call.config, call.language, line.script_arguments, output)
    from llmspell.cli.parser import build

    root, innermost = build(COMMANDS, line.path)
    innermost.refuse_unknown_options(line.words)
    try:
        arguments, extras = root.parse_known_args(list(line.words))
    except SystemExit:  # it has shown help or the version
        return exit_codes.DONE.number
    if extras:
        raise InvalidArgument(f'unexpected argument "{extras[0]}"; see `{innermost.prog} --help`')
    if arguments.execute is None:
        return _show_commands(innermost)
    if line.path and COMMANDS[line.path[0]].takes_script:
        arguments.script_arguments = line.script_arguments
    execute = cast("Callable[[object, Output], int]", arguments.execute)
    gc.enable()
    return execute(arguments, output)


def _stray(line: Line) -> str:
    """Say what is wrong with a word that should have been a command."""
    from llmspell.cli.parser import unknown

    choices, prog = COMMANDS, "llmspell"
    for word in line.path:
        choices, prog = choices[word].verbs or {}, f"{prog} {word}"
    return unknown("command", line.stray or "", choices, prog)


def _show_commands(parser: Parser) -> int:
    """Answer a line without a command, on standard error because it is no result."""
    parser.print_help(sys.stderr)
    return exit_codes.WRONG_USE.number


def _let_go(code: int) -> int:
    """Drop results that could not be printed, so that Python does not try again at its end; give the exit code."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.of_error(error).number
    return code


def _ignore_more_interrupts() -> None:
    """Let a second Ctrl-C not disturb the way out."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _open_missing_streams() -> None:
    """Fill the standard streams that the process was started without, so that no file takes their number."""
    if sys.stdin is not None and sys.stdout is not None and sys.stderr is not None:
        return
    # Standard output for reading, so that a result written to it fails instead of vanishing.
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # takes the lowest free number, which is this one
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8")
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8")

"""What makes a shell complete the words of `llmspell`?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.cli.exit_codes import DONE

if TYPE_CHECKING:
    from argparse import Namespace

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser


def declare_completion(parser: Parser) -> None:
    """Add the arguments of `completion`."""
    parser.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish")
    parser.set_defaults(execute=_completion)


def _completion(arguments: Namespace, output: Output) -> int:
    from argcomplete.shell_integration import shellcode

    code = shellcode(["llmspell"], shell=arguments.shell)
    if output.as_json:
        output.value({"shell": arguments.shell, "code": code})
    else:
        output.write(code.strip("\n").encode() + b"\n")
    return DONE.number

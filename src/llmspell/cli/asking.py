"""Does the person at the terminal agree to what cannot be undone?"""

from __future__ import annotations

import sys

from llmspell.cli.output import printable
from llmspell.errors import InvalidArgument
from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser


def declare_yes(parser: Parser) -> None:
    """Add the option that answers the question beforehand."""
    parser.add_argument("--yes", action="store_true", help="do not ask")


def can_ask() -> bool:
    """Tell whether somebody sits there who can read a question and answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str, loss: str, arguments: Namespace, output: Output) -> bool:
    """Ask, unless `--yes` has answered; raises `InvalidArgument` where nobody can be asked.

    `loss` says in that error what would be lost. When the answer is not yes, it is said that nothing was done.
    """
    if arguments.yes:
        return True
    if not can_ask():
        raise InvalidArgument(f"{loss} and nobody can be asked; add --yes")
    sys.stderr.write(f"{printable(question)} [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:  # Ctrl-D leaves the cursor behind the question
        sys.stderr.write("\n")
    if answer.strip().lower() in ("y", "yes"):
        return True
    output.say("nothing was changed")
    return False

"""Where does the key come from that backups are encrypted with? key."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmspell.cli.exit_codes import DONE
from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from argparse import Namespace

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser

_PRIVATE = 0o600


def declare_key(parser: Parser) -> None:
    """Add the arguments of `backup key`."""
    parser.add_argument("file", metavar="FILE", help="the new file; one that is there already is never written over")
    parser.set_defaults(execute=_key)


def _key(arguments: Namespace, output: Output) -> int:
    from llmspell.backups.encryption import new_key

    text, public_key = new_key()
    _write_new(arguments.file, text.encode())
    if output.as_json:
        output.value({"file": arguments.file, "public_key": public_key})
        return DONE.number
    output.line(public_key)
    output.say(
        f'the key is in "{arguments.file}"; name that file in [state] backup_encryption_key_file, and keep a copy of '
        "it elsewhere, because backups that are encrypted cannot be read without it"
    )
    return DONE.number


def _write_new(path: str, content: bytes) -> None:
    """Write a file that was not there, for its owner only; none is left behind when that fails."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _PRIVATE)
    except FileExistsError as error:
        raise InvalidArgument(f'"{path}" exists already and could be a key that is needed; name a new file') from error
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except BaseException as error:
        os.unlink(path)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def _unwritable(path: str, error: OSError | ValueError) -> InvalidArgument:
    reason = error.strerror if isinstance(error, OSError) else error
    return InvalidArgument(f'the key file "{path}" cannot be written: {reason}; name another file')

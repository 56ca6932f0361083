"""Which files in the folder of migrations may be read? Only what lies in it is, and nothing of ours is passed over.

A migration file is named after the version that it leads to: `2.0.0_nest_profile.toml`. Schemas and code that
migrations use lie beside them, under names that begin with no version.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from llmspell.errors import InvalidArgument, MigrationFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_FILE_BYTES = 1_000_000
MAX_FILES = 10_000

TABLE_SUFFIXES = (".toml", ".json")
SCRIPT_SUFFIXES = (".lua", ".js")
PYTHON_SUFFIX = ".py"
MIGRATION_SUFFIXES = (*TABLE_SUFFIXES, *SCRIPT_SUFFIXES, PYTHON_SUFFIX)

_NUMBER = r"(?:0|[1-9][0-9]*)"
_CORE = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
_LABEL = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_BUILD = r"[0-9A-Za-z-]+"
# A version has no "_": what stands before the first one is the whole version. Without any, "-" ends the three numbers.
_NAME = re.compile(
    rf"(?:(?P<version>{_CORE}(?:-{_LABEL}(?:\.{_LABEL})*)?(?:\+{_BUILD}(?:\.{_BUILD})*)?)_|(?P<core>{_CORE})-(?!.*_))"
    r"[^:]+"
)
_BEGINS_WITH_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?![0-9])")


def claimed_version(name: str) -> str | None:
    """Give the version that a file name claims to lead to; None when it is not the name of a migration file.

    >>> claimed_version("2.0.0-rc.1_nest_profile.toml"), claimed_version("2.0.0-nest.lua"), claimed_version("user.json")
    ('2.0.0-rc.1', '2.0.0', None)
    """
    stem, suffix = os.path.splitext(name)
    found = _NAME.fullmatch(stem) if suffix.lower() in MIGRATION_SUFFIXES else None
    return (found["version"] or found["core"]) if found else None


def versions_by_name(folder: str) -> tuple[str, ...]:
    """Give the versions that the file names in `folder` claim, without reading a file; () for a missing folder.

    They are in the order of their text, not of versions. Raises `MigrationFileError` when the folder cannot be read.
    """
    versions = {claimed_version(name) for name in _names(folder)}
    return tuple(sorted(version for version in versions if version is not None))


def candidates(folder: str) -> tuple[str, ...]:
    """Give the names of all files that are migrations or must be meant as such, sorted; () for a missing folder.

    Raises `MigrationFileError` when the folder cannot be read, or holds more than 10,000 of them.
    """
    names = sorted(name for name in _names(folder) if _is_ours(folder, name))
    if len(names) > MAX_FILES:
        raise MigrationFileError(
            f'"{folder}" holds {len(names)} migration files; at most {MAX_FILES} are read: move old ones elsewhere'
        )
    return tuple(names)


def require_claim(name: str) -> str:
    """Give the version that a candidate's name claims; raises `InvalidArgument` when the name is not as it must be."""
    version = claimed_version(name)
    if not name.isascii() and not _is_unicode(name):  # it could not be noted in the store
        raise InvalidArgument("the name holds bytes that are no UTF-8; rename it")
    if version is not None:
        return version
    suffix = os.path.splitext(name)[1]
    if _BEGINS_WITH_VERSION.match(name) and suffix.lower() not in MIGRATION_SUFFIXES:
        raise InvalidArgument(
            "the name begins with a version, as those of migrations do, but they end in "
            f"{', '.join(MIGRATION_SUFFIXES)}; rename it or move it elsewhere: no seeming migration is passed over"
        )
    raise InvalidArgument(
        "the name of a migration file begins with the version that it leads to, then _ and a few words, as in "
        f'"2.0.0_nest_profile{suffix}"; rename it or move it elsewhere'
    )


def read_file(folder: str, name: str) -> bytes:
    """Give the content of the file `name` directly in `folder`.

    Raises `InvalidArgument` for a name with a folder in it, a link that leads out of `folder`, a file that is
    none, cannot be read or has more than 1,000,000 bytes.
    """
    path = path_in(folder, name)
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its writer
            raise InvalidArgument(f'"{path}" is no file; put a file there or remove it')
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise InvalidArgument(f'there is no file "{path}"; put it there or correct the name') from error
    except OSError as error:
        raise InvalidArgument(f'"{path}" cannot be read: {error.strerror}; make it readable') from error
    if len(content) > MAX_FILE_BYTES:
        raise InvalidArgument(f'"{path}" has more than {MAX_FILE_BYTES} bytes; split it into smaller ones')
    return content


def path_in(folder: str, name: str) -> str:
    """Give the path of `name` in `folder`; raises `InvalidArgument` when it would lead out of it."""
    if name != os.path.basename(name) or name in ("", ".", "..") or "\\" in name or "\0" in name:
        raise InvalidArgument(
            f'"{name}" is no plain file name; only files directly in "{folder}" are used: write the name alone'
        )
    path = os.path.join(folder, name)
    root = os.path.realpath(folder)
    if os.path.commonpath((root, os.path.realpath(path))) != root:
        raise InvalidArgument(f'"{path}" is a link that leads out of "{folder}"; put the file itself there')
    return path


def file_error(problems: Sequence[str]) -> MigrationFileError:
    """Give the error that tells the first of `problems`, says how many more there are, and carries all of them."""
    more = len(problems) - 1
    counted = f" (and {more} more problem{'s' if more > 1 else ''})" if more else ""
    return MigrationFileError(problems[0] + counted, tuple(problems))


def _names(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if not entry.name.startswith(".") and not entry.name.endswith("~")]
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise MigrationFileError(
            f'the folder of migrations "{folder}" cannot be read: {reason}; correct migrations_path or the folder'
        ) from error


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_ours(folder: str, name: str) -> bool:
    if _BEGINS_WITH_VERSION.match(name):
        return True
    return name.lower().endswith(".toml") and not os.path.isdir(os.path.join(folder, name))

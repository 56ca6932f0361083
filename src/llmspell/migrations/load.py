"""Which migrations are in a folder? Every file is read and checked before any of them is used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmspell.errors import MigrationFileError
from llmspell.migrations.chain import Chain
from llmspell.migrations.files import candidates, file_error, versions_by_name
from llmspell.migrations.migration import Migration

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.migrations.expressions import Functions
    from llmspell.migrations.transforms.custom import Code

__all__ = ["Chain", "Migration", "load_file", "load_folder", "versions_by_name"]


def load_folder(
    folder: str,
    *,
    functions: Functions | None = None,
    allow_python: bool = False,
    open_script: Callable[[str, bytes], Code] | None = None,
) -> Chain:
    """Give the chain of all migrations in `folder`; an empty one when there is no such folder.

    Migration files are named after the version that they lead to, as in `2.0.0_nest_profile.toml`; they end in
    `.toml`, `.json`, `.lua`, `.js` or `.py`. Others are left alone, unless their name begins with a version or ends in
    `.toml`. `functions` are those that expressions may call, `open_script` makes code of the path and the content
    of a script, `allow_python` lets migrations run Python code with all rights of this program.

    Raises `MigrationFileError` with the problems of all files, each with its line and field, or with what keeps
    the files from being one chain. Nothing in the folder is written.
    """
    from llmspell.migrations.code import CodeOpener
    from llmspell.migrations.expressions import Functions
    from llmspell.migrations.reading import read_migration

    functions = functions or Functions()
    opener = CodeOpener(folder, allow_python=allow_python, open_script=open_script)
    migrations: list[Migration] = []
    problems: list[str] = []
    for name in candidates(folder):
        try:
            migrations.append(read_migration(folder, name, functions, opener))
        except MigrationFileError as error:
            problems += error.problems
    if problems:
        raise file_error(problems)
    return Chain(migrations)


def load_file(
    path: str,
    *,
    functions: Functions | None = None,
    allow_python: bool = False,
    open_script: Callable[[str, bytes], Code] | None = None,
) -> Migration:
    """Give the migration in one file, which may use what lies beside it; see `load_folder`.

    Raises `MigrationFileError` with the problems of the file, also when code is missing that only going up needs.
    """
    from llmspell.migrations.code import CodeOpener
    from llmspell.migrations.expressions import Functions
    from llmspell.migrations.reading import read_migration

    folder, name = os.path.split(path)
    folder = folder or os.curdir
    opener = CodeOpener(folder, allow_python=allow_python, open_script=open_script)
    migration = read_migration(folder, name, functions or Functions(), opener)
    if migration.missing:
        raise file_error(migration.missing)
    return migration

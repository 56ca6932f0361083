"""A folder of migration files for tests, and a small language for the scripts in it."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from llmspell import codec
from llmspell.entry import JsonValue
from llmspell.errors import InvalidArgument, MigrationFileError
from llmspell.migrations.load import load_file, load_folder
from llmspell.migrations.migration import Migration
from llmspell.migrations.transforms.base import Draft, Refusal

HEAD = 'from_version = "1.0.0"\nto_version = "2.0.0"\n'
MOVE = '[[transforms]]\ntype = "move"\nfrom = "a"\nto = "b"\n'
SCRIPT = 'from_version = "1.0.0"\nto_version = "2.0.0"\nscope = "user*"\nup\ndown'


class Script:
    """Code of a small language: each line is `name = JSON`, or a function, which adds its name to a list."""

    def __init__(self, path: str, source: bytes) -> None:
        rows = [row for row in source.decode().split("\n") if row and not row.startswith("--")]
        if "broken" in rows:
            raise InvalidArgument(f"{path}:{rows.index('broken') + 1}: it is broken")
        self.names = frozenset(row for row in rows if "=" not in row)
        self.fields: Mapping[str, JsonValue] = {
            name.strip(): json.loads(value) for name, _, value in (row.partition("=") for row in rows if "=" in row)
        }
        self.source = source

    def call(self, name: str, text: bytes) -> bytes:
        if name not in self.names:
            raise Refusal(f"no {name}")
        value = codec.decode(text)
        return codec.encode([*value, name] if isinstance(value, list) else [name])


def load(folder: Path, *, allow_python: bool = False) -> tuple[Migration, ...]:
    return load_folder(str(folder), allow_python=allow_python, open_script=Script).migrations


def one(folder: Path, text: str | bytes, name: str = "2.0.0_x.toml") -> Migration:
    """Give the only migration of a folder, whose file has this text."""
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return load_file(str(folder / name), open_script=Script, allow_python=name.endswith(".py"))


def problems(folder: Path, text: str | bytes | None = None, name: str = "2.0.0_x.toml") -> list[str]:
    """Give what is wrong with a folder, after a file with this text was put there, without the path of the folder."""
    if text is not None:
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(MigrationFileError) as caught:
        load(folder, allow_python=True)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def up(migration: Migration, value: JsonValue) -> JsonValue:
    draft = Draft("users", "anna", value, 0.0)
    for step in migration.steps:
        step.transform.up(draft)
    return draft.value

"""Which calls must be answered alike in every language? The cases of the folder `cases`, read into named tuples.

A case is a list of calls on a store that nobody has used, with what each gives or how it fails. Beside plain JSON there
are tags, objects with the field `$`:

- `{"$": "nothing"}` is nil, undefined or None; `{"$": "null"}` is what stands for null inside a value;
- `{"$": "fn", "name": ...}` is a function that every language spells in its own words;
- `{"$": "from", "step": ..., "field": ...}` is what an earlier step with that `as` has given, or a field of it;
- `{"$": "repeated", "text": ..., "times": ...}` is a long text;
- any other tag names a thing that cannot be stored, as `nan`; a language knows it by that name.

`opts` are named options. What is expected stands in `gives`, `gives_fields` (of these fields alone) or `fails`; a
language that answers otherwise for a reason has it in `in_lua`, `in_javascript` or `in_python`. `leaves` is all
that the store holds afterwards. `given` are steps that happened before, `later` seconds ago.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import llmspell
from tests.clock import Clock

FOLDER = Path(__file__).parent / "cases"

Expected = Mapping[str, Any]


class Step(NamedTuple):
    """One call. `name` is how later steps refer to what it gives; "" when none does."""

    call: str
    arguments: list[Any]
    options: dict[str, Any]
    expected: Expected
    name: str

    def expected_in(self, language: str) -> Expected:
        """Give what a language must answer."""
        special: Expected | None = self.expected.get(f"in_{language}")
        return self.expected if special is None else special


class Case(NamedTuple):
    """Steps on one fresh store; `languages` is None where all have it, `leaves` where it does not matter."""

    name: str
    steps: list[Step]
    languages: list[str] | None
    config: Mapping[str, Any]
    given: list[Step]
    later: float
    leaves: dict[str, dict[str, Any]] | None


def read_cases() -> list[Case]:
    """Give the cases of all files; their names are unique."""
    cases = [_case(found) for file in sorted(FOLDER.glob("*.json")) for found in json.loads(file.read_text())]
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)
    return cases


def open_store(config: Mapping[str, Any], folder: Path, clock: Clock) -> llmspell.Store:
    """Open the store that a case asks for; nothing is in it."""
    options: dict[str, Any] = {}
    if config.get("migrations"):
        options["migrations_path"] = folder / "migrations"
        _write_migrations(folder / "migrations")
    if config.get("backups"):
        options["backup_path"] = folder / "backups"
    for name in ("history_days", "max_value_bytes"):
        if name in config:
            options[name] = config[name]
    backend = "disk" if config.get("disk") else "memory"
    return llmspell.open(folder / "state", backend=backend, durability="normal", clock=clock, **options)


def _write_migrations(folder: Path) -> None:
    folder.mkdir()
    for start, to, old, new in (("1.0.0", "2.0.0", "name", "full_name"), ("2.0.0", "2.1.0", "full_name", "title")):
        (folder / f"{to}_rename.toml").write_text(
            f'from_version = "{start}"\nto_version = "{to}"\n[[transforms]]\nscope = "users"\n'
            f'type = "rename"\nfrom = "{old}"\nto = "{new}"\n'
        )


def _case(found: dict[str, Any]) -> Case:
    known = {"name", "steps", "only", "config", "given", "later", "leaves"}
    assert found.keys() <= known, f"{found['name']}: unknown fields {found.keys() - known}"
    return Case(
        found["name"],
        [_step(step) for step in found["steps"]],
        found.get("only"),
        found.get("config", {}),
        [_step(step) for step in found.get("given", [])],
        found.get("later", 0.0),
        found.get("leaves"),
    )


def _step(found: dict[str, Any]) -> Step:
    known = {"call", "args", "opts", "as", "gives", "gives_fields", "fails", "in_lua", "in_javascript", "in_python"}
    assert found.keys() <= known, f"{found}: unknown fields {found.keys() - known}"
    expected = {name: _expanded(value) for name, value in found.items() if name not in ("call", "args", "opts", "as")}
    return Step(
        found["call"],
        [_expanded(argument) for argument in found.get("args", [])],
        {name: _expanded(value) for name, value in found.get("opts", {}).items()},
        expected,
        found.get("as", ""),
    )


def _expanded(value: Any) -> Any:
    """Write out long texts."""
    if isinstance(value, list):
        return [_expanded(part) for part in value]
    if not isinstance(value, dict):
        return value
    if value.get("$") == "repeated":
        return value["text"] * value["times"]
    return {name: _expanded(part) for name, part in value.items()}

"""The reference says what the code says."""

import inspect
import re
from pathlib import Path

import llmspell
from llmspell import errors
from llmspell.backups import results as backup_results
from llmspell.backups.verbs import Backups
from llmspell.cli.exit_codes import of_error
from llmspell.history import results as history_results
from llmspell.migrations import results
from llmspell.migrations.verbs import Migrations
from llmspell.scripting.bindings import Bindings
from llmspell.store import Store

REFERENCE = (Path(__file__).parents[2] / "docs" / "reference" / "state-api.md").read_text()


def test_every_function_that_scripts_have_is_described_and_no_other() -> None:
    names = re.findall(r"^### (\w+)$", REFERENCE, re.MULTILINE)
    known = Bindings.NAMES + Bindings.MIGRATION_NAMES + Bindings.BACKUP_NAMES + Bindings.HISTORY_NAMES
    assert sorted(names) == sorted(known)


def test_every_python_signature_is_the_one_in_the_code() -> None:
    written = dict(re.findall(r"^Python: `(\w+)(\(.*\))`$", REFERENCE, re.MULTILINE))
    known = Bindings.NAMES + Bindings.MIGRATION_NAMES + Bindings.BACKUP_NAMES + Bindings.HISTORY_NAMES
    assert set(written) == set(known) - {"null"}
    for name, parameters in written.items():
        assert parameters == _parameters(getattr(Store, name)), name


def test_every_method_of_migrations_and_backups_is_in_the_tables_as_it_is_in_the_code_and_no_other() -> None:
    written = dict(re.findall(r"^\| `(\w+)(\(.*?\))` \|", REFERENCE, re.MULTILINE))
    methods = {**vars(Migrations), **vars(Backups)}
    inner = ("_", "back_up_before", "undoable", "begin", "end")  # what the store's own parts call
    expected = {name: _parameters(method) for name, method in methods.items() if not name.startswith(inner)}
    assert written == expected


def test_every_result_is_in_the_tables_with_its_fields() -> None:
    kinds = {**vars(results), **vars(backup_results), **vars(history_results)}
    for name, kind in kinds.items():
        if isinstance(kind, type) and issubclass(kind, tuple) and kind is not history_results.Moment:
            row = re.search(rf"^\| `{name}` \| ([^;:|]*)", REFERENCE, re.MULTILINE)
            assert row, name
            assert tuple(re.findall(r"`(\w+)`", row[1])) == kind._fields  # type: ignore[attr-defined]


def test_the_signature_of_open_is_the_one_in_the_code() -> None:
    signature = _parameters(llmspell.open).replace("clock=<built-in function time>", "clock=time.time")
    assert f"`llmspell.open{signature}`" in REFERENCE


def test_every_exception_is_in_the_table_with_its_exit_code() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (\d+) \|$", REFERENCE, re.MULTILINE))
    concrete = set(errors.__all__) - {"LlmspellError", "StoreError"}
    assert set(rows) == concrete
    for name, code in rows.items():
        kind = getattr(errors, name)
        assert int(code) == of_error(kind.__new__(kind)).number, name


def _parameters(function: object) -> str:
    assert callable(function)
    signature = inspect.signature(function)
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.name != "self"
    ]
    return str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty))

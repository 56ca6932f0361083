"""What does one migration file say? All its problems come together, each with its line and field."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from llmspell.config.table import escaped
from llmspell.errors import InvalidArgument
from llmspell.migrations.companions import Companions
from llmspell.migrations.fields import Environment, FieldProblem, Fields
from llmspell.migrations.files import TABLE_SUFFIXES, file_error, read_file, require_claim
from llmspell.migrations.lines import nearest_line, script_lines
from llmspell.migrations.migration import Migration
from llmspell.migrations.parsing import Content, Unreadable, parse_json, parse_toml
from llmspell.migrations.paths import spell
from llmspell.migrations.transforms.table import Step, read_steps, read_transforms
from llmspell.migrations.validators import Rule
from llmspell.schema_range import require_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmspell.config.lines import Place
    from llmspell.migrations.code import CodeOpener
    from llmspell.migrations.expressions import Functions
    from llmspell.migrations.transforms.custom import Code

SCRIPT_FIELDS = ("from_version", "to_version", "description", "scope", "key", "validation")

Result = TypeVar("Result")


def read_migration(folder: str, name: str, functions: Functions, opener: CodeOpener) -> Migration:
    """Give the migration in the file `name` of `folder`; raises `MigrationFileError` with everything that is wrong."""
    place = escaped(os.path.join(folder, name))
    try:
        version = require_claim(name)
        script = None if os.path.splitext(name)[1].lower() in TABLE_SUFFIXES else opener.open_file(name)
        content = _of_script(script, name) if script else _of_table(folder, name)
    except Unreadable as error:
        raise file_error([_located(place, error.line, error.fault)]) from error
    except InvalidArgument as error:
        told = str(error)
        raise file_error([told if place in told else f"{place}: {told}"]) from error
    companions = Companions(folder, opener, script)
    reading = _Reading(content.values, companions, Environment(functions, companions.open_code, companions.read_file))
    migration = reading.migration(name, version)
    if reading.problems:
        raise file_error(_sentences(place, reading.problems, content.find_lines()))
    missing = _sentences(place, companions.missing, content.find_lines()) if companions.missing else []
    fingerprint = companions.fingerprint(script.fields if script else content.values)
    return migration._replace(fingerprint=fingerprint, missing=tuple(missing))


class _Reading:
    """One file while its fields are read: what is wrong so far."""

    def __init__(self, values: Mapping[str, object], companions: Companions, environment: Environment) -> None:
        self.problems: list[FieldProblem] = []
        self._values = values
        self._companions = companions
        self._environment = environment

    def migration(self, name: str, claimed: str) -> Migration:
        """Read every field; the result is of use only when no problem was found. It has no fingerprint yet."""
        # An empty description says as much as none.
        values = {field: value for field, value in self._values.items() if (field, value) != ("description", "")}
        fields = self._fields(values, ())
        from_version = self._try(lambda: _version(fields, "from_version")) or ""
        to_version = self._try(lambda: _version(fields, "to_version")) or ""
        if from_version and to_version:
            self._try(lambda: _check_versions(fields, from_version, to_version, claimed))
        description = self._try(lambda: fields.text("description", "")) or ""
        scope = self._try(lambda: fields.text("scope", "*")) or ""
        key = self._try(lambda: fields.text("key", "*")) or ""
        steps = self._try(lambda: self._steps(fields)) or ()
        pre, post = self._try(lambda: self._validation(fields)) or ((), ())
        self._try(fields.refuse_others)
        if not self.problems and not steps and not pre and not post:
            self.problems.append(fields.problem("validation", "it has no rule and there are no transforms; add some"))
        return Migration(from_version, to_version, description, scope, key, steps, pre, post, name, "")

    def _steps(self, fields: Fields) -> tuple[Step, ...]:
        if not _has(fields, "transforms") and "validation" in fields:
            return ()
        value = fields.value("transforms")
        place = (*fields.place, "transforms")
        if not isinstance(value, list) or not value:
            return read_steps(value, place, self._environment)
        steps: list[Step] = []
        for index, one in enumerate(value):  # one by one, so that the problems of all of them are found
            try:
                steps += read_steps([one], place, self._environment)
            except FieldProblem as problem:
                within = problem.place[len(place) + 1 :]
                self.problems.append(FieldProblem((*place, index, *within), problem.fault))
            else:
                self.problems += self._companions.open_functions(one, (*place, index))
        return tuple(steps)

    def _validation(self, fields: Fields) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
        if not _has(fields, "validation"):
            return (), ()
        value = fields.value("validation")
        if not isinstance(value, dict):
            raise fields.problem("validation", "it takes a table with the arrays pre_migration and post_migration")
        inner = self._fields(value, ("validation",))
        pre = self._try(lambda: self._rules(inner, "pre_migration")) or ()
        post = self._try(lambda: self._rules(inner, "post_migration")) or ()
        inner.refuse_others()
        return pre, post

    def _rules(self, fields: Fields, name: str) -> tuple[Rule, ...]:
        value = fields.value(name) if _has(fields, name) else []
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise fields.problem(name, 'it takes an array of rules such as { field = "email", validator = "required" }')
        tables = [
            self._fields(one, (*fields.place, name, index)) for index, one in enumerate(value) if isinstance(one, dict)
        ]
        rules = [self._try(partial(Rule.read, table)) for table in tables]
        return tuple(rule for rule in rules if rule is not None)

    def _fields(self, values: Mapping[str, object], place: Place) -> Fields:
        return Fields(values, place, self._environment, read_transforms)

    def _try(self, read: Callable[[], Result]) -> Result | None:
        """Give what was read; None when a problem was noted instead."""
        try:
            return read()
        except FieldProblem as problem:
            self.problems.append(problem)
            return None


def _of_table(folder: str, name: str) -> Content:
    content = read_file(folder, name)
    return parse_toml(content) if name.lower().endswith(".toml") else parse_json(content)


def _of_script(script: Code, name: str) -> Content:
    """Give the same content as a table would have that calls the script."""
    if "up" not in script.names:
        raise Unreadable(None, 'the function "up" is missing; write one that takes a document and returns it')
    if "transforms" in script.fields:
        raise Unreadable(None, 'transforms: a script has none; do it in the function "up"')
    text = script.source.decode("utf-8", "replace")
    transform = {"type": "custom", "function": f"{name}:up"}
    if "down" in script.names:
        transform["down"] = f"{name}:down"
    return Content({**script.fields, "transforms": [transform]}, lambda: script_lines(text, SCRIPT_FIELDS))


def _has(fields: Fields, name: str) -> bool:
    """Tell whether an optional field is there; asking for it makes it a known one."""
    return name in fields or fields.text(name, None) is not None


def _version(fields: Fields, name: str) -> str:
    version = fields.text(name)
    try:
        require_version(version)
    except InvalidArgument as error:
        raise fields.problem(name, str(error)) from error
    return version


def _check_versions(fields: Fields, from_version: str, to_version: str, claimed: str) -> None:
    import semver

    if to_version != claimed:
        raise fields.problem(
            "to_version",
            f'it holds "{to_version}", but the file name says "{claimed}"; make them the same, with _ behind the '
            "version in the name",
        )
    if semver.Version.parse(from_version) >= semver.Version.parse(to_version):
        raise fields.problem(
            "to_version",
            f'it holds "{to_version}", which does not come after from_version "{from_version}"; a migration leads '
            "upward, and what follows + does not count",
        )


def _sentences(place: str, problems: list[FieldProblem], lines: Mapping[Place, int]) -> list[str]:
    """Give a sentence for each problem, in the order of the lines; those of what is missing come first."""
    located = [(nearest_line(lines, problem.place), problem) for problem in problems]
    located.sort(key=lambda pair: pair[0] or 0)
    return [
        _located(place, line, f"{spell(problem.place)}: {problem.fault}" if problem.place else problem.fault)
        for line, problem in located
    ]


def _located(place: str, line: int | None, fault: str) -> str:
    return f"{place}: {fault}" if line is None else f"{place}, line {line}: {fault}"

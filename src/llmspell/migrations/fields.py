"""How is one table of a migration file read? Every read checks the field, or raises with its place.

The place is a path of names and numbers such as `("transforms", 1, "from")`; whoever knows the file finds the line.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from llmspell.errors import InvalidArgument
from llmspell.migrations.expressions import Expression, Functions
from llmspell.migrations.paths import Path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llmspell.entry import JsonValue
    from llmspell.migrations.transforms.base import Transform

MAX_TEXT_LENGTH = 10_000

REQUIRED: Final[Any] = object()


class FieldProblem(Exception):
    """A field that cannot be used: where it is, what is wrong, what to do."""

    def __init__(self, place: tuple[str | int, ...], fault: str) -> None:
        self.place = place
        self.fault = fault
        super().__init__(f"{place}: {fault}")


class Environment:
    """What a migration may use from outside its file: functions in expressions, code beside it."""

    def __init__(
        self,
        functions: Functions,
        open_code: Callable[[str], Any] | None = None,
        read_file: Callable[[str], bytes] | None = None,
    ) -> None:
        self.functions = functions
        self.read_file = read_file
        """Gives the content of a file beside the migration by its name, or raises `InvalidArgument`."""
        self.open_code = open_code
        """Gives the code that `function = "..."` names (see `transforms/custom.py`), or raises `InvalidArgument`."""


class Fields:
    """A table of the file. Reads raise `FieldProblem`; `refuse_others` finds what nobody has read."""

    def __init__(
        self,
        values: Mapping[str, object],
        place: tuple[str | int, ...],
        environment: Environment,
        read_transforms: Callable[[object, tuple[str | int, ...], Environment], tuple[Transform, ...]],
    ) -> None:
        self._values = values
        self.place = place
        self.environment = environment
        self._read_transforms = read_transforms
        self._asked: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: Any = REQUIRED) -> str:
        """Read text of at least one character."""
        value = self._value(name, default)
        if value is default and name not in self._values:
            return default  # type: ignore[return-value]
        if not isinstance(value, str) or not value or len(value) > MAX_TEXT_LENGTH:
            raise self.problem(name, f"it holds {_spell(value)}; it takes text of 1 to {MAX_TEXT_LENGTH} characters")
        return value

    def choice(self, name: str, choices: Sequence[str], default: Any = REQUIRED) -> str:
        """Read text that is one of `choices`."""
        text = self.text(name, default)
        if name in self._values and text not in choices:
            nearest = _nearest(text, choices)
            takes = f" It takes {_listed(choices)}" if nearest else f"; it takes {_listed(choices)}"
            raise self.problem(name, f'"{text}" is not known{nearest}{takes}')
        return text

    def path(self, name: str, *, whole: bool = False) -> Path:
        """Read a path; with `whole`, "." for the whole value is one too."""
        return self._path(name, self.text(name), whole)

    def paths(self, name: str) -> tuple[Path, ...]:
        """Read an array of at least one path, each different."""
        value = self._value(name, REQUIRED)
        if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
            raise self.problem(name, f"it holds {_spell(value)}; it takes an array of paths")
        paths = tuple(self._path(name, str(one), False) for one in value)
        for index, path in enumerate(paths):
            if path in paths[:index]:
                raise self.problem(name, f'it names "{path.text}" twice')
        return paths

    def value(self, name: str) -> JsonValue:
        """Read any JSON value."""
        value = self._value(name, REQUIRED)
        from llmspell import codec

        try:
            codec.encode(value)
        except InvalidArgument as error:
            raise self.problem(name, f"{error}; dates and times are written as text") from error
        return value  # type: ignore[return-value]

    def mapping(self, name: str) -> dict[str, JsonValue]:
        """Read an object."""
        value = self.value(name)
        if not isinstance(value, dict) or not value:
            raise self.problem(name, f'it holds {_spell(value)}; it takes a table such as {{ old = "new" }}')
        return value

    def expression(self, name: str) -> Expression:
        """Read an expression."""
        text = self.text(name)
        try:
            return Expression(text, self.environment.functions)
        except InvalidArgument as error:
            raise self.problem(name, str(error)) from error

    def transforms(self, name: str) -> tuple[Transform, ...]:
        """Read an array of at least one transform."""
        return self._read_transforms(self._value(name, REQUIRED), (*self.place, name), self.environment)

    def refuse_others(self) -> None:
        """Raise for a field that nobody has asked for."""
        for name in self._values:
            if name not in self._asked:
                raise self.problem(
                    name, f"it is not known here; known: {', '.join(self._asked)}{_nearest(name, self._asked)}"
                )

    def problem(self, name: str, fault: str) -> FieldProblem:
        """Give the problem of the field `name`, for the caller to raise."""
        return FieldProblem((*self.place, name), fault)

    def _value(self, name: str, default: object) -> object:
        if name not in self._asked:
            self._asked.append(name)
        if name in self._values:
            return self._values[name]
        if default is REQUIRED:
            raise FieldProblem(self.place, f'the field "{name}" is missing{_nearest(name, list(self._values))}')
        return default

    def _path(self, name: str, text: str, whole: bool) -> Path:
        try:
            path = Path(text)
        except InvalidArgument as error:
            raise self.problem(name, str(error)) from error
        if not path.steps and not whole:
            raise self.problem(name, 'a field is needed here, "." is the whole value')
        return path


def _spell(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _listed(names: Sequence[str]) -> str:
    return " or ".join(f'"{name}"' for name in names)


def _nearest(wrong: str, names: Sequence[str]) -> str:
    near = get_close_matches(wrong, names, 1)
    return f'; did you mean "{near[0]}"?' if near else ""

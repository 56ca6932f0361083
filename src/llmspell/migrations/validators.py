"""Does a document fit the rules of a validation list? Each rule says in sentences what does not.

`{ field = "age", validator = "type:integer,min:0" }` holds a field to all of what stands between the commas;
`{ schema = "user.json" }` holds the whole value, or a field, to a JSON Schema. `pattern:` takes the rest of the text,
so it stands last. A field that is absent fits every rule but `required` and `required_object`; null is a value.
"""

from __future__ import annotations

import math
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from llmspell import codec
from llmspell.errors import InvalidArgument, InvalidValue
from llmspell.migrations.moments import read_moment
from llmspell.migrations.paths import ABSENT, Absent, Path, kind_of, spell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from llmspell.entry import JsonValue
    from llmspell.migrations.fields import Fields

    Check: TypeAlias = Callable[[JsonValue | Absent], str | None]
    """Gives what is wrong, to stand behind the name of the field, or None."""

MAX_PROBLEMS: Final = 20
"""How many problems of one schema are told for one document."""

_TYPES: Final = {
    "string": "text",
    "text": "text",
    "number": "a number",
    "integer": "an integer",
    "int": "an integer",
    "float": "a float",
    "boolean": "true or false",
    "bool": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}


class Rule(NamedTuple):
    """One rule of a validation list. `file` names the JSON Schema, where it is one."""

    field: Path
    checks: tuple[Check, ...]
    schema: Any = None
    file: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Rule:
        """Read a rule; raises `FieldProblem` for a field, a validator or a schema that cannot be used."""
        if "schema" not in fields:
            field = fields.path("field", whole=True)
            text = fields.text("validator")
            fields.refuse_others()
            try:
                return cls(field, tuple(_checks(text)))
            except InvalidArgument as error:
                raise fields.problem("validator", str(error)) from error
        field = fields.path("field", whole=True) if "field" in fields else Path(".")
        file = fields.text("schema")
        fields.refuse_others()
        try:
            return cls(field, (), _compiled(_schema(file, fields.environment.read_file), file), file)
        except InvalidArgument as error:
            raise fields.problem("schema", str(error)) from error

    def problems(self, value: JsonValue) -> Iterator[str]:
        """Give a sentence for each thing that is wrong with a document."""
        found = self.field.get(value)
        for check in self.checks:
            fault = check(found)
            if fault is not None:
                yield f"{_name(self.field.steps)} {fault}"
                if found is ABSENT:
                    return
        if self.schema is None or found is ABSENT:
            return
        for error in islice(self.schema.iter_errors(found), MAX_PROBLEMS):
            steps = (*self.field.steps, *error.instance_path)
            yield f'{_name(steps)} does not fit "{self.file}": {_short(error.message)}'


def problems(rules: Sequence[Rule], value: JsonValue) -> list[str]:
    """Give all problems of a document; none when it fits.

    >>> problems([Rule(Path("age"), tuple(_checks("min:0,max:150")))], {"age": -3})
    ['the field "age" is -3, below the minimum 0']
    """
    return [problem for rule in rules for problem in rule.problems(value)]


def _checks(text: str) -> Iterator[Check]:
    rest = text
    while True:
        rest = rest.lstrip()
        if rest.startswith("pattern:"):
            yield _pattern(rest.removeprefix("pattern:"))
            return
        one, comma, rest = rest.partition(",")
        yield _check(one.strip(), text)
        if not comma:
            return


def _check(one: str, text: str) -> Check:
    name, colon, argument = one.partition(":")
    if name in _PLAIN and not colon:
        return _PLAIN[name]()
    if name in _WITH_ARGUMENT and argument:
        return _WITH_ARGUMENT[name](argument)
    if not one:
        raise InvalidArgument(f'"{text}" has nothing between two commas; write it like "min:0,max:150"')
    if name in _PLAIN:
        raise InvalidArgument(f'"{one}": {name} takes nothing behind it; write "{name}"')
    if name in _WITH_ARGUMENT or name == "pattern":
        raise InvalidArgument(f'"{one}": {name} needs something behind it; write it like "{name}:..."')
    known = [*_PLAIN, *_WITH_ARGUMENT, "pattern"]
    near = get_close_matches(name, known, 1)
    hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(known)}"
    raise InvalidArgument(f'"{name}" is no validator; {hint}')


def _required() -> Check:
    def check(value: JsonValue | Absent) -> str | None:
        if value is ABSENT:
            return "is required and missing"
        return "is required and null" if value is None else None

    return check


def _required_object() -> Check:
    def check(value: JsonValue | Absent) -> str | None:
        if value is ABSENT:
            return "is required and missing"
        return None if isinstance(value, dict) else f"is {kind_of(value)}, not an object"

    return check


def _type(argument: str) -> Check:
    if argument not in _TYPES:
        near = get_close_matches(argument, _TYPES, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(_TYPES)}"
        raise InvalidArgument(f'"{argument}" is no type; {hint}')
    wanted = _TYPES[argument]

    def check(value: JsonValue | Absent) -> str | None:
        if value is ABSENT or wanted in _kinds(value):
            return None
        return f"is {_spelled(value)}, not {wanted}"

    return check


def _minimum(argument: str) -> Check:
    limit = _number(argument)

    def check(value: JsonValue | Absent) -> str | None:
        if value is ABSENT:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"is {kind_of(value)}, not a number"
        return f"is {value}, below the minimum {argument}" if value < limit else None

    return check


def _maximum(argument: str) -> Check:
    limit = _number(argument)

    def check(value: JsonValue | Absent) -> str | None:
        if value is ABSENT:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"is {kind_of(value)}, not a number"
        return f"is {value}, above the maximum {argument}" if value > limit else None

    return check


def _length(kind: type, kind_name: str, unit: str, *, least: bool) -> Callable[[str], Check]:
    def made(argument: str) -> Check:
        limit = _count(argument)

        def check(value: JsonValue | Absent) -> str | None:
            if value is ABSENT:
                return None
            if not isinstance(value, kind):
                return f"is {kind_of(value)}, not {kind_name}"
            length = len(value)  # type: ignore[arg-type]
            if (length >= limit) if least else (length <= limit):
                return None
            return f"has {length} {unit}, {limit} is the {'least' if least else 'most'}"

        return check

    return made


def _format(name: str) -> Callable[[], Check]:
    """Use the formats of JSON Schema: `email` and `uuid`."""

    def made() -> Check:
        article = "an e-mail address" if name == "email" else "a UUID"
        return _text_check(_compiled({"format": name}, ""), f"not {article}")

    return made


def _pattern(pattern: str) -> Check:
    if not pattern:
        raise InvalidArgument('"pattern:" needs a regular expression behind it')
    try:
        compiled = _compiled({"pattern": pattern}, "")
    except InvalidArgument as error:
        raise InvalidArgument(
            f'"{pattern}" is no regular expression that runs in linear time; correct it, and use no look-around '
            "and no reference back"
        ) from error
    return _text_check(compiled, f'which does not match "{pattern}"')


def _text_check(schema: Any, fault: str) -> Check:
    def check(value: JsonValue | Absent) -> str | None:
        if value is ABSENT:
            return None
        if not isinstance(value, str):
            return f"is {kind_of(value)}, not text"
        return None if schema.is_valid(value) else f"is {_spelled(value)}, {fault}"

    return check


def _iso8601() -> Check:
    def check(value: JsonValue | Absent) -> str | None:
        if value is ABSENT:
            return None
        if not isinstance(value, str):
            return f"is {kind_of(value)}, not text"
        try:
            read_moment(value)
        except (ValueError, OverflowError):
            return f"is {_spelled(value)}, no ISO 8601 date and time such as 2026-11-22T16:00:00Z"
        return None

    return check


_PLAIN: Final[dict[str, Callable[[], Check]]] = {
    "required": _required,
    "required_object": _required_object,
    "email_format": _format("email"),
    "uuid": _format("uuid"),
    "iso8601": _iso8601,
}

_WITH_ARGUMENT: Final[dict[str, Callable[[str], Check]]] = {
    "type": _type,
    "min": _minimum,
    "max": _maximum,
    "numeric_min": _minimum,
    "numeric_max": _maximum,
    "min_length": _length(str, "text", "characters", least=True),
    "max_length": _length(str, "text", "characters", least=False),
    "array_min_length": _length(list, "an array", "elements", least=True),
    "array_max_length": _length(list, "an array", "elements", least=False),
}


def _number(text: str) -> int | float:
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if math.isfinite(number) and "_" not in text:
            return number
    raise InvalidArgument(f'"{text}" is no number; write it like "min:0" or "max:2.5"')


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise InvalidArgument(f'"{text}" is no length; write a whole number such as 8')
    return int(text)


def _schema(file: str, read_file: Callable[[str], bytes] | None) -> JsonValue:
    if read_file is None:
        raise InvalidArgument(
            f'"{file}" cannot be read: this migration has no folder beside which a schema could stand'
        )
    try:
        return codec.parse(read_file(file))
    except InvalidValue as error:
        raise InvalidArgument(f'"{file}" holds no JSON that can be used: {error.path} {error.reason}') from error


def _compiled(schema: JsonValue, file: str) -> Any:
    """Compile a JSON Schema whose patterns run in linear time and that fetches nothing."""
    import jsonschema_rs

    if not isinstance(schema, dict | bool):
        raise InvalidArgument(f'"{file}" holds {kind_of(schema)}; a JSON Schema is an object, or true or false')
    try:
        return jsonschema_rs.validator_for(
            schema,
            validate_formats=True,
            pattern_options=jsonschema_rs.RegexOptions(),
            email_options=jsonschema_rs.EmailOptions(allow_display_text=False, allow_domain_literal=False),
            offline=True,
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        fault = str(error).partition("\n")[0]
        raise InvalidArgument(f'"{file}" is no JSON Schema that can be used: {_short(fault)}') from error


def _kinds(value: JsonValue | Absent) -> tuple[str, ...]:
    """Give the kinds that a value is of; unlike JSON Schema's, 1.0 is no integer here."""
    if isinstance(value, bool):
        return ("true or false",)
    if isinstance(value, int | float):
        return ("a number", "an integer" if isinstance(value, int) else "a float")
    return (kind_of(value),)


def _name(steps: tuple[str | int, ...]) -> str:
    return f'the field "{spell(steps)}"' if steps else "the value"


def _spelled(value: JsonValue | Absent) -> str:
    return _short(codec.encode(value).decode())


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:197]}..."

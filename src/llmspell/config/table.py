"""How is one table of the file read? Every read checks the value, or notes the problem to be told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from llmspell.quick_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import TypeVar

    from llmspell.config.lines import Place

    Default = TypeVar("Default")

MAX_TEXT_LENGTH = 4096
MAX_TEXTS = 1000
MAX_LENGTH_IN_ARRAY = 512
MAX_TIMEOUT_SECONDS = 1_000_000_000

_NUMBER = r"(?:0|[1-9][0-9]*)"
_LABEL = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_BUILD = r"[0-9A-Za-z-]+"
_VERSION = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_LABEL}(?:\.{_LABEL})*)?(?:\+{_BUILD}(?:\.{_BUILD})*)?"
_COMPARATOR = rf"(?:(?:>=|<=|==|!=|>|<|=) *)?{_VERSION}"
_RANGE = rf" *{_COMPARATOR}(?: *, *{_COMPARATOR})* *"
_VARIABLE = r"\$\{(?:([A-Za-z_][A-Za-z0-9_]*)\})?"


class Problem(NamedTuple):
    """Something in the file that cannot be used; `path` is where it stands, into an array by its number from 0."""

    path: Place
    value: object
    fault: str
    remedy: str
    known: Sequence[str] = ()
    meant: str = ""


class Table:
    """One table of the file: a read gives the value, or notes a problem and gives the default."""

    def __init__(
        self,
        path: tuple[str, ...],
        values: Mapping[str, object],
        environ: Mapping[str, str],
        problems: list[Problem],
    ) -> None:
        self._path = path
        self._values = values
        self._environ = environ
        self._problems = problems
        self._asked: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def table(self, key: str) -> Table:
        """Give the table inside this one; an empty one when it is not there."""
        value = self._value(key)
        if value is not None and not isinstance(value, dict):
            self._mistyped(key, "a table")
        return Table((*self._path, key), value if isinstance(value, dict) else {}, self._environ, self._problems)

    def flag(self, key: str, default: bool) -> bool:
        """Read true or false."""
        value = self._value(key)
        if isinstance(value, bool):
            return value
        if value is not None:
            self._mistyped(key, "true or false")
        return default

    def whole(self, key: str, lowest: int, highest: int, default: Default) -> int | Default:
        """Read a whole number within bounds."""
        value = self._value(key)
        allowed = f"a whole number from {lowest} to {highest}"
        if type(value) is int:  # not isinstance: true and false are integers in Python
            if lowest <= value <= highest:
                return value
            self.refuse(key, "is out of range", f"it must be {allowed}")
        elif value is not None:
            self._mistyped(key, allowed)
        return default

    def seconds(self, key: str, default: Default) -> float | Default:
        """Read a duration; 0 means no limit."""
        value = self._value(key)
        allowed = f"a number of seconds from 0 (no limit) to {MAX_TIMEOUT_SECONDS}"
        if type(value) is int or type(value) is float:
            if 0 <= value <= MAX_TIMEOUT_SECONDS:
                return float(value)
            self.refuse(key, "is out of range", f"it must be {allowed}")
        elif value is not None:
            self._mistyped(key, allowed)
        return default

    def text(self, key: str, default: Default) -> str | Default:
        """Read text, with every `${NAME}` replaced from the environment."""
        value = self._value(key)
        text = None if value is None else self._text((*self._path, key), value, MAX_TEXT_LENGTH)
        return default if text is None else text

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Read an array of texts, with every `${NAME}` replaced from the environment; each wrong element is noted.

        A text has 1 to `MAX_LENGTH_IN_ARRAY` characters, an array 0 to `MAX_TEXTS` texts.
        """
        values = self._value(key)
        if values is None:
            return default
        if not isinstance(values, list):
            self._mistyped(key, 'an array of texts such as ["one", "two*"]')
            return default
        if len(values) > MAX_TEXTS:
            self.refuse(key, f"holds {len(values)} elements", f"it must be an array of at most {MAX_TEXTS} texts")
            return default
        path = (*self._path, key)
        texts = [self._text((*path, index), value, MAX_LENGTH_IN_ARRAY) for index, value in enumerate(values)]
        return tuple(text for text in texts if text is not None)

    def choice(self, key: str, choices: tuple[str, ...], default: Default) -> str | Default:
        """Read text that is one of `choices`."""
        text = self.text(key, None)
        if text is None:
            return default
        if text not in choices:
            allowed = " or ".join(f'"{choice}"' for choice in choices)
            self._refuse_text(key, "is not known in this version", f"it must be {allowed}", choices)
            return default
        return text

    def version(self, key: str, default: Default) -> str | Default:
        """Read a semantic version."""
        text = self.text(key, None)
        if text is None or re.fullmatch(_VERSION, text):
            return text or default
        self._refuse_text(key, "is not a semantic version", 'it must be three numbers such as "1.0.0", see semver.org')
        return default

    def version_range(self, key: str, default: Default) -> str | Default:
        """Read comparators of semantic versions."""
        text = self.text(key, None)
        if text is None or re.fullmatch(_RANGE, text):
            return text or default
        allowed = 'it must be one or more of >=, >, <=, <, ==, != with a version, as in ">=1.0.0,<2.0.0"'
        self._refuse_text(key, "is not a range of semantic versions", allowed)
        return default

    def refuse_others(self) -> None:
        """Note a problem for every key that nobody asked for."""
        self._refuse_unknown([key for key in self._values if key not in self._asked])

    def refuse_misspelt(self) -> None:
        """Note a problem for every key that is nearly one that was asked for; others may be another version's."""
        others = [key for key in self._values if key not in self._asked]
        if others:
            from difflib import get_close_matches

            self._refuse_unknown([key for key in others if get_close_matches(key, self._asked, 1)])

    def refuse(self, key: str, fault: str, remedy: str, known: Sequence[str] = ()) -> None:
        """Note a problem with the value of `key`."""
        value = self._values[key]
        meant = value if isinstance(value, str) else ""
        self._problems.append(Problem((*self._path, key), value, fault, remedy, known, meant))

    def _refuse_unknown(self, keys: Sequence[str]) -> None:
        remedy = f"known keys: {', '.join(self._asked)}"
        for key in keys:
            self._problems.append(
                Problem((*self._path, key), self._values[key], "is not a known key", remedy, self._asked, key)
            )

    def _refuse_text(self, key: str, fault: str, remedy: str, known: Sequence[str] = ()) -> None:
        self.refuse(key, _of_replaced(self._values[key], fault), remedy, known)

    def _mistyped(self, key: str, allowed: str) -> None:
        self.refuse(key, f"is {_kind(self._values[key])}", f"it must be {allowed}")

    def _value(self, key: str) -> object:
        self._asked.append(key)
        return self._values.get(key)

    def _text(self, place: Place, value: object, longest: int) -> str | None:
        """The text that `value` at `place` stands for, or None with a problem noted."""
        if not isinstance(value, str):
            self._problems.append(Problem(place, value, f"is {_kind(value)}", "it must be text in quotes"))
            return None
        text = self._replaced(place, value)
        if text is None or (0 < len(text) <= longest and "\0" not in text):
            return text
        fault = "holds a NUL character" if "\0" in text else "is too long" if text else "is empty"
        remedy = f"it must be text of 1 to {longest} characters without NUL"
        self._problems.append(Problem(place, value, _of_replaced(value, fault), remedy))
        return None

    def _replaced(self, place: Place, text: str) -> str | None:
        """`text` with every `${NAME}` replaced once, or None with a problem noted."""
        if "${" not in text:
            return text
        names = [match[1] for match in re.finditer(_VARIABLE, text)]
        missing = [name for name in names if name and name not in self._environ]
        if None in names:
            fault = 'holds "${" without a name and a closing "}"'
            self._problems.append(Problem(place, text, fault, 'write it as in "${NAME}"'))
            return None
        if missing:
            fault = f"needs the environment variable {_short(missing[0])}, which is not set"
            self._problems.append(Problem(place, text, fault, "set it or write the text itself"))
            return None
        return re.sub(_VARIABLE, lambda match: self._environ[match[1]], text)


def sentence(place: str, text: str, problems: list[Problem]) -> str:
    """What to say about the problem that stands first in the file."""
    from llmspell.config.lines import place_lines

    lines = place_lines(text)
    order = {path: index for index, path in enumerate(lines)}
    problem = min(problems, key=lambda problem: order.get(problem.path, len(order)))
    line = lines.get(problem.path)
    where = place if line is None else f"{place}, line {line}"
    # The value stands as written, so that no environment variable is shown.
    found = _spelled_place(problem.path)
    if not isinstance(problem.value, dict):
        found += f" = {_spelled(problem.value)}"
    nearest = _nearest(problem.meant, problem.known)
    if nearest is None:
        return f"{where}: {found} {problem.fault}; {problem.remedy}"
    remedy = problem.remedy[0].upper() + problem.remedy[1:]
    return f'{where}: {found} {problem.fault}; did you mean "{nearest}"? {remedy}'


def _of_replaced(value: object, fault: str) -> str:
    """A fault of a text, told apart when the text is not the one that stands in the file."""
    return f"with its variables replaced {fault}" if "${" in str(value) else fault


def _nearest(word: str, known: Sequence[str]) -> str | None:
    import difflib

    matches = difflib.get_close_matches(word[:100].lower(), known, n=1, cutoff=0.7)
    return matches[0] if matches else None


def _kind(value: object) -> str:
    names: dict[type, str] = {
        bool: "a boolean",
        int: "a whole number",
        float: "a decimal number",
        str: "text",
        list: "an array",
        dict: "a table",
    }
    return names.get(type(value), "a date or a time")


def _spelled(value: object) -> str:
    """A value as TOML would write it, cut short."""
    if isinstance(value, str):
        quoted = value.replace("\\", r"\\").replace('"', r"\"")
        return f'"{_short(quoted)}"'
    if isinstance(value, list):
        return "[...]" if value else "[]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 200:
        return f"(an integer of {value.bit_length()} bits)"
    return str(value)


def _spelled_place(place: Place) -> str:
    """A place as in `state.backup_exclude[0]`."""
    steps = (f".{_spelled_key(step)}" if isinstance(step, str) else f"[{step}]" for step in place)
    return "".join(steps).removeprefix(".")


def _spelled_key(key: str) -> str:
    return _short(key) if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{_short(key)}"'


def _short(text: str) -> str:
    return escaped(text) if len(text) <= 80 else f"{escaped(text[:77])}..."


def escaped(text: str) -> str:
    """`text` on one line: what cannot be printed stands as its escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)

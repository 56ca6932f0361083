"""What is the value of an expression for a document? CEL, compiled once, within bounds.

The document's fields are the variables, beside `this` (the whole value), `entry_key` and `entry_scope`.
An expression reaches nothing else: no files, no network, no Python but the functions that were registered.
"""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, cast

from llmspell import codec
from llmspell.errors import InvalidArgument, InvalidValue
from llmspell.migrations.expression_functions import (
    MAX_MADE_ELEMENTS,
    Functions,
    WrongValues,
    check_result,
    in_order,
    kinds,
    moment,
    size_of,
)
from llmspell.migrations.expression_text import (
    IN_ORDER,
    SIZE_OF,
    TYPE_NAMES,
    Mentions,
    mentions_of,
)
from llmspell.migrations.moments import spell_moment
from llmspell.migrations.paths import ABSENT
from llmspell.migrations.transforms.base import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.entry import JsonValue
    from llmspell.migrations.transforms.base import Draft

__all__ = ["Expression", "Functions"]

MAX_LENGTH: Final = 4_000
MAX_NESTED_LOOPS: Final = 3
MAX_STEPS: Final = 1_000_000
MAX_COPIES: Final = 50_000_000
"""How many values `map` and `filter` may copy: they copy what they have, for each element; about 5 seconds."""
MAX_TEXT: Final = 100_000_000
MAX_MADE: Final = 20_000_000
CHARACTERS_OF_AN_ELEMENT: Final = 10
STEPS_OF_A_PATTERN: Final = 100
"""`matches` compiles its pattern at each call, which takes as long as so many steps, or more."""
FEW_PLUSES: Final = 8

_NO_VALUE: Final = object()


class Expression:
    """One expression, compiled. `text` is how it was written, `reads` the paths of the document that it reads.

    >>> from llmspell.migrations.transforms.base import Draft
    >>> Expression("profile.age >= 18", Functions()).evaluate(Draft("users", "anna", {"profile": {"age": 30}}, 0.0))
    True
    """

    __slots__ = (
        "_calls_python",
        "_context",
        "_fields",
        "_functions",
        "_is_bounded",
        "_mentions",
        "_names",
        "_program",
        "reads",
        "text",
    )

    def __init__(self, text: str, functions: Functions) -> None:
        """Compile; raises `InvalidArgument` for bad syntax, an unknown function, too much text, too many loops."""
        if len(text) > MAX_LENGTH:
            raise InvalidArgument(
                f"the expression has {len(text):,} characters, {MAX_LENGTH:,} is the most; write several fields"
            )
        from cel import Context
        from cel import compile as compile_program

        mentions = mentions_of(text, functions)
        if mentions.depth > MAX_NESTED_LOOPS:
            raise InvalidArgument(
                f'the expression "{_short(text)}" has {mentions.depth} loops inside each other, '
                f"{MAX_NESTED_LOOPS} is the most; compute a field in between"
            )
        try:
            compile_program(text)  # so that a fault is shown in the text as it was written
            self._program = compile_program(mentions.program)
        except ValueError as error:
            raise InvalidArgument(f'the expression "{_short(text)}" cannot be read: {_syntax_fault(error)}') from error
        used = set(self._program.variables())
        for name in used:
            if name.startswith("."):
                raise InvalidArgument(f'the expression "{_short(text)}" has the name "{name}", which begins with a dot')
        self.text = text
        self.reads = mentions.reads
        self._mentions = mentions
        self._names = mentions.names & used
        self._functions = functions
        self._fields = _fields_of_this(mentions)
        self._is_bounded = bool(mentions.depth or mentions.pluses + mentions.commas > FEW_PLUSES)
        self._refuse_unknown_functions()
        self._context = Context
        self._calls_python = mentions.program != text or bool(functions.named(mentions.calls))

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(self, draft: Draft) -> JsonValue:
        """Give the value for a document, with the fields of objects sorted; raises `Refusal` when there is none."""
        result = self._run(draft)
        if result is None or type(result) is bool:
            return result
        value = self._json(result)
        try:
            codec.encode(value)
        except InvalidValue as error:
            raise self._refusal(f"the result {error.path and error.path + ' '}{error.reason}") from error
        return cast("JsonValue", value)

    def holds(self, draft: Draft) -> bool:
        """Tell whether it is true for a document; raises `Refusal` when it gives neither true nor false."""
        result = self._run(draft)
        if type(result) is not bool:
            raise Refusal(f'the condition "{_short(self.text)}" gives {kinds([result])}, neither true nor false')
        return result

    def _run(self, draft: Draft) -> object:
        variables = self._variables(draft)
        if self._is_bounded:
            self._refuse_bombs(draft, variables)
        calls = _Calls(self, draft.now, self._mentions) if self._calls_python else None
        try:
            result: object = self._program.execute(
                self._context(variables, calls.functions(self._functions)) if calls else variables
            )
        except BaseException as error:
            if calls:
                calls.raise_fault(self._functions)
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise self._refusal(self._reason(error)) from error
            raise
        if calls:
            calls.raise_fault(self._functions)
        return result

    def _variables(self, draft: Draft) -> dict[str, object]:
        """Give what the program mentions and no more: to hand a document over costs more than to compute."""
        value = draft.value
        variables: dict[str, object] = {}
        for name in self._names:
            if name == "this":
                variables[name] = self._this(value)
            elif name == "entry_key":
                variables[name] = draft.key
            elif name == "entry_scope":
                variables[name] = draft.scope
            elif isinstance(value, dict) and name in value:
                variables[name] = value[name]
            elif name in TYPE_NAMES and "type" not in self._mentions.calls:
                raise self._refusal(_absent(name))  # the package would take the type of that name
        return variables

    def _this(self, value: JsonValue) -> JsonValue:
        if self._fields is None or not isinstance(value, dict):
            return value
        return {name: value[name] for name in self._fields if name in value}

    def _refuse_bombs(self, draft: Draft, variables: dict[str, object]) -> None:
        """Refuse what would run for minutes: it could not be stopped."""
        mentions = self._mentions
        extent = _Extent()
        for value in variables.values():
            extent.add(value)
        elements = max(extent.largest, mentions.commas + 1) * mentions.growth
        steps: int = elements**mentions.depth
        inner = _Extent()
        for path in mentions.loop_reads:
            found = path.get(draft.value)
            if found is not ABSENT:
                inner.add(found)
        steps *= max(1, inner.nodes if mentions.depth else 1)
        if mentions.depth and "matches" in mentions.calls:
            steps *= STEPS_OF_A_PATTERN
        if mentions.depth and steps > MAX_STEPS:
            raise self._refusal(f"its loops would take {_about(steps)} steps here, {MAX_STEPS:,} is the most")
        if mentions.loops & {"map", "filter"}:
            nodes = max(1, extent.nodes // max(1, extent.largest))
            copies = elements ** (mentions.depth + 1) * nodes
            if copies > MAX_COPIES:
                raise self._refusal(f"map or filter would copy {_about(copies)} values, {MAX_COPIES:,} is the most")
        times = mentions.pluses + mentions.commas + 1
        if times * extent.nodes > MAX_COPIES:
            raise self._refusal(f"it could copy {_about(times * extent.nodes)} values")
        characters = max(steps * (mentions.pluses + 1) * max(extent.longest, 1), times * extent.characters)
        if extent.longest and characters > MAX_TEXT:
            raise self._refusal(f"it could make text of {_about(characters)} characters, {MAX_TEXT:,} is the most")

    def _json(self, result: object) -> object:
        """Give the result as JSON, the fields of objects sorted: the package gives them in a random order."""
        if isinstance(result, dict):
            parts = {name: self._json(part) for name, part in result.items()}
            if all(type(name) is str for name in parts):
                return dict(sorted(parts.items()))
            return parts
        if isinstance(result, list):
            return [self._json(part) for part in result]
        if isinstance(result, datetime):
            return spell_moment(result)
        if type(result).__name__ in _NO_JSON:
            raise self._refusal(f"the result holds {_NO_JSON[type(result).__name__]}")
        return result

    def _refusal(self, reason: str) -> Refusal:
        return Refusal(f'the expression "{_short(self.text)}" cannot be computed: {reason}')

    def _reason(self, error: BaseException) -> str:
        text = str(error).partition("\n")[0]
        if isinstance(error, KeyError):
            name = text.strip("'\"")
            return f'there is no field "{name}"; write has(x.{name}) ? ... : ... if it may be missing'
        if text.startswith("Undefined variable or function: "):
            name = text.split("'")[1]
            if name in self._mentions.names and name not in self._mentions.calls:
                return _absent(name)
            return f'the function "{name}" does not take the values that it is given here'
        if text.startswith("No such overload"):
            return (
                "an operator or a function is given values that do not go together, or a field is read of no object; "
                "nothing is converted by itself: write int(x), double(x) or string(x)"
            )
        return text.partition(" Check function arguments")[0].partition(" CEL does not coerce")[0].rstrip(".")

    def _refuse_unknown_functions(self) -> None:
        for name in sorted(self._mentions.calls):
            if name not in self._functions:
                near = get_close_matches(name, self._functions.names(), 1)
                raise InvalidArgument(
                    f'the expression "{_short(self.text)}" calls "{name}", which is no function that it may call'
                    + (f'; did you mean "{near[0]}"?' if near else "; functions in Python are registered by name")
                )


_NO_JSON: Final = {
    "bytes": "bytes; write base64.encode(x)",
    "timedelta": "a duration; write x.getSeconds()",
    "OptionalValue": "an optional value; write x.orValue(...)",
}


class _Calls:
    """The Python functions of one evaluation. None raises into the package, which would print it."""

    def __init__(self, expression: Expression, now: float, mentions: Mentions) -> None:
        self._expression = expression
        self._now = now
        self._mentions = mentions
        self._fault: BaseException | None = None
        self._faulty = ""
        self._made = 0
        self._given: tuple[object, ...] = ()
        self._max_elements = int(MAX_STEPS ** (1 / max(1, mentions.depth))) if mentions.depth else MAX_MADE_ELEMENTS
        if mentions.loops & {"map", "filter"}:
            self._max_elements = int(MAX_COPIES ** (1 / (mentions.depth + 1)))

    def functions(self, functions: Functions) -> dict[str, Callable[..., object]]:
        """Give what the program calls."""
        mentions = self._mentions
        made = {name: self._guarded(name, one) for name, one in functions.named(mentions.calls).items()}
        if "now" in made:
            made["now"] = self._guarded("now", lambda: moment(self._now))
        if "size" in mentions.calls:
            made[SIZE_OF] = self._guarded("size", size_of)
        if mentions.loops & {"map", "filter"}:
            made[IN_ORDER] = self._guarded(IN_ORDER, in_order)
        return made

    def raise_fault(self, functions: Functions) -> None:
        """Raise what a function has raised, as a refusal."""
        fault = self._fault
        if fault is None:
            return
        name = self._faulty
        if not isinstance(fault, Exception):
            raise fault
        if isinstance(fault, WrongValues) and name == IN_ORDER:
            reason = str(fault)
        elif isinstance(fault, WrongValues):
            reason = f'the function "{name}" cannot do it: {fault}'
        elif functions.is_own(name):
            reason = f'the function "{name}" failed: {type(fault).__name__}: {fault}'.partition("\n")[0]
        elif isinstance(fault, TypeError | AttributeError):
            reason = f'the function "{name}" does not take {kinds(self._given[:4])}'
        else:
            reason = f'the function "{name}" cannot do it: {fault}'.partition("\n")[0]
        raise self._expression._refusal(reason) from fault

    def _count(self, result: object) -> None:
        """Bound what all calls make together, because loops call again and again."""
        if isinstance(result, str | list | tuple | dict):
            self._made += len(result) * (1 if isinstance(result, str) else CHARACTERS_OF_AN_ELEMENT)
            if self._made > MAX_MADE:
                raise WrongValues(
                    f"the functions have made more than {MAX_MADE:,} characters together, "
                    f"an element counted as {CHARACTERS_OF_AN_ELEMENT}"
                )

    def _guarded(self, name: str, function: Callable[..., object]) -> Callable[..., object]:
        def call(*values: object) -> object:
            if self._fault is not None:
                return _NO_VALUE
            try:
                if name == IN_ORDER:
                    return function(*values)
                result = function(*map(_sorted, values))
                check_result(result, self._max_elements)
                self._count(result)
            except BaseException as error:  # noqa: BLE001 - kept, and raised when the package has returned
                self._fault, self._faulty, self._given = error, name, values
                return _NO_VALUE
            return result

        return call


class _Extent:
    """How large values are: the largest array or object, the longest text, the values and characters in all."""

    __slots__ = ("characters", "largest", "longest", "nodes")

    def __init__(self) -> None:
        self.characters = self.largest = self.longest = self.nodes = 0

    def add(self, value: object) -> None:
        """Count a value and everything in it."""
        self.nodes += 1
        if isinstance(value, str):
            self.characters += len(value)
            self.longest = max(self.longest, len(value))
        elif isinstance(value, dict | list):
            self.largest = max(self.largest, len(value))
            for part in value.values() if isinstance(value, dict) else value:
                self.add(part)


def _fields_of_this(mentions: Mentions) -> frozenset[str] | None:
    """Give the fields that are all that is read of `this`, or None when it is used whole."""
    if "." in mentions.reads or any(path.startswith(("/", "[")) for path in mentions.reads):
        return None
    return frozenset(path.partition(".")[0].partition("[")[0] for path in mentions.reads)


def _sorted(value: object) -> object:
    """Give an argument with the fields of objects in an order that is the same in every run."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: (type(name).__name__, name))
        return {name: _sorted(value[name]) for name in names}
    if isinstance(value, list):
        return [_sorted(part) for part in value]
    return value


def _absent(name: str) -> str:
    return f'the document has no field "{name}"; write has(this.{name}) ? this.{name} : ... if it may be missing'


def _syntax_fault(error: ValueError) -> str:
    """Give what the compiler says, without the text of the expression around it."""
    line = next((line for line in str(error).splitlines() if "ERROR: <input>:" in line), str(error).partition("\n")[0])
    place, _, fault = line.partition("ERROR: <input>:")[2].partition(": ")
    column = place.rpartition(":")[2]
    return _short(f"{fault.partition(' expecting {')[0]} (at character {column})" if fault else line)


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 100 else flat[:97] + "..."


def _about(amount: int) -> str:
    return f"{amount:,}" if amount < 10**15 else "far too many"

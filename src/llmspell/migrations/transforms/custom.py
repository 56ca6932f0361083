"""How does code that somebody wrote change a document? It gets JSON text and gives JSON text; the old value is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from llmspell import codec
from llmspell.errors import InvalidArgument, InvalidValue
from llmspell.migrations.paths import ABSENT
from llmspell.migrations.transforms.base import OPAQUE, SKIPPED, Complement, Draft, Refusal
from llmspell.migrations.transforms.reach import parts
from llmspell.migrations.transforms.values import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmspell.entry import JsonValue
    from llmspell.migrations.fields import Fields


class Code(Protocol):
    """Code that was loaded: a script beside the migration file, or a Python module."""

    names: frozenset[str]
    """Its functions."""
    fields: Mapping[str, JsonValue]
    """What else it defines, as far as it is JSON."""
    source: bytes

    def call(self, name: str, text: bytes) -> bytes:
        """Call a function with JSON text and give its result as JSON text; raises `Refusal`."""


class Function:
    """One function of some code.

    What cannot be loaded is a problem only once it is called: a document that needs no code to go down can go
    down when the code is gone.
    """

    __slots__ = ("_code", "_name", "_open", "_reference", "text")

    def __init__(self, reference: str, name: str, open_code: Callable[[str], Code] | None) -> None:
        self.text = f"{reference}:{name}"
        self._reference = reference
        self._name = name
        self._open = open_code
        self._code: Code | None = None

    def is_missing(self) -> bool:
        """Tell whether the code was loaded and has no such function."""
        return self.problem() is not None and self._code is not None

    def problem(self) -> str | None:
        """Say why it cannot be called; None when it can."""
        try:
            code = self._loaded()
        except InvalidArgument as error:
            return str(error)
        if self._name in code.names:
            return None
        known = ", ".join(sorted(code.names)) or "none"
        return f'"{self._reference}" has no function "{self._name}"; its functions: {known}'

    def call(self, value: JsonValue) -> JsonValue:
        """Give what it makes of a value, which it gets as text and so cannot change."""
        problem = self.problem()
        if problem is not None:
            raise Refusal(problem)
        try:
            result = codec.parse(self._loaded().call(self._name, codec.encode(value)))
        except InvalidValue as error:
            fault = f"{error.path or 'it'} {error.reason}"
            raise Refusal(f'what the function "{self.text}" gave cannot be stored: {fault}') from error
        if result is None:
            raise Refusal(f'the function "{self.text}" gave nothing; it must return the document')
        return result

    def _loaded(self) -> Code:
        if self._code is None:
            if self._open is None:
                raise InvalidArgument(f'the code "{self._reference}" cannot be run here')
            self._code = self._open(self._reference)
        return self._code


class Custom:
    """Code changes the whole document; its complement is `[old value, digest of the new one]`."""

    loss = OPAQUE

    __slots__ = ("_up", "down_function")

    def __init__(self, up: Function, down: Function | None) -> None:
        self._up = up
        self.down_function = down
        """The function for the way down, None when there is none."""

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `function` ("module:name", "file.lua:name", or "file.lua" for its up and down) and, if there, `down`."""
        up = _read_function(fields, "function", "up")
        if "down" in fields:
            return cls(up, _read_function(fields, "down", "down"))
        reference, colon, _ = fields.text("function").partition(":")
        down = Function(reference, "down", fields.environment.open_code)
        return cls(up, None if colon or down.is_missing() else down)

    def up(self, draft: Draft) -> JsonValue:
        """Replace the document by what the function gives."""
        old = draft.value
        draft.value = self._up.call(old)
        return [old, digest(draft.value)]

    def down(self, draft: Draft, complement: Complement) -> None:
        """Bring the old document back; one that was edited since, or was never old, needs the function down."""
        if complement == SKIPPED:
            return
        if complement is not ABSENT:
            old, after = parts(complement)
            if digest(draft.value) == after:
                draft.value = old
                return
        if self.down_function is None:
            was = "was made in the newer version" if complement is ABSENT else "was edited since it went up"
            raise Refusal(f'the document {was}, and there is no function down for "{self._up.text}"')
        draft.value = self.down_function.call(draft.value)

    def describe(self) -> str:
        """Say what it does."""
        return f"call {self._up.text}"

    def writes(self) -> tuple[str, ...]:
        """Give the whole value."""
        return (".",)


def _read_function(fields: Fields, name: str, default: str) -> Function:
    """Read a function; its code is loaded now if it can be, so that whoever reads the file knows what it uses."""
    text = fields.text(name)
    reference, colon, function = text.partition(":")
    if not reference or (colon and not function.isidentifier()):
        raise fields.problem(name, f'"{text}" names no function; write it like "module:name" or "file.lua:name"')
    found = Function(reference, function or default, fields.environment.open_code)
    found.problem()
    return found

"""What does the text of an expression mention? Its reads, calls and loops, found without computing it.

The compiler tells names only; a plan needs whole paths, and the limits need to know how loops stand inside each other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from llmspell.migrations.paths import Path, Step, spell

if TYPE_CHECKING:
    from collections.abc import Container

MACROS: Final = frozenset({"map", "filter", "all", "exists", "exists_one", "existsOne"})
TYPE_NAMES: Final = frozenset({"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"})
ENTRY_NAMES: Final = frozenset({"entry_key", "entry_scope"})
KEYWORDS: Final = frozenset({"true", "false", "null", "in"})

IN_ORDER: Final = "inOrder"
"""Sorts the names of an object's fields, which the package gives in a random order; put before map and filter."""
SIZE_OF: Final = "sizeOf"
"""Stands for `size`, which counts the bytes of a text in the package, not its characters."""

_TOKEN = re.compile(
    r"""
    (?P<comment>//[^\n]*)
    | (?P<text>[bB]?[rR](?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"]*"|'[^']*')
             | [bB]?(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))
    | (?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:[0-9]+\.[0-9]+|[0-9]+|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[uU]?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<mark>\S)
    """,
    re.VERBOSE | re.DOTALL,
)


class Mentions(NamedTuple):
    """What a text mentions."""

    names: frozenset[str]
    """The names that the document, or the entry, must give."""
    reads: frozenset[str]
    """The paths of the document that it reads; "." is the whole value."""
    calls: frozenset[str]
    """Functions, with the namespace where they have one: `math.abs`."""
    loops: frozenset[str]
    """The macros it uses."""
    depth: int
    """How many macros stand inside each other, at most."""
    growth: int
    """How many times a value may be repeated by the bodies of `map`, one behind the other."""
    pluses: int
    commas: int
    loop_reads: tuple[Path, ...]
    """What the bodies of macros read of the document, again for each element."""
    program: str
    """The text to compile: the same, with an order for the fields of objects."""


def mentions_of(text: str, qualified: Container[str]) -> Mentions:
    """Scan a text; `qualified` holds the functions that are called with a namespace."""
    return _Scan(text, qualified).mentions()


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


_END: Final = _Token("end", "", -1)


class _Frame:
    """An open bracket; for a macro, the variable that it binds and whether its body has begun."""

    __slots__ = ("in_body", "macro", "uses", "variable")

    def __init__(self, macro: str, variable: str) -> None:
        self.macro = macro
        self.variable = variable
        self.in_body = False
        self.uses = 0


class _Scan:
    def __init__(self, text: str, qualified: Container[str]) -> None:
        self._text = text
        self._qualified = qualified
        self._tokens = [
            _Token(str(found.lastgroup), found[0], found.start())
            for found in _TOKEN.finditer(text)
            if found.lastgroup != "comment"
        ]
        self._frames: list[_Frame] = []
        self._reads: set[tuple[Step, ...]] = set()
        self._type_reads: set[tuple[Step, ...]] = set()
        self._loop_reads: set[tuple[Step, ...]] = set()
        self._names: set[str] = set()
        self._calls: set[str] = set()
        self._loops: set[str] = set()
        self._edits: list[tuple[int, int, str]] = []
        self._depth = 0
        self._growth = 1

    def mentions(self) -> Mentions:
        for at, token in enumerate(self._tokens):
            if token.kind == "name":
                self._name(at, token.text)
            elif token.kind == "mark":
                self._mark(at, token.text)
        if "type" not in self._calls:  # otherwise `int` is a type, as in type(x) == int
            self._reads |= self._type_reads
        return Mentions(
            names=frozenset(self._names),
            reads=frozenset(spell(steps) or "." for steps in self._reads),
            calls=frozenset(self._calls),
            loops=frozenset(self._loops),
            depth=self._depth,
            growth=self._growth,
            pluses=sum(token.kind == "mark" and token.text == "+" for token in self._tokens),
            commas=sum(token.kind == "mark" and token.text == "," for token in self._tokens),
            loop_reads=tuple(Path(spell(steps) or ".") for steps in self._loop_reads),
            program=self._program(),
        )

    def _at(self, index: int) -> _Token:
        return self._tokens[index] if 0 <= index < len(self._tokens) else _END

    def _mark(self, at: int, mark: str) -> None:
        if mark in "([{":
            name, before = self._at(at - 1), self._at(at - 2)
            if mark == "(" and name.kind == "name" and name.text in MACROS and before.text == ".":
                self._open_macro(at, name.text)
            else:
                self._frames.append(_Frame("", ""))
        elif mark in ")]}" and self._frames:
            frame = self._frames.pop()
            if frame.macro == "map":
                self._growth *= max(1, frame.uses)
        elif mark == "," and self._frames:
            self._frames[-1].in_body = True

    def _open_macro(self, at: int, macro: str) -> None:
        first = at + 1
        while self._at(first).text == "(":
            first += 1
        self._frames.append(_Frame(macro, self._at(first).text))
        self._loops.add(macro)
        self._depth = max(self._depth, sum(bool(frame.macro) for frame in self._frames))
        if macro in ("map", "filter"):
            dot = self._at(at - 2).start
            self._edits.append((dot, dot, f".{IN_ORDER}()"))

    def _name(self, at: int, name: str) -> None:
        called = self._at(at + 1).text == "("
        is_member = self._at(at - 1).text == "." and self._at(at - 2).text not in ("", "(", "[", "{", ",")
        if called:
            self._call(at, name, is_member)
        elif not is_member and name not in KEYWORDS and not self._is_bound(name):
            self._read(at, name)

    def _call(self, at: int, name: str, is_member: bool) -> None:
        if is_member and name in MACROS:
            return
        if is_member and f"{self._at(at - 2).text}.{name}" in self._qualified and self._at(at - 3).text != ".":
            self._calls.add(f"{self._at(at - 2).text}.{name}")
            return
        self._calls.add(name)
        if name == "size":
            start = self._tokens[at].start
            self._edits.append((start, start + len(name), SIZE_OF))

    def _is_bound(self, name: str) -> bool:
        """Tell whether a macro binds the name here, and count the use."""
        for frame in reversed(self._frames):
            if frame.macro and frame.variable == name:
                if frame.in_body:
                    frame.uses += 1
                return True
        return False

    def _read(self, at: int, name: str) -> None:
        if self._at(at + 3).text == "(" and f"{name}{self._at(at + 1).text}{self._at(at + 2).text}" in self._qualified:
            return
        self._names.add(name)
        if name in ENTRY_NAMES:
            return
        steps, behind = self._steps(at + 1)
        if name != "this":
            steps = (name, *steps)
        (self._type_reads if name in TYPE_NAMES else self._reads).add(steps)
        goes_through = self._at(behind).text == "." and self._at(behind + 1).text in MACROS
        if not goes_through and any(frame.macro and frame.in_body for frame in self._frames):
            self._loop_reads.add(steps)

    def _steps(self, at: int) -> tuple[tuple[Step, ...], int]:
        """Follow `.name`, `[0]` and `["name"]` from there; give also where the path ends, before a method at last."""
        steps: list[Step] = []
        while True:
            mark, inner, behind = self._at(at), self._at(at + 1), self._at(at + 2)
            if mark.text == "." and inner.kind == "name" and behind.text != "(":
                steps.append(inner.text)
                at += 2
            elif mark.text == "[" and behind.text == "]" and (step := _step(inner)) is not None:
                steps.append(step)
                at += 3
            else:
                return tuple(steps), at

    def _program(self) -> str:
        program = self._text
        for start, end, new in sorted(self._edits, reverse=True):
            program = program[:start] + new + program[end:]
        return program


def _step(token: _Token) -> Step | None:
    """Give the step that stands in brackets, or None when it is computed."""
    if token.kind == "number" and token.text.isdigit():
        return int(token.text)
    if (
        token.kind == "text"
        and token.text[0] in "\"'"
        and token.text[:3] not in ('"""', "'''")
        and "\\" not in token.text
    ):
        return token.text[1:-1]
    return None

"""What does a migration use from beside its file? It is a part of what the migration means, so it is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.errors import InvalidArgument
from llmspell.migrations.code import ModuleGone
from llmspell.migrations.fields import FieldProblem
from llmspell.migrations.files import read_file
from llmspell.migrations.transforms.custom import Function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from llmspell.config.lines import Place
    from llmspell.entry import JsonValue
    from llmspell.migrations.transforms.custom import Code


class Companions:
    """The schemas and the code that one migration uses. `missing` are the modules that it needs to go up.

    A migration that is a `script` has no other code, and means what the script holds, whatever its file is called.
    """

    def __init__(self, folder: str, open_code: Callable[[str], Code], script: Code | None = None) -> None:
        self.missing: list[FieldProblem] = []
        self._folder = folder
        self._open = open_code
        self._script = script
        self._contents: dict[str, bytes] = {} if script is None else {"": script.source}

    def read_file(self, name: str) -> bytes:
        """Give the content of a file of the folder; raises `InvalidArgument`."""
        self._contents[name] = read_file(self._folder, name)
        return self._contents[name]

    def open_code(self, reference: str) -> Code:
        """Give the code that a transform names; raises `InvalidArgument`."""
        if self._script is not None:
            return self._script
        self._contents.setdefault(reference, b"")  # a module that is gone counts as it did when it was there
        code = self._open(reference)
        self._contents[reference] = code.source
        return code

    def open_functions(self, transform: JsonValue, place: Place) -> list[FieldProblem]:
        """Load the code that a transform calls, and give why some of it cannot be called."""
        problems = []
        for inner, text, default in _functions(transform, place):
            reference, _, name = text.partition(":")
            try:
                self.open_code(reference)
            except ModuleGone as error:
                self.missing.append(FieldProblem(inner, str(error)))
                continue
            except InvalidArgument as error:
                problems.append(FieldProblem(inner, str(error)))
                continue
            fault = Function(reference, name or default, self.open_code).problem()
            if fault is not None:
                problems.append(FieldProblem(inner, fault))
        return problems

    def fingerprint(self, values: Mapping[str, object]) -> str:
        """Give what stays the same as long as a migration with these values and companions means the same.

        Comments, the description and layout are no part of it. Code that has no file in the folder counts with its
        name alone.
        """
        import json
        from hashlib import sha256

        meaning = {name: value for name, value in values.items() if name != "description"}
        contents = {name: sha256(content).hexdigest() for name, content in self._contents.items()}
        return sha256(json.dumps([meaning, contents], sort_keys=True).encode()).hexdigest()


def _functions(transform: JsonValue, place: Place) -> Iterator[tuple[Place, str, str]]:
    """Give the place of every function that a transform or one inside it names, its text, and its name by default."""
    if not isinstance(transform, dict):
        return
    if transform.get("type") == "custom":
        for name, default in (("function", "up"), ("down", "down")):
            text = transform.get(name)
            if isinstance(text, str):
                yield (*place, name), text, default
    for name in ("transforms", "otherwise", "element_transforms"):
        inner = transform.get(name)
        for index, one in enumerate(inner if isinstance(inner, list) else []):
            yield from _functions(one, (*place, name, index))

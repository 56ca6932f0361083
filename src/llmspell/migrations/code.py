"""Which code does a migration mean when it names some? A script or a Python file beside it, or a Python module.

Scripts run in the sandbox of their language, which is given from above. Python has all rights of this program,
so it is refused unless the owner of the store has allowed it.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import TYPE_CHECKING

from llmspell import codec
from llmspell.errors import InvalidArgument, InvalidValue
from llmspell.migrations.files import PYTHON_SUFFIX, SCRIPT_SUFFIXES, path_in, read_file
from llmspell.migrations.transforms.base import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from llmspell.entry import JsonValue
    from llmspell.migrations.transforms.custom import Code

MAX_REASON_LENGTH = 500


class ModuleGone(InvalidArgument):
    """A Python module is not installed, or not any more: documents that went up may still come down without it."""


class CodeOpener:
    """Gives the code that a migration in `folder` names; the same name gives the same code.

    `open_script` makes code of the path and the content of a script; without it scripts are refused.
    """

    def __init__(
        self, folder: str, *, allow_python: bool, open_script: Callable[[str, bytes], Code] | None = None
    ) -> None:
        self._folder = folder
        self._allow_python = allow_python
        self._open_script = open_script
        self._opened: dict[str, Code] = {}

    def __call__(self, reference: str) -> Code:
        """Give the code of "functions.lua" or "functions.js", or of "module" and "package.module" (Python).

        What follows ":" is left out. A file `module.py` in the folder goes before an installed module of that
        name. Raises `InvalidArgument` when there is no such code (`ModuleGone` for an installed module), when
        it cannot be loaded, or is not allowed.
        """
        name = reference.partition(":")[0]
        if name not in self._opened:
            self._opened[name] = self._script(name) if _suffix(name) in SCRIPT_SUFFIXES else self._module(name)
        return self._opened[name]

    def open_file(self, name: str) -> Code:
        """Give the code of the file `name`, a whole-script migration in any language; raises `InvalidArgument`."""
        if _suffix(name) != PYTHON_SUFFIX:
            return self(name)
        self._require_python(name)
        return self._python_file(name)

    def _script(self, name: str) -> Code:
        source = read_file(self._folder, name)
        if self._open_script is None:
            raise InvalidArgument(
                f'"{name}" is a script, and scripts cannot be run here; open the store in a program that runs them'
            )
        return self._open_script(path_in(self._folder, name), source)

    def _module(self, name: str) -> Code:
        if not all(piece.isidentifier() for piece in name.split(".")):
            raise InvalidArgument(
                f'"{name}" names no code; write the file name of a script such as "functions.lua", '
                'or a Python module such as "module" or "package.module"'
            )
        self._require_python(name)
        if os.path.lexists(os.path.join(self._folder, name + PYTHON_SUFFIX)):
            return self._python_file(name + PYTHON_SUFFIX)
        if _suffix(name) == PYTHON_SUFFIX:
            raise InvalidArgument(f'"{name}" is named by its file; write "{name.removesuffix(PYTHON_SUFFIX)}"')
        return _installed(name, self._folder)

    def _python_file(self, file: str) -> Code:
        source = read_file(self._folder, file)
        return _loaded(path_in(self._folder, file), source)

    def _require_python(self, name: str) -> None:
        if not self._allow_python:
            raise InvalidArgument(
                f'"{name}" is Python code; Python code in migrations is not allowed: it runs with all rights of this '
                "program; set allow_python_migrations = true in [state] if you trust the folder, or write it in Lua or "
                "JavaScript"
            )


class PythonCode:
    """The functions of a Python module. `source` is its text when it lies in the folder of migrations, else empty.

    `fields` are its public variables with JSON values, without those in capitals: these are constants of its own.
    """

    def __init__(self, module: ModuleType, source: bytes) -> None:
        public = {name: value for name, value in vars(module).items() if not name.startswith("_")}
        self._module = module
        self._functions = {
            name: value for name, value in public.items() if callable(value) and not isinstance(value, type)
        }
        self.names: frozenset[str] = frozenset(self._functions)
        self.fields: Mapping[str, JsonValue] = {
            name: codec.decode(codec.encode(value))
            for name, value in public.items()
            if not name.isupper() and _is_json(value)
        }
        self.source = source

    def call(self, name: str, text: bytes) -> bytes:
        """Give what the function `name` makes of a document, both as JSON text.

        The function gets a document of its own, so that it may change it; it must give the result back.
        Raises `Refusal` when it is missing, raises anything, or gives nothing or no JSON.
        """
        spelled = f"the function {name} of {self._module.__file__ or self._module.__name__}"
        function = self._functions.get(name)
        if function is None:
            raise Refusal(f"{spelled} does not exist")
        try:
            result = function(codec.decode(text))
        except (Exception, SystemExit) as error:
            raise Refusal(f"{spelled} failed: {_reason(error, vars(self._module))}") from error
        if result is None:
            raise Refusal(f"{spelled} gave nothing; it must return the changed document")
        try:
            return codec.encode(result)
        except InvalidValue as error:
            raise Refusal(f"{spelled} gave no JSON: {error.path or 'the result'} {error.reason}") from error


def _loaded(path: str, source: bytes) -> PythonCode:
    """Run a Python file of the folder as a module of its own: nothing else can import it, nothing is cached."""
    module = ModuleType(f"llmspell_migration:{path}")
    module.__file__ = path
    try:
        code = compile(source, path, "exec", dont_inherit=True)
        exec(code, vars(module))
    except (Exception, SystemExit) as error:
        raise InvalidArgument(f'"{path}" cannot be loaded: {_reason(error, vars(module))}; correct it') from error
    return PythonCode(module, source)


def _installed(name: str, folder: str) -> PythonCode:
    from importlib import import_module

    try:
        module = import_module(name)
    except (Exception, SystemExit) as error:
        # Not every missing module is the one that was asked for: it may itself import one that is not there.
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            raise ModuleGone(
                f'there is no Python module "{name}": neither a file "{name}{PYTHON_SUFFIX}" in "{folder}" nor an '
                "installed one; correct the name or install it"
            ) from error
        raise InvalidArgument(f'the Python module "{name}" cannot be loaded: {_reason(error, {})}') from error
    return PythonCode(module, b"")


def _reason(error: BaseException, namespace: Mapping[str, object]) -> str:
    """Name the type, the message, and the innermost line of the module whose variables are `namespace`."""
    message = str(error).strip()[:MAX_REASON_LENGTH]
    place = _line_of_failure(error.__traceback__, namespace)
    return f"{type(error).__name__}{': ' + message if message else ''}{f' ({place})' if place else ''}"


def _line_of_failure(traceback: TracebackType | None, namespace: Mapping[str, object]) -> str:
    place = ""
    while traceback is not None:
        if traceback.tb_frame.f_globals is namespace:
            place = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place


def _is_json(value: object) -> bool:
    try:
        codec.encode(value)
    except InvalidValue:
        return False
    return True


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()

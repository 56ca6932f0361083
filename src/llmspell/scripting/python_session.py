"""How does a person converse with Python? In one module that stays, in the thread that asks, with all of its rights."""

from __future__ import annotations

import ast
import sys
from codeop import PyCF_ALLOW_INCOMPLETE_INPUT  # type: ignore[attr-defined] # the standard library's own REPL uses it
from pprint import pformat
from traceback import TracebackException
from types import CodeType, ModuleType
from typing import TYPE_CHECKING

from llmspell.scripting.python import add_hint, exit_code, require_enabled
from llmspell.scripting.python_traceback import trim
from llmspell.scripting.session import Evaluation

if TYPE_CHECKING:
    from llmspell.scripting.run import Run
    from llmspell.scripting.session import Session

_NAME = "<repl>"
"""How errors call every text; the brackets keep the traceback from looking for a file of that name."""

_WIDTH = 78
_REFUSALS = (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError)
"""What compiling a text can raise."""


def open_session(run: Run) -> Session:
    """Begin a conversation; raises `InvalidArgument` when the configuration allows no Python."""
    require_enabled(run.settings)
    return PythonSession(run)


class PythonSession:
    """A `Session` in Python. The values of expressions are printed by their repr; `_` is the last of them.

    While it lasts, its module is `__main__`, as programs that pickle what they define rely on. There is no limit of
    memory or time.
    """

    def __init__(self, run: Run) -> None:
        self._store = run.store
        self._module = ModuleType("__main__")
        self._names = self._module.__dict__
        self._names["__builtins__"] = sys.modules["builtins"]
        if run.store is not None:
            self._names["State"] = run.store
        self._flags = 0
        self._others = sys.modules["__main__"], sys.argv, sys.path
        sys.modules["__main__"], sys.argv = self._module, [""]
        if not sys.flags.safe_path:
            sys.path = ["", *sys.path[1:]]

    def evaluate(self, source: str) -> Evaluation:
        """See `Session.evaluate`. A block is complete when an empty line or something else stands behind it."""
        try:
            tree = self._parsed(source, PyCF_ALLOW_INCOMPLETE_INPUT)
        except _REFUSALS as error:
            return self._refused(source, error)
        if tree.body and _is_open_block(tree.body[-1]) and source.rpartition("\n")[2].strip():
            return Evaluation("incomplete")
        try:
            return self._run(tree)
        except SystemExit as end:
            raise SystemExit(exit_code(end.code)) from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the text raised is shown, and the conversation goes on
            return Evaluation("failed", self._told(error))
        finally:
            sys.stdout.flush()
            sys.stderr.flush()

    def close(self) -> None:
        """See `Session.close`."""
        sys.modules["__main__"], sys.argv, sys.path = self._others
        self._names.clear()

    def _parsed(self, source: str, more_flags: int = 0) -> ast.Module:
        flags = self._flags | ast.PyCF_ONLY_AST | more_flags
        tree: ast.Module = compile(source, _NAME, "exec", flags, dont_inherit=True)
        return tree

    def _refused(self, source: str, error: BaseException) -> Evaluation:
        """Tell whether a text that cannot be parsed is the beginning of a longer one, and what is wrong with it."""
        if not (isinstance(error, SyntaxError) and "incomplete input" in str(error)):
            return Evaluation("failed", self._told(error))
        try:
            self._parsed(source)
        except _REFUSALS as plain:  # says more than that something is missing
            error = plain
        error.__context__ = None
        return Evaluation("incomplete", self._told(error))

    def _run(self, tree: ast.Module) -> Evaluation:
        last = tree.body[-1] if tree.body else None
        value = None
        if isinstance(last, ast.Expr):
            self._execute(ast.Module(tree.body[:-1], []))
            value = eval(self._compiled(ast.Expression(last.value), "eval"), self._names)
        else:
            self._execute(tree)
        if value is None:
            return Evaluation("nothing")
        self._names["_"] = value
        return Evaluation("value", pformat(value, width=_WIDTH, compact=True, sort_dicts=False))

    def _execute(self, tree: ast.Module) -> None:
        if tree.body:
            exec(self._compiled(tree, "exec"), self._names)

    def _compiled(self, tree: ast.Module | ast.Expression, mode: str) -> CodeType:
        import __future__

        code: CodeType = compile(tree, _NAME, mode, self._flags, dont_inherit=True)
        for name in __future__.all_feature_names:  # what a text asks for holds for those behind it
            feature: int = getattr(__future__, name).compiler_flag
            self._flags |= code.co_flags & feature
        return code

    def _told(self, error: BaseException) -> str:
        """Give the traceback, without the frames that are not the person's."""
        add_hint(error, self._store)
        trim(error)
        return "".join(TracebackException.from_exception(error, compact=True).format()).rstrip("\n")


def _is_open_block(statement: ast.stmt) -> bool:
    """Tell whether a statement could go on in the next line, as a function can, and an `if` with its `else`."""
    return hasattr(statement, "body") or isinstance(statement, ast.Match)

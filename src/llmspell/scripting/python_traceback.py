"""Where did a Python script fail? In a frame of its own: those of llmspell say nothing to whoever wrote it."""

from __future__ import annotations

import contextlib
import os
import traceback
from types import TracebackType

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_BLOCKS = contextlib.__file__
"""What stands between a `with` block and our function that made it."""


def trim(error: BaseException) -> None:
    """Take the frames of llmspell out of the exception's traceback, and what they have called of the standard library.

    Those are the frames above the script, and those below its calls of `State` and its `with` blocks over it. Chained
    exceptions and the members of groups are treated likewise.
    """
    todo: list[BaseException | None] = [error]
    seen = set[int]()
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        trace = None
        for kept in reversed(_theirs(one.__traceback__)):
            trace = TracebackType(trace, kept.tb_frame, kept.tb_lasti, kept.tb_lineno)
        one.__traceback__ = trace
        todo.extend((one.__cause__, one.__context__))
        if isinstance(one, BaseExceptionGroup):
            todo.extend(one.exceptions)


def described(error: BaseException) -> str:
    """Give the exception on one line, behind the file and the line where the script stood.

    >>> described(ValueError("boom"))
    'ValueError: boom'
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    message = "; ".join(line.strip() for line in traceback.format_exception_only(error))  # with notes, one line each
    frames = _theirs(error.__traceback__)
    return f"{frames[-1].tb_frame.f_code.co_filename}:{frames[-1].tb_lineno}: {message}" if frames else message


def _theirs(trace: TracebackType | None) -> list[TracebackType]:
    kept: list[TracebackType] = []
    inside = False
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if filename.startswith(_OURS):
            inside = True
            while kept and kept[-1].tb_frame.f_code.co_filename == _BLOCKS:
                kept.pop()
        elif not (inside and _is_library(filename)):
            inside = False
            kept.append(trace)
        trace = trace.tb_next
    return kept


def _is_library(filename: str) -> bool:
    if filename.startswith("<frozen "):
        return True
    return filename.startswith(_LIBRARY) and "site-packages" not in filename and "dist-packages" not in filename

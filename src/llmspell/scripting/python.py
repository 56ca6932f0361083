"""How does a Python script run? As the program of the person who starts it: no sandbox, no limits, with `State`.

The script is the module `__main__`, in the main thread, so that signals, asyncio, pickle and multiprocessing work as
they do under `python`. `State` is the open store, and a global of that module only: a module that the script imports
gets it as an argument, or by `from __main__ import State`. A process that multiprocessing has forked has it too; one
that it has spawned imports the script anew, without `State`, and opens the store by `llmspell.open`.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

from llmspell.errors import InvalidArgument, ScriptError
from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell.config import ScriptSettings
    from llmspell.scripting.run import Run, Script
    from llmspell.store import Store

_NO_STATE = "State does not exist because [state] enabled = false in the configuration"
_FAILED = 1
_NO_CODE = 255
_LARGEST_CODE = 2**63


def require_enabled(settings: ScriptSettings) -> None:
    """Raise `InvalidArgument` when the configuration refuses Python scripts."""
    if not settings.python_enabled:
        raise InvalidArgument(
            "a Python script was to run, but [engines.python] enabled = false in the configuration refuses those; "
            "write true there if you trust it like a program of your own, or use another language"
        )


def execute(run: Run) -> None:
    """Run the script to its last line. Call it in the main thread of a process that has nothing else to do.

    From here on the process is the script's: threads and functions of `atexit` go on after the last line, until
    the process ends. So neither `sys.modules["__main__"]` nor `sys.argv` nor `sys.path` is put back, and the store must
    stay open until then. What the script prints goes to `sys.stdout`, not to the streams of the run.

    `sys.exit` sets the exit code of the run. Any other exception becomes a `ScriptError` with the exception as its
    `__cause__` (see `show`); `KeyboardInterrupt` passes, and so does `BrokenPipeError` when nobody reads the
    standard output any more.
    """
    try:
        try:
            _run_as_main(run.script, run.store)
        finally:
            _mend_streams()
    except SystemExit as end:
        run.exit(exit_code(end.code))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            raise
        from llmspell.scripting.python_traceback import described

        add_hint(error, run.store)
        raise ScriptError(described(error)) from error


def show(error: BaseException) -> None:
    """Tell an uncaught exception on standard error as Python does, without the frames of llmspell.

    If the script has set a `sys.excepthook` of its own, that one tells it; when that fails, both errors are told.
    """
    from llmspell.scripting.python_traceback import trim

    trim(error)
    _flush_output()
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except Exception as failure:  # noqa: BLE001 - a hook may raise anything
        failure.__context__ = None
        trim(failure)
        print("Error in sys.excepthook:", file=sys.stderr)
        sys.__excepthook__(type(failure), failure, failure.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(type(error), error, error.__traceback__)
    sys.stderr.flush()


def _run_as_main(script: Script, store: Store | None) -> None:
    filename = f"<{script.name}>" if script.path is None else os.path.abspath(script.path)
    # Python puts the folder first in whose place the command's own stands; with -P it leaves it out.
    if not sys.flags.safe_path:
        sys.path[:1] = ["" if script.path is None else os.path.dirname(os.path.realpath(script.path))]
    sys.argv = [script.name, *script.arguments]
    module = ModuleType("__main__")
    module.__dict__["__builtins__"] = sys.modules["builtins"]
    if script.path is not None:
        module.__file__ = filename
    if store is not None:
        module.__dict__["State"] = store
    sys.modules["__main__"] = module
    exec(compile(script.source, filename, "exec", dont_inherit=True), module.__dict__)


def exit_code(code: object) -> int:
    """Give what the shell sees, as Python does; text is printed."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if abs(code) < _LARGEST_CODE else _NO_CODE
    _flush_output()
    print(code, file=sys.stderr, flush=True)
    return _FAILED


def add_hint(error: BaseException, store: Store | None) -> None:
    """Add the reason to a `NameError` about `State` where there is none, and the right name to a wrong one."""
    if isinstance(error, NameError) and error.name == "State" and store is None:
        error.add_note(_NO_STATE)
    if isinstance(error, AttributeError) and error.name and store is not None and error.obj is store:
        from llmspell.scripting.hints import hint_about

        error.add_note(hint_about(error.name, store).removeprefix("; "))


def _flush_output() -> None:
    """Let what the script has printed stand before what is told of its end."""
    try:
        sys.stdout.flush()
    except OSError:
        return  # told when the command ends


def _nobody_reads() -> bool:
    """Tell whether the reader of the standard output has gone; other pipes of a script can break as well."""
    import select

    poll = select.poll()
    poll.register(1, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _mend_streams() -> None:
    """Let the end of the command write to the standard streams, whatever the script has made of them."""
    for name in ("stdout", "stderr"):
        for stream in (getattr(sys, name), getattr(sys, f"__{name}__")):
            if _can_be_written(stream):
                setattr(sys, name, stream)
                break
        else:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open until the process ends


def _can_be_written(stream: object) -> bool:
    try:
        return not stream.buffer.closed  # type: ignore[attr-defined]
    except (AttributeError, ValueError):  # no file, or one that was detached
        return False

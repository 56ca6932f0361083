"""How is QuickJS reached where its Python package does not reach: modules, stopping, forgotten rejections?

The package `quickjs-ng` runs code and calls Python functions, and nothing more. Its library exports the whole C
interface of QuickJS (https://github.com/quickjs-ng/quickjs, quickjs.h), so what is missing is set through `ctypes`:
the loader of modules, the tracker of rejected promises, and the handler that interrupts. The handler is set only at
the moment when a script must stop, from whatever thread says so; until then running costs nothing extra.

The runtime's address is read out of the package's object `Context`, whose layout is that of the versions that begin
with `_KNOWN`; another one is refused before anything is read.
"""

from __future__ import annotations

import ctypes
import threading

import _quickjs

from llmspell.errors import ScriptError
from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_KNOWN = "0.17."
_INSTALLS_KNOWN = "pip install 'quickjs-ng>=0.17,<0.18'"

_EVAL_MODULE, _EVAL_COMPILE_ONLY, _EVAL_ASYNC = 1, 1 << 5, 1 << 7
_TAG_EXCEPTION = 6

SQUEEZE_SECONDS = 0.1
"""After so long a script that was interrupted gets no more memory: one that only calls slow functions of the engine
counts too few steps to notice the interruption soon, but most of them cannot go on without memory."""

_NO_BYTES = 1
"""A memory limit; 0 would be none."""

_SPARE_BYTES, _COMPILED_BYTES = 1_048_576, 32
"""What compiling may take beyond the limit: so much, and so much for each byte of the text."""


class _Value(ctypes.Structure):
    """A JSValue of a 64-bit machine."""

    _fields_ = (("content", ctypes.c_uint64), ("tag", ctypes.c_int64))


_Normalize = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
_Load = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
_Reject = ctypes.CFUNCTYPE(None, ctypes.c_void_p, _Value, _Value, ctypes.c_bool, ctypes.c_void_p)
_Interrupt = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


class Engine:
    """One QuickJS runtime. Every call comes from the thread that made it, but for `interrupt`.

    `context` is the package's own object. `close` it in the same thread, when nothing of it is held any more.
    """

    def __init__(self, memory_limit_bytes: int, stack_bytes: int) -> None:
        self.context = _quickjs.Context()
        self._runtime, self._context = _addresses(self.context)
        self._memory_limit_bytes = memory_limit_bytes
        self._lock = threading.Lock()
        self._closed = self._interrupted = self._squeezed = False
        self._held: list[Any] = []  # what the engine calls back, and does not keep alive by itself
        self._rejection: _Value | None = None
        self.context.set_max_stack_size(stack_bytes)

    def limit_memory(self) -> None:
        """From now on the runtime may take as much memory as it was told, beside what it has already; 0: any."""
        if self._memory_limit_bytes:
            used = self.context.memory()["malloc_size"]
            self._memory_limit_bytes += used
            self.context.set_memory_limit(self._memory_limit_bytes)

    def lacked_memory(self) -> bool:
        """Tell whether memory may have run out: hardly any is left, or the objects once took two thirds of it.

        The engine keeps no mark of the most that was taken. It looks for garbage when there is half as much again as
        after the last time; where that is beyond the limit, it has no use for a limit any more.
        """
        most = self._memory_limit_bytes
        if most == 0:
            return False
        taken: int = self.context.memory()["malloc_size"]
        return taken * 64 > most * 63 or int(_library.JS_GetGCThreshold(self._runtime)) > most

    def collect(self) -> None:
        """Look for garbage now: close to the limit the engine waits with it for too long."""
        _library.JS_RunGC(self._runtime)

    def load_modules(self, resolve: Callable[[str, str], str], read: Callable[[str], bytes]) -> None:
        """Let `import` find modules: `resolve(importer, specifier)` names one, `read(name)` gives its text.

        What either raises as `ScriptError` the script sees as a `ReferenceError` with that message.
        """

        def normalize(_context: int, importer: bytes, specifier: bytes, _opaque: int) -> int | None:
            try:
                name = resolve(importer.decode(errors="surrogateescape"), specifier.decode(errors="surrogateescape"))
            except ScriptError as error:
                self._throw(str(error))
                return None
            copied: int | None = _library.js_strdup(self._context, name.encode(errors="surrogateescape"))
            return copied

        def load(_context: int, name: bytes, _opaque: int) -> int | None:
            try:
                source = read(name.decode(errors="surrogateescape"))
            except ScriptError as error:
                self._throw(str(error))
                return None
            compiled = self._evaluate(source, name, _EVAL_MODULE | _EVAL_COMPILE_ONLY)
            if compiled.tag == _TAG_EXCEPTION:
                return None
            module = int(compiled.content)
            _library.JS_FreeValue(self._context, compiled)  # the runtime keeps what it has loaded
            return module

        callbacks = _Normalize(normalize), _Load(load)
        self._held.extend(callbacks)
        _library.JS_SetModuleLoaderFunc(self._runtime, *callbacks, None)

    def track_rejections(self, name: str) -> None:
        """Have the global function `name` told of each rejected promise: it, the reason, and whether it is handled."""
        tracker = self._global(name)

        def reject(_context: int, promise: _Value, reason: _Value, handled: bool, _opaque: int) -> None:
            arguments = (_Value * 3)(promise, reason, _Value(int(handled), _TAG_BOOL))
            answer = _library.JS_Call(self._context, tracker, _Value(0, _TAG_UNDEFINED), 3, arguments)
            if answer.tag == _TAG_EXCEPTION:
                _library.JS_FreeValue(self._context, _library.JS_GetException(self._context))

        callback = _Reject(reject)
        self._held.append(callback)
        self._rejection = tracker
        _library.JS_SetHostPromiseRejectionTracker(self._runtime, callback, None)

    def evaluate_into(self, name: str, source: bytes, file: str) -> None:
        """Evaluate a text as if it stood in `file`; the promise of its value goes into the global variable `name`.

        What a text declares the next one sees. Only while the engine runs, from a callback of `load_modules`: the
        package does not notice otherwise that Python was left. A text that is no JavaScript gives `undefined`, and
        the exception goes into `name` followed by "_failure".
        """
        value = self._evaluate(source, file.encode(), _EVAL_ASYNC)
        if value.tag == _TAG_EXCEPTION:
            name, value = f"{name}_failure", _library.JS_GetException(self._context)
        scope = _library.JS_GetGlobalObject(self._context)
        if _library.JS_SetPropertyStr(self._context, scope, name.encode(), value) < 0:  # without memory
            _library.JS_FreeValue(self._context, _library.JS_GetException(self._context))
        _library.JS_FreeValue(self._context, scope)

    def interrupt(self) -> None:
        """End what runs, from any thread: no `catch` and no `finally` of a script gets in the way."""
        with self._lock:
            if self._closed or self._interrupted:
                return
            self._interrupted = True
            _library.JS_SetInterruptHandler(self._runtime, _always, None)
        timer = threading.Timer(SQUEEZE_SECONDS, self._squeeze)
        timer.daemon = True
        timer.start()

    def recover(self) -> None:
        """Let code run again after an interruption."""
        with self._lock:
            self._interrupted = self._squeezed = False
            _library.JS_SetInterruptHandler(self._runtime, _never, None)
            self.context.set_memory_limit(self._memory_limit_bytes)

    def close(self) -> None:
        """Let go of the runtime."""
        with self._lock:
            self._closed = True
        if self._rejection is not None:
            _library.JS_SetHostPromiseRejectionTracker(self._runtime, _Reject(), None)
            _library.JS_FreeValue(self._context, self._rejection)
        del self.context

    def _squeeze(self) -> None:
        with self._lock:
            if self._interrupted and not self._closed:
                self._squeezed = True
                _library.JS_SetMemoryLimit(self._runtime, _NO_BYTES)

    def _evaluate(self, source: bytes, name: bytes, flags: int) -> _Value:
        """Evaluate or compile, with some memory more: at the limit the engine's compiler would end the process."""
        with self._lock:
            most = self._memory_limit_bytes
            if most:
                spare = _SPARE_BYTES + _COMPILED_BYTES * len(source)
                _library.JS_SetMemoryLimit(self._runtime, most + spare)
        value: _Value = _library.JS_Eval(self._context, source, len(source), name, flags)
        with self._lock:
            if most:
                _library.JS_SetMemoryLimit(self._runtime, _NO_BYTES if self._squeezed else most)
        return value

    def _throw(self, message: str) -> None:
        from json import dumps

        thrown = self._evaluate(f"throw new ReferenceError({dumps(message)})".encode(), b"<input>", 0)
        _library.JS_FreeValue(self._context, thrown)

    def _global(self, name: str) -> _Value:
        scope = _library.JS_GetGlobalObject(self._context)
        value: _Value = _library.JS_GetPropertyStr(self._context, scope, name.encode())
        _library.JS_FreeValue(self._context, scope)
        return value


_TAG_BOOL, _TAG_UNDEFINED = 1, 3


_always = _Interrupt(lambda _runtime, _opaque: 1)
_never = _Interrupt()


def _open_library() -> ctypes.CDLL:
    """Declare what is called of the C interface; raises `ScriptError` for a build that lacks it."""
    library = ctypes.CDLL(_quickjs.__file__)
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    try:
        for name, result, parameters in (
            ("JS_GetVersion", text, ()),
            ("JS_GetRuntime", pointer, (pointer,)),
            ("JS_GetRuntimeOpaque", pointer, (pointer,)),
            ("JS_Eval", _Value, (pointer, text, ctypes.c_size_t, text, ctypes.c_int)),
            ("JS_Call", _Value, (pointer, _Value, _Value, ctypes.c_int, ctypes.POINTER(_Value))),
            ("JS_FreeValue", None, (pointer, _Value)),
            ("JS_GetException", _Value, (pointer,)),
            ("JS_GetGlobalObject", _Value, (pointer,)),
            ("JS_GetPropertyStr", _Value, (pointer, _Value, text)),
            ("JS_SetPropertyStr", ctypes.c_int, (pointer, _Value, text, _Value)),
            ("JS_SetModuleLoaderFunc", None, (pointer, _Normalize, _Load, pointer)),
            ("JS_SetHostPromiseRejectionTracker", None, (pointer, _Reject, pointer)),
            ("JS_SetInterruptHandler", None, (pointer, _Interrupt, pointer)),
            ("JS_RunGC", None, (pointer,)),
            ("JS_SetMemoryLimit", None, (pointer, ctypes.c_size_t)),
            ("JS_GetGCThreshold", ctypes.c_size_t, (pointer,)),
            ("js_strdup", pointer, (pointer, text)),
        ):
            function = getattr(library, name)
            function.restype, function.argtypes = result, parameters
    except AttributeError as error:
        raise ScriptError(f"JavaScript cannot run: this build of quickjs-ng does not offer {error}") from error
    version = library.JS_GetVersion().decode()
    if ctypes.sizeof(pointer) != 8 or not version.startswith(_KNOWN):
        raise ScriptError(
            f"JavaScript cannot run: quickjs-ng {_KNOWN}x on a 64-bit machine is needed, and {version} was found; "
            f"install it with: {_INSTALLS_KNOWN}"
        )
    return library


_library = _open_library()


def _addresses(context: Any) -> tuple[int, int]:
    """Read where the runtime and the context of QuickJS are: the first two fields behind Python's own."""
    first = id(context) + object.__basicsize__
    size = ctypes.sizeof(ctypes.c_void_p)
    runtime, inner = (ctypes.c_void_p.from_address(first + place * size).value or 0 for place in (0, 1))
    if _library.JS_GetRuntimeOpaque(runtime) != id(context) or _library.JS_GetRuntime(inner) != runtime:
        raise ScriptError("JavaScript cannot run: this build of quickjs-ng keeps its runtime elsewhere than known ones")
    return runtime, inner

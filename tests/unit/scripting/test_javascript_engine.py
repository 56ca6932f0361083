"""The engine's C interface is used so that nothing a script does ends the process."""

import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from _quickjs import JSException

from llmspell.config import ScriptSettings
from llmspell.errors import LimitExceeded, ScriptError
from llmspell.scripting import javascript_engine
from llmspell.scripting.javascript_engine import Engine
from llmspell.scripting.run import Run, Script
from llmspell.scripting.running import watch
from llmspell.scripting.streams import CapturedStreams
from tests.unit.scripting.javascript import JavaScript, in_process

STACK_BYTES = 1_048_576


@pytest.fixture
def engine() -> Engine:
    return Engine(0, STACK_BYTES)


def later(engine: Engine) -> threading.Timer:
    timer = threading.Timer(0.02, engine.interrupt)
    timer.start()
    return timer


def test_an_interruption_ends_what_runs_and_recovering_lets_it_run_again(engine: Engine) -> None:
    for _ in range(3):
        timer = later(engine)
        with pytest.raises(JSException, match="interrupted"):
            engine.context.eval("for (;;) try { for (;;); } catch {} finally {}")
        timer.join()
        engine.recover()
        assert engine.context.eval("{ let sum = 0; for (let i = 0; i < 1e5; i++) sum += i; sum }") == 4_999_950_000
    engine.close()


def test_an_interruption_before_the_code_is_noticed(engine: Engine) -> None:
    engine.interrupt()
    engine.interrupt()
    with pytest.raises(JSException, match="interrupted"):
        engine.context.eval("for (;;);")
    engine.close()


def test_an_interruption_after_the_end_touches_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.close()
    monkeypatch.setattr(javascript_engine, "_library", None)
    engine.interrupt()


def test_the_memory_limit_counts_from_where_it_is_set() -> None:
    engine = Engine(100_000, STACK_BYTES)
    engine.context.eval("globalThis.library = 'x'.repeat(1e6)")
    engine.limit_memory()
    assert engine.context.eval("'y'.repeat(50000).length") == 50_000
    with pytest.raises(JSException, match="out of memory"):
        engine.context.eval("'z'.repeat(200000)")
    engine.close()


def test_memory_that_was_short_is_known_afterwards() -> None:
    engine = Engine(1_000_000, STACK_BYTES)
    engine.limit_memory()
    engine.context.eval("{ const a = []; for (let i = 0; i < 100; i++) a.push([]); }")
    assert not engine.lacked_memory()
    with pytest.raises(JSException):
        engine.context.eval("{ const a = []; for (;;) a.push([]); }")
    assert engine.lacked_memory()
    engine.close()
    boundless = Engine(0, STACK_BYTES)
    assert not boundless.lacked_memory()
    boundless.close()


def test_modules_are_found_through_the_functions_given(engine: Engine) -> None:
    asked: list[tuple[str, str]] = []

    def resolve(importer: str, specifier: str) -> str:
        asked.append((importer, specifier))
        if specifier == "missing":
            raise ScriptError("there is no \"missing\" '\u00e9' \U0001f600 \\ \n")
        return f"<{specifier}>"

    def read(name: str) -> bytes:
        if name == "<unreadable>":
            raise ScriptError("it cannot be read")
        return {"<a>": b"export { b } from 'b';", "<b>": b"export const b = 'b';"}[name]

    engine.load_modules(resolve, read)
    engine.context.eval("globalThis.got = []; const push = (v) => got.push(v.b ?? v.message);")
    for name in ("a", "a", "missing", "unreadable"):
        engine.context.eval(f"import('{name}').then(push, push)")
        while engine.context.execute_pending_job():
            pass
    assert engine.context.eval("got.join('|')") == (
        "b|b|there is no \"missing\" '\u00e9' \U0001f600 \\ \n|it cannot be read"
    )
    assert asked[:2] == [("<input>", "a"), ("<a>", "b")]
    engine.close()


def test_forgotten_rejections_are_told_and_taken_back(engine: Engine) -> None:
    engine.context.eval(
        "globalThis.told = []; globalThis.track = (p, reason, handled) => { told.push(`${reason} ${handled}`); }"
    )
    engine.track_rejections("track")
    engine.context.eval("globalThis.p = Promise.reject('a'); Promise.reject('b'); p.catch(() => {}); 1")
    while engine.context.execute_pending_job():
        pass
    assert engine.context.eval("told.join()") == "a false,b false,a true"
    engine.close()


def test_a_tracker_that_throws_harms_nothing(engine: Engine) -> None:
    engine.context.eval("globalThis.track = () => { throw new Error('tracker'); }")
    engine.track_rejections("track")
    assert engine.context.eval("Promise.reject(1); Promise.reject(2); 'after'") == "after"
    engine.close()


def test_a_context_with_another_layout_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = SimpleNamespace(JS_GetRuntimeOpaque=lambda runtime: 0, JS_GetRuntime=lambda context: 0)
    monkeypatch.setattr(javascript_engine, "_library", answers)
    with pytest.raises(ScriptError, match="keeps its runtime elsewhere than known ones"):
        javascript_engine._addresses(engine.context)
    monkeypatch.undo()
    engine.close()


def test_another_version_of_the_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(javascript_engine, "_KNOWN", "9.99.")
    with pytest.raises(ScriptError, match=r"quickjs-ng 9\.99\.x .* 64-bit machine is needed, .*0\.\d+\.\d+"):
        javascript_engine._open_library()


def test_a_build_that_lacks_a_function_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda path: SimpleNamespace())
    with pytest.raises(ScriptError, match=r"this build of quickjs-ng does not offer .*JS_GetVersion"):
        javascript_engine._open_library()


# Whatever ends a script, the process stays ------------------------------------------------------------------

ENDS = {
    "an interruption inside a job": "await null; for (;;) try { for (;;); } catch {}",
    "an interruption inside many jobs": "for (let i = 0; i < 99; i++) (async () => { for (;;) await i; })(); await new Promise(() => {});",
    "an interruption inside a tracker": "for (;;) Promise.reject({get stack() { for (;;); }});",
    "an interruption inside a transaction": "State.transaction(() => { State.save('s', 'k', 1); for (;;); });",
    "an interruption inside an update inside a getter": "State.save('s', 'k', {get a() { State.update('s', 'n', () => { for (;;); }); return 1; }});",
    "an interruption inside a dynamic import": "for (;;) await import('./endless.js');",
    "an interruption of something large": "const a = []; for (let i = 0; i < 1e5; i++) a.push({a, f: () => a}); for (;;);",
    "an interruption inside a generator that is let go": "const g = (function* () { try { yield 1; } finally { for (;;); } })(); g.next(); g.return();",
    "an interruption while an error is told": "throw {get message() { for (;;); }, [Symbol.toStringTag]: 'Error', name: {toString() { for (;;); }}};",
    "an interruption while a promise of another kind is made": "class P extends Promise { constructor(f) { super(f); for (;;); } } P.resolve(1);",
    "an interruption inside a thenable": "await {then(resolve) { resolve({then() { for (;;); }}); }};",
    "an interruption inside await using": "await using x = {async [Symbol.asyncDispose]() { for (;;); }}; for (;;);",
    "memory inside a job": "await null; const a = []; for (;;) a.push({});",
    "memory inside a tracker": "const a = []; for (;;) { a.push([]); Promise.reject(a); }",
    "memory inside a transaction": "State.transaction(() => { const a = []; for (;;) { a.push({}); State.save('s', 'k', a.length); } });",
    "memory inside a getter of a value": "const a = []; State.save('s', 'k', {get a() { for (;;) a.push({}); }});",
    "memory inside an import": "const a = []; try { for (;;) a.push({}); } catch {} for (;;) { try { await import('./fine.js'); } catch {} a.push([]); }",
    "memory while an error is made": "const a = []; for (;;) try { a.push({}); } catch (e) { throw new Error('x'.repeat(1e6), {cause: e}); }",
    "a frozen error": "throw Object.freeze(new Error('frozen'));",
    "an error of the engine that was changed": "try { (function f() { f(); })(); } catch (e) { e.toString = () => { throw 1; }; Object.setPrototypeOf(e, null); throw e; }",
    "an error that is a proxy": "throw new Proxy(new Error('x'), {get() { throw 1; }, has() { throw 2; }, getPrototypeOf() { throw 3; }});",
    "an error whose toString ends the script": "throw Object.assign(new Error(), {name: {toString() { exit(9); }}});",
    "an error whose message is endless": "throw Object.assign(new Error(), {message: {toString() { for (;;); }}});",
    "an error whose message takes all memory": "throw Object.assign(new Error(), {message: {toString() { const a = []; for (;;) a.push({}); }}});",
    "the prototypes of errors changed": "InternalError = null; try { InternalError.prototype.message = 1; } catch {} for (;;);",
    "exit inside a job inside a transaction": "await null; State.transaction(() => { State.save('s', 'k', 1); exit(1); });",
    "exit inside a module": "await import('./leaves.js');",
    "a stack that overflows inside a job": "await null; (function f() { try { f(); } finally { f(); } })();",
    "a stack that overflows inside a trap": "const p = new Proxy({}, {get(t, n, r) { return r[n]; }}); State.save('s', 'k', p);",
}


@pytest.fixture
def modules(memory_javascript: JavaScript) -> JavaScript:
    memory_javascript.module("endless.js", "for (;;);")
    memory_javascript.module("fine.js", "export default 1;")
    memory_javascript.module("leaves.js", "State.transaction(() => exit(2));")
    return memory_javascript


@pytest.mark.parametrize("text", ENDS.values(), ids=list(ENDS))
def test_however_a_script_ends_the_next_one_runs(modules: JavaScript, text: str) -> None:
    try:
        modules(text, timeout_seconds=0.05, javascript_memory_limit_bytes=5_000_000)
        ended = modules.exit_code > 0
    except ScriptError:
        ended = True
    assert ended
    assert (
        modules("State.save('s', 'after', 1); console.log(State.load('s', 'after'), State.exists('s', 'k'))")
        == "1 false\n"
    )


def test_many_runtimes_one_after_the_other(tmp_path: Path) -> None:
    """Opened, interrupted, filled and let go of in one process, which keeps its size."""
    text = """
import resource, sys, threading
from llmspell.config import ScriptSettings
from llmspell.errors import ScriptError
from llmspell.scripting.run import Run, Script
from llmspell.scripting.javascript import execute
from llmspell.scripting.running import watch
from llmspell.scripting.streams import CapturedStreams
import llmspell

ENDS = [b"1", b"throw null", b"await new Promise(() => {})", b"for (;;);", b"const a = []; for (;;) a.push({a})",
        b"await null; for (;;) await null", b"State.transaction(() => { State.save('s', 'k', 1); for (;;); })",
        b"Promise.reject(new Error('x'))", b"exit(3)", b"import './none.js'", b"globalThis.keep = {}; keep.self = keep;"]

def one(store, number):
    settings = ScriptSettings(timeout_seconds=0.002, javascript_memory_limit_bytes=2_000_000)
    try:
        watch(Run(Script(ENDS[number % len(ENDS)], "t.js", "."), store, settings, CapturedStreams()), "javascript")
    except ScriptError:
        return

def many(store, begin, end):
    for number in range(begin, end):
        one(store, number)

with llmspell.open(backend="memory") as store:
    many(store, 0, 110)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    many(store, 0, ROUNDS)
    threads = [threading.Thread(target=many, args=(store, n, n + ROUNDS // 3)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print("grown", grown < 60_000, grown, file=sys.stderr if grown >= 60_000 else sys.stdout)
"""
    (tmp_path / "many.py").write_text(text.replace("ROUNDS", "165"))
    finished = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(tmp_path / "many.py")], capture_output=True, timeout=120, check=False
    )
    assert (finished.returncode, finished.stderr) == (0, b""), finished
    assert finished.stdout.startswith(b"grown True")


def test_scripts_in_several_threads_do_not_meet() -> None:
    outputs: dict[int, str] = {}

    def one(number: int) -> None:
        streams = CapturedStreams()
        text = f"globalThis.n = {number}; let sum = 0; for (let i = 0; i < 50000; i++) sum += n; console.log(sum);"
        watch(Run(Script(text.encode(), f"{number}.js", ""), None, ScriptSettings(), streams), "javascript")
        outputs[number] = streams.text

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == {number: f"{50_000 * number}\n" for number in range(8)}


def test_a_stop_at_any_moment_leaves_the_process_whole() -> None:
    """From before the runtime exists until after it was closed."""
    text = (
        b"import('./none.js').catch(() => {}); for (let i = 0; i < 3000; i++) { await null; try { null.x; } catch {} }"
    )
    for step in range(60):
        run = Run(Script(text, "t.js", "."), None, ScriptSettings(timeout_seconds=30), CapturedStreams())
        timer = threading.Timer(step / 6000, run.fail, ("stopped",))
        timer.start()
        try:
            watch(run, "javascript")
            ending = ""
        except ScriptError as error:
            ending = str(error)
        timer.join()
        assert ending in ("", "t.js: stopped")


def test_a_small_stack_of_the_system_is_enough(tmp_path: Path) -> None:
    text = "let n = 0; try { (function f() { n++; f(); })(); } catch ({name}) { console.log(name, n > 100); }"
    assert in_process(text, tmp_path, stack_bytes=200 * 1024) == (0, "RangeError true\n", "")


def test_a_conversation_goes_on_after_memory_ran_out(tmp_path: Path) -> None:
    """The engine's compiler has no memory then, and would end the process."""
    text = """
from llmspell.config import ScriptSettings
from llmspell.scripting.registry import open_session
from llmspell.scripting.run import Run, Script
from llmspell.scripting.streams import CapturedStreams

settings = ScriptSettings(timeout_seconds=0.03, javascript_memory_limit_bytes=2_000_000)
for _ in range(12):
    session = open_session("javascript", Run(Script(b"", "t.js", ""), None, settings, CapturedStreams()))
    for text in ("for (;;) try { await null; } catch {}", "const a = []; for (;;) a.push([]);", "1", "[2]"):
        session.evaluate(text)
    session.close()
"""
    (tmp_path / "converse.py").write_text(text)
    finished = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(tmp_path / "converse.py")],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, b"")


@pytest.mark.soak
def test_thousands_of_runtimes() -> None:
    streams = CapturedStreams()
    for _ in range(5000):
        run = Run(Script(b"for (;;) await null;", "t.js", ""), None, ScriptSettings(timeout_seconds=0.001), streams)
        with pytest.raises(LimitExceeded):
            watch(run, "javascript")

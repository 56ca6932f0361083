"""No JavaScript runs for ever or takes all memory, and whatever stops it leaves the store as it should be."""

import signal
import subprocess
import threading
from pathlib import Path

import pytest

import llmspell
from llmspell.config import ScriptSettings
from llmspell.errors import LimitExceeded, ScriptError
from llmspell.scripting.run import Run, Script
from llmspell.scripting.running import watch
from llmspell.scripting.streams import CapturedStreams
from tests.unit.scripting.javascript import ABANDONED, JavaScript, in_process, start_process

TIME = r"stopped: it ran longer than 0\.05 s; \[runtime\] script_timeout_seconds in the configuration changes that$"
MEMORY = r"stopped: it needed more than 20,000,000 bytes of memory(?:, or threw null, which looks the same)?; \[engines\.javascript\] memory_limit in the conf"


def store_of(javascript: JavaScript) -> llmspell.Store:
    assert javascript.store is not None
    return javascript.store


# Time -----------------------------------------------------------------------------------------------------

NATIVE_NEXT = "{next: Object.bind(null, {done: false, value: 1}), __proto__: Iterator.prototype}"
"""An iterator that never ends and is made of the engine's own functions alone."""

ENDLESS = {
    "a loop": "for (;;);",
    "a loop in finally": "for (;;) try { for (;;); } finally { continue; }",
    "a loop that catches everything": "for (;;) try { for (;;); } catch {}",
    "a function that calls itself in finally": "(function f() { try { f(); } finally { f(); } })()",
    "a getter": "({get x() { for (;;); }}).x",
    "toString": "`${{toString() { for (;;); }}}`",
    "valueOf": "+{valueOf() { for (;;); }}",
    "a trap of a proxy": "new Proxy({}, {get() { for (;;); }}).x",
    "a generator": "for (const x of (function* () { for (;;) yield 1; })());",
    "microtasks": "(function f() { Promise.resolve().then(f); })(); await new Promise(() => {});",
    "queueMicrotask": "(function f() { queueMicrotask(f); })();",
    "an async function": "await (async () => { for (;;) await null; })();",
    "an async function that catches": "await (async () => { for (;;) try { await null; for (;;); } catch {} })();",
    "await in a forgotten function": "(async () => { await null; for (;;) try { for (;;); } catch {} })();",
    "an async generator": "for await (const x of (async function* () { for (;;) yield 1; })());",
    "a thenable": "await {then() { for (;;); }};",
    "a class of promises": "new (class extends Promise { static get [Symbol.species]() { for (;;); } })(() => {}).then();",
    "a comparison of sort": "[3, 2, 1].sort(() => { for (;;); })",
    "a regular expression": "/^(a+)+$/.test('a'.repeat(40) + 'b')",
    "a caught regular expression": "for (;;) try { /(x+x+)+y/.exec('x'.repeat(60)); } catch {}",
    "a replacement": "'aaa'.replace(/a/g, () => { for (;;); })",
    "a reviver": "JSON.parse('[1, 2]', () => { for (;;); })",
    "toJSON": "JSON.stringify({toJSON() { for (;;); }})",
    "Array.from": "Array.from({[Symbol.iterator]: () => ({next: () => ({value: 1, done: false})})}, () => 1)",
    "includes": "Array(4294967295).includes(1)",
    "indexOf of what is as long as can be": "Array.prototype.indexOf.call({length: 2 ** 53 - 1}, 1)",
    "fill of what is as long as can be": "Array.prototype.fill.call({length: 2 ** 53 - 1}, 1)",
    "reverse of what is as long as can be": "Array.prototype.reverse.call({length: 2 ** 53 - 1})",
    "every, with a function of the engine": "Array.prototype.every.call({length: 2 ** 53 - 1}, Boolean.bind(null, 1))",
    "an iterator of the engine's functions": f"({NATIVE_NEXT}).every(Boolean.bind(null, 1))",
    "an iterator without end that is dropped": f"({NATIVE_NEXT}).drop(Infinity).next()",
    "a set of what never ends": f"new Set({{[Symbol.iterator]: Object.bind(null, {NATIVE_NEXT})}})",
    "all of endless promises": f"Promise.all({{[Symbol.iterator]: Object.bind(null, {NATIVE_NEXT})}})",
    "a comparison of many numbers": "new Float64Array(1e6).map(Math.random).sort((a, b) => { for (let i = 0; i < 99; i++); return a - b; })",
    "waiting": "for (;;) try { Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0); } catch {}",
    "the message of an error": "throw Object.defineProperty(new Error(), 'message', {get() { for (;;); }});",
    "what makes the text of a stack": "Error.prepareStackTrace = () => { for (;;); }; for (;;) try { null.x; } catch {}",
    "the console": "console.log({get x() { return 1; }}); for (;;) console.log('x');",
    "State": "for (;;) try { State.save('s', 'loop', 1); } catch {}",
    "a value that is saved": "State.save('s', 'k', {get x() { for (;;) try { for (;;); } catch {} }});",
    "a transaction": "State.transaction(() => { State.save('s', 'undone', 1); for (;;) try { for (;;); } finally { continue; } });",
    "transactions": "for (;;) try { State.transaction(() => { State.save('s', 'undone', 1); throw 1; }); } catch {}",
    "an update": "State.update('s', 'undone', () => { for (;;) State.load('s', 'k'); });",
    "an error of State": "for (;;) try { State.save('s', '', 1); } catch {}",
    "exit": "try { exit({}); } finally { for (;;); }",
    "a dynamic import": "for (;;) try { await import('./none.js'); } catch {}",
    "eval": "for (;;) try { eval('for (;;);'); } catch {}",
    "a function made of text": "for (;;) try { Function('for (;;);')(); } catch {}",
}


@pytest.mark.parametrize("text", ENDLESS.values(), ids=list(ENDLESS))
def test_a_script_without_end_is_stopped(disk_javascript: JavaScript, text: str) -> None:
    with pytest.raises(LimitExceeded, match=TIME):
        disk_javascript(f"State.save('s', 'before', 1);\n{text}", timeout_seconds=0.05)
    store = store_of(disk_javascript)
    assert set(store.list_keys("s")) <= {"before", "loop"}
    store.save("s", "after", 1)  # the turn was handed on


def test_the_message_names_the_line_that_was_running(memory_javascript: JavaScript) -> None:
    with pytest.raises(LimitExceeded, match=r"^t\.js:[14]: stopped: it ran longer"):
        memory_javascript("function f() {}\n\nwhile (true) {\n  f();\n}\n", timeout_seconds=0.05)


def test_a_module_that_does_not_end_is_stopped(memory_javascript: JavaScript) -> None:
    memory_javascript.module("endless.js", "for (;;) try { for (;;); } catch {}")
    with pytest.raises(LimitExceeded, match=TIME):
        memory_javascript("import './endless.js';", timeout_seconds=0.05)
    with pytest.raises(LimitExceeded, match=TIME):
        memory_javascript("for (;;) try { await import('./endless.js'); } catch {}", timeout_seconds=0.05)


def test_nothing_of_a_stopped_script_runs_on(memory_javascript: JavaScript) -> None:
    text = """
        queueMicrotask(() => State.save("s", "microtask", 1));
        Promise.reject(1).catch(() => State.save("s", "caught", 1));
        try { for (;;); } catch { State.save("s", "catch", 1); } finally { State.save("s", "finally", 1); }
    """
    with pytest.raises(LimitExceeded, match=TIME):
        memory_javascript(text, timeout_seconds=0.05)
    assert store_of(memory_javascript).list_keys("s") == []


def test_what_the_engine_does_in_one_step_is_left_to_the_end_of_the_process(tmp_path: Path) -> None:
    finished = in_process(
        "State.save('s', 'before', 1); Array(4294967295).join('');",
        tmp_path,
        store=str(tmp_path / "state"),
        timeout_seconds=0.1,
    )
    assert (finished.code, finished.output) == (ABANDONED, ""), finished
    assert finished.error.startswith("abandoned: LimitExceeded: t.js: stopped: it ran longer than 0.1 s")
    with llmspell.open(tmp_path / "state") as store:
        assert store.list_keys("s") == ["before"]


# Memory ---------------------------------------------------------------------------------------------------

GREEDY = {
    "arrays": "const a = []; for (;;) a.push([]);",
    "objects": "let o = null; for (;;) o = {o};",
    "a growing array": "const a = []; for (;;) a.push(1);",
    "concat": "let a = [1]; for (;;) a = a.concat(a);",
    "fill": "Array(1e9).fill(1);",
    "texts": "const a = []; for (let i = 0; ; i++) a.push(`a text ${i}`);",
    "repeat": "'x'.repeat(2 ** 29);",
    "padStart": "''.padStart(2 ** 29, 'ab');",
    "replaceAll": "'x'.repeat(1e6).replaceAll('x', 'y'.repeat(100));",
    "split": "'x'.repeat(5e6).split('');",
    "a buffer": "new ArrayBuffer(1e9);",
    "buffers that may grow": "const a = []; for (;;) a.push(new ArrayBuffer(8, {maxByteLength: 2 ** 20}));",
    "a shared buffer": "new Uint8Array(new SharedArrayBuffer(1e9)).fill(1);",
    "shared buffers": "const a = []; for (;;) a.push(new SharedArrayBuffer(1e6));",
    "a map": "const m = new Map(); for (;;) m.set({}, 1);",
    "a weak map": "const m = new WeakMap(), a = []; for (;;) { const o = {}; a.push(o); m.set(o, {}); }",
    "symbols": "const a = []; for (;;) a.push(Symbol('x'));",
    "closures": "const a = []; for (;;) a.push(() => a);",
    "generators": "const a = []; for (;;) a.push((function* () { yield 1; })());",
    "promises": "const a = []; for (;;) a.push(new Promise(() => {}).then(() => a));",
    "big integers": "const a = []; for (let n = 0n; ; n++) a.push(2n ** 10000n + n);",
    "regular expressions": "const a = []; for (let i = 0; ; i++) a.push(new RegExp('(a|b)'.repeat(100) + i));",
    "going back in a regular expression": "/(?:(a)|b)*$/.exec('ab'.repeat(2e6) + 'c');",
    "functions made of text": "const a = []; for (let i = 0; ; i++) a.push(Function('return ' + i));",
    "errors": "const a = []; for (;;) a.push(new Error('x'));",
    "keys of a long array": "Reflect.ownKeys(new Uint8Array(1e7));",
    "JSON": "JSON.parse('[' + '[],'.repeat(1e6) + '1]');",
    "an async function": "await (async () => { await null; const a = []; for (;;) a.push([]); })();",
    "what comes after await": "await null; const a = []; for (;;) a.push([]);",
    "values loaded from the store": """
        State.save("s", "k", "x".repeat(1e6));
        const a = []; for (;;) a.push(State.load("s", "k"));
    """,
    "what a transaction writes": """
        State.transaction(() => { for (let i = 0; ; i++) State.save("s", "k" + i, "x".repeat(1e6)); });
    """,
    "what a transaction deletes": "State.transaction(() => { for (let i = 0; ; i++) State.delete('s', 'k' + i); });",
    "memory inside a transaction": """
        State.transaction(() => { State.save("s", "undone", 1); const a = []; for (;;) a.push([]); });
    """,
}


@pytest.mark.parametrize("text", GREEDY.values(), ids=list(GREEDY))
def test_the_memory_limit_stops(memory_javascript: JavaScript, text: str) -> None:
    with pytest.raises(LimitExceeded, match=MEMORY):
        memory_javascript(f"State.save('before', 'k', 1);\n{text}", javascript_memory_limit_bytes=20_000_000)
    store = store_of(memory_javascript)
    assert (store.load("before", "k"), store.exists("s", "undone")) == (1, False)


@pytest.mark.parametrize("text", ["for (;;) queueMicrotask(() => {});", "for (;;) Promise.reject([]);"])
def test_jobs_without_end_are_stopped(memory_javascript: JavaScript, text: str) -> None:
    """The engine may drop a job that it has no memory for, and then only time ends the script."""
    with pytest.raises(ScriptError):
        memory_javascript(text, javascript_memory_limit_bytes=20_000_000, timeout_seconds=1)


def test_running_out_of_memory_can_be_caught_and_the_script_goes_on(memory_javascript: JavaScript) -> None:
    text = """
        function fill() {
          const kept = [];
          for (;;) kept.push([]);
        }
        for (let round = 0; round < 5; round++) {
          try { fill(); } catch (error) { State.append("s", "errors", error === null ? "null" : error.message); }
          try { State.transaction(() => { State.save("s", "k", round); fill(); }); } catch {}
          State.transaction(() => State.save("s", "done", round));
        }
        console.log(State.load("s", "errors").length, State.load("s", "done"), State.exists("s", "k"));
    """
    assert memory_javascript(text, javascript_memory_limit_bytes=20_000_000) == "5 4 false\n"


@pytest.mark.parametrize("limit", [1, 1000, 30_000, 100_000, 300_000])
def test_a_tiny_memory_limit_ends_nothing_but_the_script(memory_javascript: JavaScript, limit: int) -> None:
    text = """
        const kept = [];
        for (let i = 1; i < 10000; i++) {
          State.save("s", "k", "x".repeat(i) + i);
          kept.push(State.load("s", "k"));
          try { State.save("s", "", 1); } catch {}
        }
    """
    with pytest.raises((LimitExceeded, ScriptError)):
        memory_javascript(text, javascript_memory_limit_bytes=limit)


def test_everything_can_be_called_when_memory_is_short(memory_javascript: JavaScript) -> None:
    """Fill the memory to the brim before each call, and look only for what must not happen."""
    text = """
        let kept = [];
        const fill = () => { try { for (;;) kept.push([]); } catch {} try { for (;;) kept.push(1.5); } catch {} };
        const acts = [
          () => State.save("s", "k", {a: [1]}), () => State.load("s", "k"), () => State.entry("s", "k"),
          () => State.list_keys("s"), () => State.scopes(), () => State.increment("s", "n"),
          () => State.append("s", "l", {}), () => State.transaction(() => State.save("s", "k", 2)),
          () => State.update("s", "k", (old) => [old]), () => State.save("s", "", 1), () => State.save("s", "k", [() => 1]),
          () => console.log(kept), () => console.error("x"), () => import("./none.js"), () => new Error("e").stack,
          () => exit("x"), () => queueMicrotask(() => {}), () => eval("1 + 1"), () => new RegExp("a+"),
          () => JSON.parse("[1, {}]"), () => Promise.reject(1).catch(() => {}), () => [3, 1, 2].sort(), () => `${kept.length}`,
        ];
        for (const act of acts) {
          for (let spare = 0; spare < 12; spare++) {
            fill();
            kept.length -= spare * spare;
            try { act(); } catch {}
          }
        }
        kept = null;
        console.log("done", State.save("s", "end", 1) > 0);
    """
    assert memory_javascript(text, javascript_memory_limit_bytes=3_000_000).endswith("done true\n")


def test_no_memory_limit_means_none(memory_javascript: JavaScript) -> None:
    text = "const a = []; for (let i = 0; i < 40; i++) a.push('x'.repeat(1e6) + i); console.log(a.length);"
    assert memory_javascript(text, javascript_memory_limit_bytes=0) == "40\n"


# Depth ----------------------------------------------------------------------------------------------------

DEEP = {
    "a function": "(function f() { return f() + 1; })()",
    "a getter": "({get x() { return this.x; }}).x",
    "a proxy of itself": "const t = {}; t.__proto__ = new Proxy(t, {}); t.x;",
    "JSON text": "JSON.parse('['.repeat(1e6))",
    "JSON text with a reviver": "JSON.parse('['.repeat(5000) + ']'.repeat(5000), (k, v) => v)",
    "an array as JSON": "JSON.stringify(deep(1e5))",
    "an array as text": "String(deep(1e5))",
    "an array made flat": "deep(1e5).flat(Infinity)",
    "an array that holds itself, made flat": "const a = []; a[0] = a; a.flat(Infinity)",
    "groups of a regular expression": "new RegExp('(?:'.repeat(1e5) + ')'.repeat(1e5))",
    "classes of a regular expression": "new RegExp('['.repeat(1e5), 'v')",
    "parentheses": "eval('('.repeat(1e5))",
    "brackets": "eval('['.repeat(1e5))",
    "braces": "eval('{'.repeat(1e5))",
    "templates": "eval('`${'.repeat(1e5))",
    "signs": "eval('!'.repeat(1e5) + '1')",
    "powers": "eval('1' + '**1'.repeat(1e5))",
    "functions in functions": "eval('(function () {'.repeat(1e5))",
    "arrows": "eval('a=>'.repeat(1e5) + '1')",
    "conditions": "eval('1?'.repeat(1e5))",
    "assignments": "eval('a='.repeat(1e5) + '1')",
    "constructors": "eval('new '.repeat(1e5) + 'Object')",
    "patterns": "eval('let ' + '[{a:'.repeat(5e4))",
    "chained proxies": "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x",
    "chained proxies of an array": "let p = []; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); State.save('s', 'k', p)",
    "a value": "State.save('s', 'k', deep(1e5))",
    "an item": "State.append('s', 'k', deep(1e5))",
    "transactions": "(function f() { State.transaction(f); })()",
    "updates": "(function f() { State.update('s', 'k', f); })()",
    "errors of State": "(function f() { try { State.save('s', '', 1); } finally { f(); } })()",
}


@pytest.mark.parametrize("text", DEEP.values(), ids=list(DEEP))
def test_depth_is_an_error_of_the_script(memory_javascript: JavaScript, text: str) -> None:
    deep = "const deep = (levels) => { let a = []; for (let i = 0; i < levels; i++) a = [a]; return a; };\n"
    with pytest.raises(ScriptError):
        memory_javascript(deep + text)
    assert store_of(memory_javascript).list_keys("s") == []


@pytest.mark.parametrize("text", DEEP.values(), ids=list(DEEP))
def test_depth_can_be_caught(memory_javascript: JavaScript, text: str) -> None:
    deep = "const deep = (levels) => { let a = []; for (let i = 0; i < levels; i++) a = [a]; return a; };\n"
    output = memory_javascript(f"{deep} try {{ {text}; console.log('no error'); }} catch {{ console.log('caught'); }}")
    assert output == "caught\n"


def test_a_small_stack_is_enough_and_its_end_is_noticed(memory_javascript: JavaScript) -> None:
    text = (
        "let depth = 0; try { (function f() { depth++; f(); })(); } catch ({name}) { console.log(name, depth > 20); }"
    )
    assert memory_javascript(text, javascript_stack_bytes=65_536) == "RangeError true\n"


def test_deep_values_are_let_go_of(memory_javascript: JavaScript) -> None:
    text = """
        let a = []; for (let i = 0; i < 200000; i++) a = [a];
        let p = Promise.resolve(); for (let i = 0; i < 50000; i++) { const q = p; p = (async () => { await q; })(); }
        let e = new Error("x"); for (let i = 0; i < 50000; i++) e = new Error("x", {cause: e});
        a = e = null;
        await p;
        console.log("done");
    """
    assert memory_javascript(text) == "done\n"


# Output ---------------------------------------------------------------------------------------------------


def test_endless_output_is_stopped() -> None:
    streams = CapturedStreams(10_000)
    run = Run(
        Script(b"for (;;) try { console.log('x'.repeat(999)); } catch {}", "t.js", ""),
        None,
        ScriptSettings(timeout_seconds=60),
        streams,
    )
    with pytest.raises(LimitExceeded, match=r"^t\.js.*: stopped: it printed more than 10,000 bytes"):
        watch(run, "javascript")
    assert len(streams.text) == 10_000


def test_a_reader_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    with start_process("for (;;) try { console.log('x'.repeat(10000)); } catch {}", tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"BrokenPipeError" in process.stderr.read()


# Interruption ---------------------------------------------------------------------------------------------


def test_ctrl_c_ends_a_script_and_undoes_its_transaction(tmp_path: Path) -> None:
    text = """
        State.save("s", "before", 1);
        console.error("ready");
        State.transaction(() => {
          State.save("s", "undone", 1);
          for (;;) try { for (;;); } catch {} finally { continue; }
        });
    """
    process = start_process(text, tmp_path, store=str(tmp_path / "state"), stdin=subprocess.PIPE, grace_seconds=60)
    with process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b"KeyboardInterrupt: \n"
    assert process.returncode == 1
    with llmspell.open(tmp_path / "state") as store:
        assert store.list_keys("s") == ["before"]


def test_stops_from_several_threads_at_once_are_one_stop(memory_javascript: JavaScript) -> None:
    begun = threading.Event()
    streams = CapturedStreams()
    run = Run(Script(b"console.log('begun'); for (;;);", "t.js", ""), None, ScriptSettings(), streams)
    write = run.write

    def tell(text: bytes, *, at_once: bool = False) -> None:
        write(text, at_once=at_once)
        begun.set()

    run.write = tell  # type: ignore[method-assign]

    def stop() -> None:
        begun.wait(60)
        for _ in range(100):
            run.fail("ended from outside")

    threads = [threading.Thread(target=stop) for _ in range(4)]
    for thread in threads:
        thread.start()
    with pytest.raises(ScriptError, match="ended from outside"):
        watch(run, "javascript")
    for thread in threads:
        thread.join()

"""What does a JavaScript program reach? Nothing of Python, of the machine, or of the host's functions."""

import json
from pathlib import Path

import pytest

import llmspell
from llmspell.scripting.bindings import Bindings
from tests.unit.scripting.javascript import JavaScript, in_process

GLOBALS = {
    *("AggregateError", "Array", "ArrayBuffer", "AsyncDisposableStack", "Atomics", "BigInt", "BigInt64Array"),
    *("BigUint64Array", "Boolean", "DOMException", "DataView", "Date", "DisposableStack", "Error", "EvalError"),
    *("Float16Array", "Float32Array", "Float64Array", "Function", "Infinity", "Int16Array", "Int32Array", "Int8Array"),
    *("InternalError", "Iterator", "JSON", "Map", "Math", "NaN", "Number", "Object", "Promise", "Proxy", "RangeError"),
    *("ReferenceError", "Reflect", "RegExp", "Set", "SharedArrayBuffer", "State", "String", "SuppressedError"),
    *("Symbol", "SyntaxError", "TypeError", "URIError", "Uint16Array", "Uint32Array", "Uint8Array"),
    *("Uint8ClampedArray", "WeakMap", "WeakRef", "WeakSet", "atob", "btoa", "console", "decodeURI"),
    *("decodeURIComponent", "encodeURI", "encodeURIComponent", "escape", "eval", "exit", "globalThis", "isFinite"),
    *("isNaN", "parseFloat", "parseInt", "performance", "queueMicrotask", "scriptArgs", "undefined", "unescape"),
}

CONSOLE = {"assert", "debug", "error", "group", "groupEnd", "info", "log", "warn"}

WALK = r"""
    const known = new Map();
    const nativeText = /^(async )?(function|get|set|class)[^{]*\{\s*\[native code\]\s*\}$/;
    function walk(value, path) {
      if ((typeof value !== "object" && typeof value !== "function") || value === null || known.has(value)) return;
      known.set(value, path);
      walk(Object.getPrototypeOf(value), path + ".__proto__");
      for (const name of Reflect.ownKeys(value)) {
        const property = Object.getOwnPropertyDescriptor(value, name);
        for (const part of ["value", "get", "set"]) {
          if (part in property) walk(property[part], `${path}.${String(name)}`);
        }
      }
    }
    walk(globalThis, "");
    walk(async function () {}, "async");
    walk(function* () {}, "generator");
    walk(async function* () {}, "asyncGenerator");
    walk((function* () {})(), "generated");
    walk([][Symbol.iterator](), "arrayIterator");
    walk(new Map().values(), "mapIterator");
    walk(new Set().values(), "setIterator");
    walk(""[Symbol.iterator](), "textIterator");
    walk("".matchAll(/x/g), "matches");
    walk(Iterator.from({next() {}}), "wrapped");
    walk([].values().map(() => 1), "helper");
    walk(import.meta, "meta");
    walk(await import("./t.js").catch((error) => error), "error");
    try { State.save("s", "", 1); } catch (error) { walk(error, "errorOfState"); }
    try { null.x; } catch (error) { walk(error, "errorOfEngine"); }
    (function () { walk(arguments, "arguments"); })();
"""


def walked(javascript: JavaScript, ending: str) -> str:
    javascript.module("t.js", "")
    # A module must not import itself before it has ended, so what walks is another one.
    return javascript(WALK.replace('await import("./t.js")', 'await import("./none.js")') + ending)


def test_the_global_object_holds_what_is_listed(memory_javascript: JavaScript) -> None:
    names = memory_javascript("console.log(JSON.stringify(Reflect.ownKeys(globalThis).map(String)))")
    assert set(json.loads(names)) == GLOBALS | {"Symbol(Symbol.toStringTag)"}
    assert set(memory_javascript("console.log(Object.keys(console).join())").strip().split(",")) == CONSOLE


def test_every_function_that_can_be_reached_is_the_engines_or_listed(memory_javascript: JavaScript) -> None:
    """Functions of the host look like the engine's own, so the engine's are counted in a runtime without the library."""
    from _quickjs import Context

    output = walked(
        memory_javascript,
        """
        const written = [], native = [];
        for (const [value, path] of known) {
          if (typeof value !== "function" || path.startsWith("generator") || path.startsWith("async")) continue;
          (nativeText.test(Function.prototype.toString.call(value)) ? native : written).push(path.slice(1));
        }
        console.log(JSON.stringify([written, native]));
        """,
    )
    written, native = json.loads(output)
    own = {*(f"console.{name}" for name in CONSOLE), *(f"State.{name}" for name in Bindings.NAMES if name != "null")}
    own |= {"exit", "queueMicrotask"}
    others = {path for path in written if path not in own and not path.startswith(("rapped.", "elper.", "rguments"))}
    assert others == set()
    assert own <= set(written)
    bare = Context()
    bare.eval("globalThis.paths = []; globalThis.known = new Set();")
    bare.eval(r"""
        (function walk(value, path) {
          if ((typeof value !== "object" && typeof value !== "function") || value === null || known.has(value)) return;
          known.add(value);
          if (typeof value === "function") paths.push(path.slice(1));
          walk(Object.getPrototypeOf(value), path + ".__proto__");
          for (const name of Reflect.ownKeys(value)) {
            const property = Object.getOwnPropertyDescriptor(value, name);
            for (const part of ["value", "get", "set"]) {
              if (part in property) walk(property[part], path + "." + String(name));
            }
          }
        })(globalThis, "")
    """)
    engines = set(json.loads(bare.eval("JSON.stringify(paths)")))
    ends = {path.rpartition(".")[2] for path in engines}
    for path in native:
        assert path in engines or path.rpartition(".")[2] in ends | {"next", "return", "throw"}, path


@pytest.mark.parametrize(
    "name",
    [
        *("std", "os", "bjson", "print", "load", "gc", "Worker", "process", "require", "module", "fetch", "navigator"),
        *("setTimeout", "setInterval", "WebAssembly", "Deno", "Bun", "FinalizationRegistry", "__loadScript", "python"),
    ],
)
def test_what_other_programs_offer_is_not_there(memory_javascript: JavaScript, name: str) -> None:
    assert memory_javascript(f"console.log(typeof globalThis.{name}, typeof {name})") == "undefined undefined\n"


def test_no_name_of_the_library_is_left_in_the_global_object(memory_javascript: JavaScript) -> None:
    text = """
        const left = [];
        for (const name of Reflect.ownKeys(globalThis)) if (String(name).includes("llmspell")) left.push(name);
        for (const name of ["library", "track", "value", "value_failure", "save", "write", "exit", "begin"]) {
          if (globalThis["llmspell." + name] !== undefined) left.push(name);
        }
        console.log(left.length);
    """
    assert memory_javascript(text) == "0\n"


def test_a_setter_for_the_librarys_names_is_given_nothing(memory_javascript: JavaScript) -> None:
    text = """
        const given = [];
        for (const name of ["library", "track", "value", "value_failure", "save", "write"]) {
          Object.defineProperty(globalThis, "llmspell." + name, {set(value) { given.push(value); }, get() { given.push(name); }});
        }
        State.save("s", "k", 1); State.load("s", "k"); console.error("x"); await null;
        console.log(given.length);
    """
    assert memory_javascript(text) == "0\n"


def test_a_stack_gives_no_functions(memory_javascript: JavaScript) -> None:
    text = """
        const got = [];
        Error.prepareStackTrace = (error, sites) => { got.push(...sites); return "made up"; };
        const probe = () => new Error("x").stack;
        State.update("s", "k", () => { probe(); return 1; });
        State.save("s", "k", {get a() { probe(); return 1; }});
        try { State.save("s", "", 1); } catch (error) { console.log(typeof error.stack); }
        console.log(got.length, typeof probe(), probe() === "made up");
    """
    assert memory_javascript(text) == "string\n0 string false\n"


@pytest.mark.parametrize("code", ["'use strict'; ", ""])
def test_callbacks_see_nothing_of_who_calls_them(memory_javascript: JavaScript, code: str) -> None:
    text = f"""
        const seen = [];
        globalThis.seen = seen;
        const peek = Function("{code}" + `
          for (const read of [() => peek.caller, () => peek.arguments, () => arguments.callee.caller, () => arguments.callee.arguments]) {{
            try {{ seen.push(read()); }} catch {{}}
          }}
          seen.push(this === globalThis || this === undefined ? undefined : this);
          return 1;
        `);
        globalThis.peek = peek;
        State.update("s", "k", peek);
        State.transaction(peek);
        queueMicrotask(peek);
        State.save("s", "g", Object.defineProperty({{}}, "a", {{get: peek, enumerable: true}}));
        await null; await null;
        console.log(seen.some((value) => typeof value === "function"), seen.length > 3);
    """
    assert memory_javascript(text) == "false true\n"


def test_the_functions_of_state_give_themselves_away_only_as_text(memory_javascript: JavaScript) -> None:
    """Their constructor is the script's own Function, their text names no function of the host that could be called."""
    text = """
        for (const make of [State.save.constructor, console.log.constructor, exit.constructor]) {
          console.log(make === Function, make("return typeof host + typeof values + typeof halt")());
        }
        console.log(Object.getPrototypeOf(State) === Object.prototype, Object.isFrozen(State));
    """
    assert memory_javascript(text) == "true undefinedundefinedundefined\n" * 3 + "true true\n"


def test_code_made_of_text_sees_only_what_is_global(memory_javascript: JavaScript) -> None:
    text = """
        for (const name of ["host", "values", "halt", "prefix", "offered", "rejected", "State", "encode", "own"]) {
          console.log([(0, eval)(`typeof ${name}`), eval(`typeof ${name}`), Function(`return typeof ${name}`)()].join());
        }
    """
    lines = memory_javascript(text).splitlines()
    assert (
        lines
        == ["undefined,undefined,undefined"] * 6 + ["object,object,object"] + ["undefined,undefined,undefined"] * 2
    )


@pytest.mark.parametrize(
    "made", ["eval(S)", "(0, eval)(S)", "Function('return ' + S)()", "import(import.meta.url ?? './none.js')"]
)
def test_code_made_of_text_imports_no_more_than_the_script(memory_javascript: JavaScript, made: str) -> None:
    (memory_javascript.folder.parent / "outside.js").write_text("export default 'reached'")
    for specifier in ("../outside.js", "/etc/passwd", "t.js", "llmspell:text:1", "llmspell:text:0", "<input>", "std"):
        code = f"import('{specifier}')"
        output = memory_javascript(
            f"const S = {json.dumps(code)}; try {{ const m = await {made}; console.log('reached', m.default); }} "
            "catch (error) { console.log(error.name); }",
            name="other.js",
        )
        assert output in ("ReferenceError\n", "TypeError\n")


def test_nothing_of_the_environment_can_be_found(
    memory_javascript: JavaScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSPELL_TEST_SECRET", "a-secret-of-the-environment")
    output = walked(
        memory_javascript,
        """
        const texts = new Set();
        for (const [value] of known) {
          for (const name of Reflect.ownKeys(value)) {
            try { texts.add(`${String(name)} ${String(value[name])}`); } catch {}
          }
        }
        const all = [...texts].join();
        console.log(all.includes("a-secret"), all.includes("/usr/"), all.includes("javascript_library"), /0x[0-9a-f]{6}/.test(all));
        """,
    )
    assert output == "false false false false\n"


ODD = [
    *("undefined", "null", "true", "0", "-1", "1.5", "NaN", "Infinity", "2 ** 53", "2n ** 64n", "''", "'x'", "'\\0'"),
    *("'\\ud800'", "'x'.repeat(700)", "Symbol('s')", "[]", "{}", "() => {}", "async () => {}", "function* () {}"),
    *(
        "new Proxy({}, {})",
        "new Proxy(function () {}, {})",
        "revoked",
        "new Uint8Array(9)",
        "new ArrayBuffer(9)",
        "/x/g",
    ),
    *(
        "new Date(NaN)",
        "new Map([[1, 2]])",
        "Object.create(null)",
        "{then: () => {}}",
        "{length: 3}",
        "{valueOf() { throw 1; }}",
    ),
    *(
        "{[Symbol.toPrimitive]() { return '1'; }}",
        "{get ttl() { throw 1; }}",
        "{ttl: 1n}",
        "{at: 1}",
        "{prefix: '\\x01'}",
    ),
    *("globalThis", "State", "console", "Promise.reject(1)", "new Error('e')", "Object(1n)", "new WeakRef({})"),
]


def test_odd_arguments_at_most_throw(tmp_path: Path) -> None:
    """Every function that a script is given, with every odd value at each of its first three places."""
    text = f"""
        const {{proxy: revoked, revoke}} = Proxy.revocable({{}}, {{}});
        revoke();
        const odd = [{", ".join(f"({value})" for value in ODD)}];
        let calls = 0;
        function call(owner, name, given) {{
          calls++;
          try {{
            const answer = owner[name](...given);
            if (typeof answer?.then === "function") answer.then(undefined, () => {{}});
          }} catch {{}}
        }}
        odd.forEach((value) => {{ try {{ if (value instanceof Promise) value.catch(() => {{}}); }} catch {{}} }});
        const names = Object.keys(State).filter((name) => typeof State[name] === "function");
        for (const name of names) {{
          for (const value of odd) {{
            for (const given of [[value], ["s", value], ["s", "k", value], ["s", "k", 1, value], [value, value, value, value]]) call(State, name, given);
            call({{f: State[name]}}, "f", [value]);
          }}
        }}
        for (const name of Object.keys(console)) {{
          if (name === "group") continue;
          for (const value of odd) for (const given of [[value], ["%s %d %i %f %j %o", value, value]]) call(console, name, given);
        }}
        for (const value of odd) {{ call(globalThis, "queueMicrotask", [value]); if (value !== undefined && value !== 0) call(globalThis, "exit", [value]); }}
        for (const f of [State.save, console.log, queueMicrotask, State.transaction]) {{
          try {{ new f(); }} catch {{}}
          try {{ Reflect.construct(Object, [], f); }} catch {{}}
          try {{ class Mine extends f {{}}; new Mine(); }} catch {{}}
        }}
        State.save("end", "calls", calls > 3000);
    """
    finished = in_process(text, tmp_path, store=str(tmp_path / "state"), timeout_seconds=50)
    assert (finished.code, finished.error.count("Traceback"), "Fatal" in finished.error) == (0, 0, False), (
        finished.error[-2000:]
    )
    with llmspell.open(tmp_path / "state") as store:
        assert store.load("end", "calls") is True


def test_the_engines_functions_at_most_throw(tmp_path: Path) -> None:
    """Every function that can be walked to, called and constructed with odd values: the process stays."""
    text = f"""
        const {{proxy: revoked, revoke}} = Proxy.revocable({{}}, {{}});
        revoke();
        const odd = [undefined, null, 0, -1, 1.5, 1e4, "x", "\\ud800", 5n, Symbol("s"), [3, 1, 2], {{a: 1}}, () => 1, revoked,
          new Proxy({{}}, {{}}), new Uint8Array(9), new ArrayBuffer(9), /x/g, new Date(0), new Map([[1, 2]]), {{length: 3}}];
        {WALK.replace('await import("./t.js")', 'await import("./none.js")')}
        const functions = [], {{apply, construct}} = Reflect;
        for (const [value, path] of known) {{
          if (typeof value === "function" && !/State|console|exit|wait|queueMicrotask|eval/.test(path)) functions.push(value);
        }}
        let calls = 0;
        for (const f of functions) for (const self of odd) {{
          calls++;
          try {{ const made = apply(f, self, [odd[calls % odd.length], odd[(calls * 7) % odd.length]]); made?.then?.(undefined, () => {{}}); }} catch {{}}
          if (calls % 3 === 0) try {{ const made = construct(f, [self]); made?.then?.(undefined, () => {{}}); }} catch {{}}
        }}
        console.log(functions.length > 400, calls > 8000);
    """
    finished = in_process(text, tmp_path, timeout_seconds=20)
    assert finished == (0, "true true\n", "")

"""What `State` is in JavaScript, and that nothing a script does to the language changes it."""

import re
import threading
from collections.abc import Callable

import pytest

import llmspell
from llmspell.scripting.bindings import Bindings
from llmspell.scripting.run import Run
from tests.clock import Clock
from tests.unit.scripting.javascript import JavaScript, in_process


def store_of(javascript: JavaScript) -> llmspell.Store:
    assert javascript.store is not None
    return javascript.store


# Verbs ----------------------------------------------------------------------------------------------------


def test_state_has_exactly_the_names_of_the_contract(memory_javascript: JavaScript) -> None:
    assert set(memory_javascript("console.log(Object.keys(State).join(' '))").split()) == set(Bindings.NAMES)


def test_state_cannot_be_changed(memory_javascript: JavaScript) -> None:
    text = """
        for (const change of [() => { State.save = 1; }, () => { State.more = 1; }, () => { delete State.load; }]) {
          try { change(); console.log("changed"); } catch (error) { console.log(error.name); }
        }
    """
    assert memory_javascript(text) == "TypeError\n" * 3


def test_without_a_store_there_is_no_state(stateless_javascript: JavaScript) -> None:
    assert stateless_javascript("console.log(typeof State, 'State' in globalThis)") == "undefined false\n"
    assert stateless_javascript.error("State.save('s', 'k', 1)") == (
        "t.js:1: ReferenceError: State is not defined; State does not exist because "
        "[state] enabled = false in the configuration"
    )


def test_save_gives_the_version_and_load_the_value(javascript: JavaScript) -> None:
    text = """
        console.log(State.save("s", "k", {a: [1, "two"]}), State.save("s", "other", true));
        console.log(State.load("s", "k").a[1], State.load("s", "other"), State.load("t", "k"));
    """
    assert javascript(text) == "1 2\ntwo true undefined\n"


def test_load_gives_the_default_only_when_there_is_nothing(javascript: JavaScript) -> None:
    text = """
        State.save("s", "zero", 0);
        const otherwise = {};
        console.log(State.load("s", "zero", 5), State.load("s", "none", 5), State.load("s", "none", null));
        console.log(State.load("s", "none", otherwise) === otherwise);
    """
    assert javascript(text) == "0 5 null\ntrue\n"


def test_delete_exists_and_clear(javascript: JavaScript) -> None:
    text = """
        for (const key of ["a", "b", "c"]) State.save("s", key, 1);
        console.log(State.delete("s", "a"), State.delete("s", "a"), State.exists("s", "a"), State.exists("s", "b"));
        console.log(State.clear("s"), State.clear("s"));
    """
    assert javascript(text) == "true false false true\n2 0\n"


def test_list_keys_is_in_byte_order_and_takes_prefix_after_and_limit(javascript: JavaScript) -> None:
    text = """
        for (const key of ["b2", "a", "b10", "\\u00e9", "\\u{1F600}", "\\uffee"]) State.save("s", key, 1);
        console.log(State.list_keys("s").join(), State.list_keys("none").length);
        console.log(State.list_keys("s", {prefix: "b"}).join(), State.list_keys("s", {after: "b10", limit: 2}).join());
        console.log(State.list_keys("s", {prefix: undefined, after: null, limit: 0}).length);
    """
    assert javascript(text) == "a,b10,b2,é,\uffee,😀 0\nb10,b2 b2,é\n0\n"


def test_scopes_in_byte_order_with_a_prefix(javascript: JavaScript) -> None:
    text = """
        for (const scope of ["b", "agent:2", "agent:10"]) State.save(scope, "k", 1);
        console.log(State.scopes().join(), State.scopes("agent:").join(), State.scopes("none").length);
    """
    assert javascript(text) == "agent:10,agent:2,b agent:10,agent:2 0\n"


def test_entry_has_value_version_and_times(javascript: JavaScript, clock: Clock) -> None:
    text = """
        State.save("s", "k", {a: "two\\nlines"}, {ttl: 60});
        const {value, version, created_at, updated_at, expires_at} = State.entry("s", "k");
        console.log(value.a === "two\\nlines", version, expires_at - created_at, updated_at === created_at);
        State.touch("s", "k");
        console.log(State.entry("s", "k").expires_at, State.entry("s", "none"));
        console.log(Object.keys(State.entry("s", "k")).join());
    """
    assert javascript(text) == "true 1 60 true\nnull undefined\nvalue,version,created_at,updated_at,expires_at\n"


def test_ttl_ends_an_entry_and_touch_moves_the_end(javascript: JavaScript, clock: Clock) -> None:
    javascript('State.save("s", "a", 1, {ttl: 1.5}); State.save("s", "b", 1, {ttl: 10}); State.touch("s", "b", 100)')
    clock.now += 20
    assert javascript('console.log(State.load("s", "a"), State.load("s", "b"), State.touch("s", "a", 1))') == (
        "undefined 1 false\n"
    )


def test_increment(javascript: JavaScript) -> None:
    text = """
        console.log(State.increment("s", "n"), State.increment("s", "n", 5), State.increment("s", "n", -1));
        console.log(State.increment("s", "n", 0.5), State.increment("s", "big", 9223372036854775807n));
        console.log(State.load("s", "big") === 9223372036854775807n);
    """
    assert javascript(text) == "1 6 5\n5.5 9223372036854775807n\ntrue\n"


def test_append_gives_the_length_and_keeps_the_last(javascript: JavaScript) -> None:
    text = """
        console.log(State.append("s", "l", 1), State.append("s", "l", null), State.append("s", "l", {a: 1}, {keep: 2}));
        console.log(JSON.stringify(State.load("s", "l")));
    """
    assert javascript(text) == '1 2 2\n[null,{"a":1}]\n'


def test_update_saves_what_the_function_makes(javascript: JavaScript) -> None:
    text = """
        console.log(State.update("s", "n", (old) => old + 1, 10), State.update("s", "n", (old) => old * 2));
        console.log(State.update("s", "n", () => undefined), State.exists("s", "n"));
    """
    assert javascript(text) == "11 22\nundefined false\n"


def test_update_keeps_the_expiry(javascript: JavaScript, clock: Clock) -> None:
    javascript('State.save("s", "k", 1, {ttl: 10}); State.update("s", "k", (old) => old + 1)')
    clock.now += 20
    assert javascript('console.log(State.load("s", "k"))') == "undefined\n"


def test_if_version_lets_a_save_happen_only_on_that_version(javascript: JavaScript) -> None:
    text = """
        const first = State.save("s", "k", 1, {if_version: 0});
        State.save("s", "k", 2, {if_version: first});
        try {
          State.save("s", "k", 3, {if_version: first});
        } catch ({name, message, scope, key, expected, actual}) {
          console.log(name, scope, key, expected, actual);
          console.log(message);
        }
        console.log(State.load("s", "k"), State.delete("s", "k", {if_version: 2}));
    """
    first, second, third = javascript(text).splitlines()
    assert first == "Conflict s k 1 2"
    assert re.fullmatch(r"State\.save: .* \(at t\.js:5\)", second)
    assert third == "2 true"


def test_array_and_null_and_flush(memory_javascript: JavaScript) -> None:
    text = """
        const items = [1];
        console.log(State.array(items) === items, State.array().length, State.null, State.flush());
    """
    assert memory_javascript(text) == "true 0 null undefined\n"


@pytest.mark.parametrize(
    "name",
    ["\\x01", "\\x01first", "!", "=", "-", "\\u{1F600}", "a b\\n", "\\\\u0000", "'\\\"", "__proto__", "constructor"],
)
def test_names_may_be_any_text(memory_javascript: JavaScript, name: str) -> None:
    text = f"""
        const name = "{name}";
        State.save(name, name, 1);
        State.save(name, name + "2", [2]);
        console.log(State.load(name, name), State.list_keys(name)[0] === name, State.scopes()[0] === name);
        console.log(State.list_keys(name, {{prefix: name, after: name}}).length, State.entry(name, name).value);
        console.log(State.exists(name, name), State.delete(name, name), State.clear(name));
    """
    assert memory_javascript(text) == "1 true true\n1 1\ntrue true 1\n"


# Errors ---------------------------------------------------------------------------------------------------

WRONG = {
    "State.save()": "the scope must be text, not nothing",
    "State.save(1, 'k', 1)": "the scope must be text, not the number 1; use String()",
    "State.save('s', ['k'], 1)": "the key must be text, not an array",
    "State.save('s', Symbol('k'), 1)": "the key must be text, not a symbol",
    "State.save('', 'k', 1)": "the scope is empty; give it at least one character",
    "State.save('s', '', 1)": "the key is empty; give it at least one character",
    "State.save('s', 'a\\0b', 1)": "the key 'a\\x00b' contains a NUL character, which is not allowed",
    "State.save('s', 'k', 1, 5)": "the options must be an object, not the number 5",
    "State.save('s', 'k', 1, [1])": "the options must be an object, not an array",
    "State.save('s', 'k', 1, {tll: 5})": 'there is no option "tll"; known: ttl, if_version',
    "State.save('s', 'k', 1, {ttl: '5'})": "ttl must be a number, not a string",
    "State.load('s', () => 1)": "the key must be text, not a function",
    "State.list_keys('s', {limit: 'x'})": "limit must be a number, not a string",
    "State.list_keys('s', {prefix: 1})": "the prefix must be text, not the number 1; use String()",
    "State.increment('s', 'k', '1')": "by must be a number, not a string",
    "State.increment('s', 'k', null)": "by must be a number, not nothing",
    "State.append('s', 'k')": "there is no item to append; null can be appended",
    "State.transaction()": "a function is needed, not nothing",
    "State.update('s', 'k', 5)": "a function is needed, not the number 5",
    "State.array('x')": "an array is needed, not a string",
    "State.scopes({})": "the prefix must be text, not an object",
}


@pytest.mark.parametrize(("call", "message"), WRONG.items(), ids=list(WRONG))
def test_a_wrong_argument_is_one_sentence_with_call_and_line(
    memory_javascript: JavaScript, call: str, message: str
) -> None:
    name = call[: call.index("(")]
    assert memory_javascript.error(f"\n{call};") == f"{name}: {message} (at t.js:2)"
    caught = memory_javascript(
        f"try {{ {call}; }} catch (error) {{ console.log(error.name, error instanceof Error, error.message); }}"
    )
    assert caught == f"InvalidArgument true {name}: {message} (at t.js:1)\n"


@pytest.mark.parametrize(
    "call",
    [
        "State.save('s', 'k', 1, {ttl: -1})",
        "State.save('s', 'k', 1, {ttl: NaN})",
        "State.save('s', 'k', 1, {ttl: Infinity})",
        "State.save('s', 'k', 1, {if_version: 1.5})",
        "State.save('s', 'k', 1, {if_version: 2n ** 80n})",
        "State.save('s', 'k\\ud800', 1)",
        "State.save('s'.repeat(300), 'k', 1)",
        "State.save('s', 'k'.repeat(600), 1)",
        "State.list_keys('s', {limit: -1})",
        "State.list_keys('s', {limit: 0.5})",
        "State.increment('s', 'text')",
        "State.increment('s', 'n', 2n ** 64n)",
        "State.increment('s', 'most', 1)",
        "State.append('s', 'text', 1)",
        "State.append('s', 'l', 1, {keep: 0})",
        "State.touch('s', 'k', -5)",
    ],
)
def test_what_the_store_refuses_is_an_error_too(memory_javascript: JavaScript, call: str) -> None:
    text = f"""
        State.save("s", "text", "x");
        State.save("s", "most", 9223372036854775807n);
        try {{ {call}; console.log("accepted"); }} catch (error) {{ console.log(error.name, error.message); }}
    """
    name = re.escape(call[: call.index("(")])
    assert re.fullmatch(rf"(Invalid\w+|WrongKind|\w+) {name}: .* \(at t\.js:4\)\n", memory_javascript(text))


def test_an_error_names_the_innermost_line_of_the_script(memory_javascript: JavaScript) -> None:
    memory_javascript.module("lib/names.js", "\n\nexport function save() {\n  State.save('s', '', 1);\n}\n")
    text = """import { save } from "./lib/names.js";
        [1].forEach(() => {
          save();
        });
    """
    assert re.search(r"\(at .*lib/names\.js:4\)$", memory_javascript.error(text))


@pytest.mark.parametrize(
    ("name", "hint"), [("set", "save"), ("get", "load"), ("list", "list_keys"), ("incr", "increment")]
)
def test_calling_what_does_not_exist_adds_the_right_name(memory_javascript: JavaScript, name: str, hint: str) -> None:
    error = memory_javascript.error(f"\nState.{name}('s', 'k');")
    assert error.startswith("t.js:2: TypeError: not a function; ")
    assert f"State.{hint}" in error


def test_a_closed_store_is_an_error_of_the_call(memory_javascript: JavaScript) -> None:
    store_of(memory_javascript).close()
    assert re.fullmatch(r"State\.load: .*closed.* \(at t\.js:1\)", memory_javascript.error("State.load('s', 'k')"))


# Transactions ---------------------------------------------------------------------------------------------


def test_a_transaction_gives_what_the_function_returns_and_commits_together(javascript: JavaScript) -> None:
    text = """
        const made = {};
        console.log(State.transaction(() => {
          State.save("s", "a", 1);
          State.increment("s", "a");
          State.save("s", "b", State.load("s", "a") + 1);
          return made;
        }) === made);
        console.log(State.entry("s", "a").value, State.entry("s", "b").value, State.transaction(() => {}));
    """
    assert javascript(text) == "true\n2 3 undefined\n"


@pytest.mark.parametrize("thrown", ["new RangeError('mine')", "Object.freeze({a: 1})", "'text'", "undefined", "NaN"])
def test_what_is_thrown_inside_undoes_all_and_comes_back_as_it_was(javascript: JavaScript, thrown: str) -> None:
    text = f"""
        const thrown = {thrown};
        State.save("s", "a", 1);
        try {{
          State.transaction(() => {{ State.save("s", "a", 2); State.save("s", "b", 2); throw thrown; }});
        }} catch (error) {{
          console.log(Object.is(error, thrown), State.load("s", "a"), State.exists("s", "b"));
        }}
        State.transaction(() => State.save("s", "a", 3));
        console.log(State.load("s", "a"));
    """
    assert javascript(text) == "true 1 false\n3\n"


def test_a_caught_failure_inside_undoes_nothing(javascript: JavaScript) -> None:
    text = """
        State.transaction(() => {
          State.save("s", "a", 1);
          try { State.save("s", "", 1); } catch {}
          State.save("s", "b", 2);
        });
        console.log(State.list_keys("s").join());
    """
    assert javascript(text) == "a,b\n"


def test_a_transaction_inside_joins_the_outer_one(javascript: JavaScript) -> None:
    text = """
        try {
          State.transaction(() => {
            State.transaction(() => State.save("s", "a", 1));
            State.update("s", "b", () => 2);
            throw 1;
          });
        } catch {}
        State.transaction(() => {
          try { State.transaction(() => { State.save("s", "inner", 1); throw 1; }); } catch {}
          State.save("s", "outer", 1);
        });
        console.log(State.list_keys("s").join());
    """
    assert javascript(text) == "inner,outer\n"


@pytest.mark.parametrize(
    "function",
    [
        "async () => { State.save('s', 'k', 2); }",
        "() => { State.save('s', 'k', 2); return new Promise(() => {}); }",
        "() => { State.save('s', 'k', 2); return {then() {}}; }",
        "async () => { State.save('s', 'k', 2); throw new Error('inner'); }",
    ],
)
@pytest.mark.parametrize("call", ["State.transaction(F)", "State.update('s', 'n', F)"])
def test_an_async_function_is_refused_and_undone(javascript: JavaScript, call: str, function: str) -> None:
    text = f"""
        State.save("s", "k", 1);
        try {{ {call.replace("F", function)}; }} catch (error) {{ console.log(error.name, error.message); }}
        await null;
        console.log(State.load("s", "k"), State.exists("s", "n"));
    """
    name = call[: call.index("(")]
    assert javascript(text) == (
        f"InvalidArgument {name}: the function must be done when it returns, not be async: what it did so far was undone "
        "(at t.js:3)\n1 false\n"
    )


@pytest.mark.parametrize("ending", ["exit(3)", "throw new Error('end')", "null.x"])
def test_a_transaction_that_the_script_ends_in_is_undone(javascript: JavaScript, ending: str) -> None:
    text = f"State.save('s', 'k', 1); State.transaction(() => {{ State.save('s', 'k', 2); {ending}; }});"
    if "exit" in ending:
        javascript(text)
        assert javascript.exit_code == 3
    else:
        javascript.error(text)
    assert store_of(javascript).load("s", "k") == 1
    store_of(javascript).save("s", "k", 5)  # nobody holds the turn


class SomebodyElse:
    """Another thread, which acts at the moment when a script writes to standard error."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self._action: Callable[[int], object] = lambda call: None

    def does(self, action: Callable[[int], object]) -> None:
        """Let `action` be what is done; it is given the number of the call, from 1."""
        self._action = action

    def act(self, run: Run, text: bytes) -> None:
        thread = threading.Thread(target=self._action, args=(len(self.threads) + 1,))
        self.threads.append(thread)
        thread.start()
        thread.join(0.05 if text == b"do not wait\n" else 60)


@pytest.fixture
def somebody_else(monkeypatch: pytest.MonkeyPatch) -> SomebodyElse:
    somebody = SomebodyElse()
    monkeypatch.setattr(Run, "write_error", lambda run, text: somebody.act(run, text))
    return somebody


def test_a_transaction_runs_again_when_somebody_else_wrote(javascript: JavaScript, somebody_else: SomebodyElse) -> None:
    somebody_else.does(lambda call: store_of(javascript).save("s", "a", call * 100))
    text = """
        State.save("s", "a", 1);
        let runs = 0;
        console.log(State.transaction(() => {
          runs++;
          const a = State.load("s", "a");
          if (runs < 3) console.error("now");
          State.save("s", "sum", a + 1);
          return [runs, a];
        }));
        console.log(State.load("s", "sum"));
    """
    assert javascript(text) == "[ 3, 200 ]\n201\n"


@pytest.mark.parametrize("caught", [True, False])
def test_an_error_after_being_overtaken_is_tried_again(
    javascript: JavaScript, somebody_else: SomebodyElse, caught: bool
) -> None:
    """The code may have seen what no other order of things would have shown it."""
    somebody_else.does(lambda call: store_of(javascript).save("s", "a", 1))
    fail = 'try { State.load("s", "b"); } catch {}' if caught else "if (runs === 1) throw new Error('torn');"
    text = f"""
        let runs = 0;
        console.log(State.transaction(() => {{
          runs++;
          State.load("s", "a");
          if (runs === 1) console.error("now");
          try {{ State.list_keys("s"); }} catch {{}}
          {fail}
          State.save("s", "c", runs);
          return runs;
        }}), State.load("s", "c"));
    """
    assert javascript(text) == "2 2\n"


def test_an_update_runs_again_when_somebody_else_wrote(javascript: JavaScript, somebody_else: SomebodyElse) -> None:
    somebody_else.does(lambda call: store_of(javascript).increment("s", "n", 100))
    text = """
        let runs = 0;
        console.log(State.update("s", "n", (old = 0) => {
          if (++runs === 1) console.error("now");
          return old + 1;
        }), runs);
    """
    assert javascript(text) == "101 2\n"


def test_a_transaction_cannot_starve(javascript: JavaScript, somebody_else: SomebodyElse) -> None:
    """Somebody writes during every run; from the fifth on he has to wait."""
    store = store_of(javascript)
    somebody_else.does(lambda call: store.save("s", "a", call))
    text = """
        let runs = 0;
        console.log(State.transaction(() => {
          runs++;
          const a = State.load("s", "a", 0);
          console.error(runs === 5 ? "do not wait" : "now");
          State.save("s", "seen", a);
          return [runs, a, State.load("s", "a", 0)];
        }));
    """
    assert javascript(text) == "[ 5, 4, 4 ]\n"
    for thread in somebody_else.threads:
        thread.join()
    assert (store.load("s", "seen"), store.load("s", "a")) == (4, 5)


def test_what_a_process_saved_is_there_for_the_next(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    store = str(folder / "state")
    assert in_process("console.log(State.save('s', 'k', [1]))", folder, store=store) == (0, "1\n", "")
    assert in_process("console.log(State.load('s', 'k')[0])", folder, store=store) == (0, "1\n", "")


# A language that the script has changed ---------------------------------------------------------------------

USES = r"""
    console.log(State.save("s", "k", {a: [1, "x", 9007199254740993n, -0], b: {c: null}}), State.save("s", "f", 1, {ttl: 60}));
    console.log(State.load("s", "k").a[2] === 9007199254740993n, State.load("s", "none", 5), State.exists("s", "k"));
    console.log(State.entry("s", "k").version, State.increment("s", "n"), State.append("s", "l", {}, {keep: 3}));
    console.log(State.update("s", "n", (old) => old + 1), State.transaction(() => State.load("s", "n")));
    const listed = State.list_keys("s", {limit: 2}), scopes = State.scopes("s");
    console.log(listed.length, listed[0], listed[1], scopes.length, State.touch("s", "k", 5), State.delete("s", "k"));
    try { State.save("s", "", 1); } catch (error) { console.log(error.name, error.message); }
    try { State.save("s", "k", 1, {if_version: 77}); } catch (error) { console.log(error.name, error.scope, error.key, error.expected); }
    try { State.save("s", "k", {a: [() => 1]}); } catch (error) { console.log(error.name, error.path, error.reason); }
    try { State.save("s", "k", 1, {other: 1}); } catch (error) { console.log(error.name); }
    try { State.transaction(() => { State.save("s", "undone", 1); throw 7; }); } catch (error) { console.log(error, State.exists("s", "undone")); }
    console.log(State.clear("s"));
"""

CHANGES = {
    "functions of Array": """
        for (const name of Object.getOwnPropertyNames(Array.prototype)) {
          if (typeof Array.prototype[name] === "function" && name !== "constructor") Array.prototype[name] = broken;
        }
    """,
    "how arrays are gone through": "Array.prototype[Symbol.iterator] = broken;",
    "functions of String": """
        for (const name of Object.getOwnPropertyNames(String.prototype)) {
          if (Object.getOwnPropertyDescriptor(String.prototype, name).writable && name !== "constructor") {
            String.prototype[name] = broken;
          }
        }
        for (const name of ["split", "replace", "match", "search"]) String.prototype[Symbol[name]] = broken;
    """,
    "functions of RegExp": """
        for (const name of ["exec", "test", "toString", Symbol.match, Symbol.replace, Symbol.split]) {
          Object.defineProperty(RegExp.prototype, name, {value: broken});
        }
        Object.defineProperty(RegExp.prototype, "flags", {get: broken});
        Object.defineProperty(RegExp.prototype, "global", {get: broken});
    """,
    "functions of Object": """
        for (const name of Object.getOwnPropertyNames(Object)) {
          if (typeof Object[name] === "function") Object[name] = broken;
        }
        for (const name of ["toString", "valueOf", "hasOwnProperty", "toLocaleString"]) Object.prototype[name] = broken;
    """,
    "what every object inherits": """
        for (const name of ["get", "set", "value", "writable", "scope", "message", "name", "path", "fields", "float"]) {
          Object.defineProperty(Object.prototype, name, {__proto__: null, value: 5, writable: true, configurable: true});
        }
        Object.prototype[Symbol.toPrimitive] = broken;
    """,
    "setters that every object inherits": """
        for (const name of ["scope", "key", "expected", "path", "reason", "message", "name", "version", "a", "c"]) {
          Object.defineProperty(Object.prototype, name, {set: broken, get() {}, configurable: true});
        }
    """,
    "functions of Promise": """
        Promise.prototype.then = broken;
        Promise.prototype.catch = broken;
        Promise.resolve = broken;
        Promise.reject = broken;
    """,
    "functions of functions": """
        for (const name of ["call", "apply", "bind", "toString"]) Function.prototype[name] = broken;
    """,
    "functions of Map, WeakMap and Set": """
        for (const kind of [Map, WeakMap, Set, WeakSet]) {
          for (const name of ["get", "set", "has", "add", "delete"]) kind.prototype[name] = broken;
        }
        Object.getPrototypeOf(new Map().values()).next = broken;
    """,
    "functions of JSON, Number, Reflect and Math": """
        for (const owner of [JSON, Number, Reflect, Math]) {
          for (const name of Object.getOwnPropertyNames(owner)) if (typeof owner[name] === "function") owner[name] = broken;
        }
    """,
    "functions of errors": """
        for (const kind of [Error, TypeError, RangeError]) {
          kind.prototype.toString = broken;
          kind.captureStackTrace = broken;
        }
        Object.defineProperty(Error.prototype, "stack", {get: broken});
        Error.prepareStackTrace = broken;
        Error.stackTraceLimit = 0;
    """,
    "functions of BigInt": """
        for (const name of ["toString", "valueOf", "toLocaleString"]) BigInt.prototype[name] = broken;
    """,
    "all that is global": """
        for (const name of Object.getOwnPropertyNames(globalThis)) {
          if (!["console", "State", "globalThis", "undefined", "NaN", "Infinity"].includes(name)) delete globalThis[name];
        }
    """,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_what_a_script_does_to_the_language_does_not_change_state(memory_javascript: JavaScript, change: str) -> None:
    """What is printed is collected first: the console is the script's own convenience."""
    collecting = """
        const lines = [], collected = {log(...parts) {
          let line = "";
          for (let index = 0; index < parts.length; index++) line += (index ? " " : "") + `${parts[index]}`;
          lines[lines.length] = line;
        }};
        const broken = function () { throw `the library called what a script has changed`; };
    """
    uses = USES.replace("console.log", "collected.log")
    told = 'State.save("told", "lines", lines);'
    store = store_of(memory_javascript)
    memory_javascript(collecting + uses + told)
    expected = store.load("told", "lines")
    store.clear("s")
    versions = re.compile(r"^\d+( \d+)?$|^\d+ ")
    memory_javascript(collecting + change.replace("\n", " ") + uses + told)
    got = store.load("told", "lines")
    assert isinstance(expected, list)
    assert isinstance(got, list)
    assert [versions.sub("", str(line)) for line in got] == [versions.sub("", str(line)) for line in expected]


def test_text_between_backticks_cannot_be_changed(memory_javascript: JavaScript) -> None:
    """The engine puts it together with a method, which would get to know what the library writes."""
    text = """
        for (const change of [
          () => { String.prototype.concat = () => ({}); },
          () => { delete String.prototype.concat; },
          () => Object.defineProperty(String.prototype, "concat", {value: () => ({})}),
        ]) {
          try { change(); console.log("changed"); } catch (error) { console.log(error.name, `${1}${2}`); }
        }
    """
    assert memory_javascript(text) == "TypeError 12\n" * 3

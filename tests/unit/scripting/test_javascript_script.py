"""How does a JavaScript program begin, fail and end?"""

import pytest

from llmspell.config import ScriptSettings
from llmspell.errors import ScriptError
from llmspell.scripting.run import Run, Script
from llmspell.scripting.running import watch
from llmspell.scripting.streams import CapturedStreams
from tests.unit.scripting.javascript import JavaScript


def ended(text: str, *, name: str = "t.js", arguments: tuple[str, ...] = ()) -> Run:
    """Run a text that is asked for its result, without a store."""
    streams = CapturedStreams()
    run = Run(Script(text.encode(), name, "", arguments), None, ScriptSettings(), streams, wants_result=True)
    assert watch(run, "javascript")
    return run


# Endings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 0),
        ("exit()", 0),
        ("exit(0)", 0),
        ("exit(7)", 7),
        ("exit(255); throw 1", 255),
        ("try { exit(3); } catch { exit(4); } finally { exit(5); }", 3),
        ("for (;;) try { exit(3); } catch {} finally { continue; }", 3),
        ("Promise.resolve().then(() => exit(8)); await new Promise(() => {});", 8),
        ("queueMicrotask(() => exit(9)); await new Promise(() => {});", 9),
        ("State.transaction(() => exit(6))", 6),
        ("await 1; exit(11)", 11),
        ("throw Object.defineProperty(new Error(), 'message', {get() { exit(4); }})", 4),
    ],
)
def test_exit_codes(memory_javascript: JavaScript, text: str, code: int) -> None:
    memory_javascript(text)
    assert memory_javascript.exit_code == code


@pytest.mark.parametrize("code", ["1.5", "256", "-1", "'1'", "null", "1n", "{valueOf() { return 1; }}", "NaN"])
def test_an_exit_code_that_is_none_is_refused(memory_javascript: JavaScript, code: str) -> None:
    assert memory_javascript.error(f"exit({code})").startswith(
        "t.js:1: RangeError: exit: the code must be a whole number from 0 to 255, not "
    )


def test_await_stands_at_the_top(memory_javascript: JavaScript) -> None:
    text = """
        const later = async (value) => { await null; return value; };
        console.log(await later(1), (await Promise.all([later(2), later(3)])).join());
        for await (const value of [later(4)]) console.log(value);
        await using closed = {async [Symbol.asyncDispose]() { await null; console.log("closed"); }};
    """
    assert memory_javascript(text) == "1 2,3\n4\nclosed\n"


def test_a_promise_that_nothing_settles_is_an_error(memory_javascript: JavaScript) -> None:
    assert memory_javascript.error("await new Promise(() => {})") == (
        "t.js: it waits for a promise that nothing settles any more"
    )


def test_what_is_left_to_do_is_done_before_the_end(memory_javascript: JavaScript) -> None:
    text = "(async () => { for (let i = 0; i < 1000; i++) await null; console.log('late'); })(); console.log('early');"
    assert memory_javascript(text) == "early\nlate\n"


def test_a_null_that_is_thrown_may_be_lack_of_memory(memory_javascript: JavaScript) -> None:
    assert "of memory, or threw null, which looks the same; " in memory_javascript.error("throw null")


def test_a_function_that_console_lacks_is_told_with_those_it_has(memory_javascript: JavaScript) -> None:
    known = memory_javascript("console.log(Object.keys(console).join(', '))").strip()
    assert memory_javascript.error("console.table([1])") == (
        f"t.js:1: TypeError: not a function; console.table does not exist; known: {known}"
    )


def test_what_a_script_still_has_going_when_it_fails_does_not_go_on(memory_javascript: JavaScript) -> None:
    text = """
        (async () => { for (;;) { await null; State.increment("s", "n"); } })();
        await null;
        throw new Error("enough");
    """
    assert memory_javascript.error(text) == "t.js:4: Error: enough"
    assert memory_javascript("console.log(State.load('s', 'n') < 10)") == "true\n"


def test_microtasks_run_in_their_order(memory_javascript: JavaScript) -> None:
    text = """
        queueMicrotask(() => console.log(2));
        Promise.resolve().then(() => console.log(3));
        queueMicrotask(() => { console.log(4); queueMicrotask(() => console.log(5)); });
        console.log(1);
    """
    assert memory_javascript(text) == "1\n2\n3\n4\n5\n"


# Errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nnull.x", "t.js:2: TypeError: cannot read property 'x' of null"),
        ("\nundefinedName", "t.js:2: ReferenceError: undefinedName is not defined"),
        ("throw new Error('mine')", "t.js:1: Error: mine"),
        ("throw new Error()", "t.js:1: Error"),
        ("class Mine extends Error { name = 'Mine'; } throw new Mine('own')", "t.js:1: Mine: own"),
        ("throw new AggregateError([new Error('a')], 'all')", "t.js:1: AggregateError: all"),
        ("throw 'text'", "t.js: text"),
        ("throw undefined", "t.js: undefined"),
        ("throw 42", "t.js: 42"),
        ("throw -0", "t.js: -0"),
        ("throw 10n", "t.js: 10n"),
        ("throw Symbol('s')", "t.js: Symbol(s)"),
        ("throw () => 1", "t.js: [Function: anonymous]"),
        ("throw Object.freeze({a: 1})", "t.js: { a: 1 }"),
        ("throw [1]", "t.js: [ 1 ]"),
        ("throw {toString() { throw 1; }}", "t.js: { toString: [Function: toString] }"),
        ("const e = new Error('m'); e.stack = 'x'; throw e", "t.js:1: Error: m"),
        (
            "const e = new Error('m'); Object.defineProperty(e, 'stack', {get() { throw 1; }}); throw e",
            "t.js:1: Error: m",
        ),
        ("const e = new Error('m'); e.name = {toString: () => 'Odd'}; throw e", "t.js:1: Odd: m"),
        ("const e = new Error('m'); e.name = Symbol('x'); throw e", "t.js: the script threw what cannot be told"),
        (
            "const e = new Error('m'); e.message = Object.create(null); throw e",
            "t.js: the script threw what cannot be told",
        ),
        (
            "throw new Proxy({}, {get() { throw 1; }, ownKeys() { throw 2; }})",
            "t.js: [an object that cannot be looked at]",
        ),
        (
            "throw new Proxy(new Error(), {get() { throw 1; }, getPrototypeOf() { throw 2; }})",
            "t.js: [an object that cannot be looked at]",
        ),
        ("throw new Error('a\\0b')", "t.js:1: Error: a\0b"),
        ("throw new Error('a\\ud800b')", "t.js:1: Error: a\\ud800b"),
        ("(async () => { await null; throw new RangeError('later'); })()", "t.js:1: RangeError: later"),
        ("Promise.reject(new Error('forgotten'))", "t.js:1: Error: forgotten"),
        ("Promise.reject('forgotten')", "t.js: forgotten"),
        ("queueMicrotask(() => { throw new TypeError('job'); })", "t.js:1: TypeError: job"),
        ("await (async () => { throw new Error('in'); })()", "t.js:1: Error: in"),
    ],
)
def test_what_is_thrown_is_told_with_its_line(memory_javascript: JavaScript, text: str, message: str) -> None:
    told = memory_javascript.error(text)
    if "\\ud800" in text:
        assert told.encode("utf-8", "surrogatepass").decode("utf-8", "replace").startswith("t.js:1: Error: a")
    else:
        assert told == message


@pytest.mark.parametrize(
    "text",
    [
        "const a = ;",
        "export default",
        "await",
        "let a; let a;",
        "return 1",
        "with (a) {}",
        "import x from",
        "}",
        "'",
        "`",
    ],
)
def test_what_is_no_javascript_is_an_error_with_its_line(memory_javascript: JavaScript, text: str) -> None:
    assert memory_javascript.error(f"console.log('not reached');\n{text}").startswith("t.js:2: SyntaxError: ")


def test_a_rejection_that_is_caught_later_is_no_error(memory_javascript: JavaScript) -> None:
    text = "const p = Promise.reject(new Error('x')); await null; await null; p.catch(() => console.log('caught'));"
    assert memory_javascript(text) == "caught\n"


def test_the_first_of_several_forgotten_rejections_is_told(memory_javascript: JavaScript) -> None:
    text = "Promise.reject(new Error('first')); Promise.reject(new Error('second'));"
    assert memory_javascript.error(text) == "t.js:1: Error: first"


@pytest.mark.parametrize(
    "change",
    [
        "Error.prepareStackTrace = () => { throw 1; };",
        "Error.prepareStackTrace = () => 'at f (other.js:99999999999999999999:1)';",
        "Error.stackTraceLimit = 0;",
        "globalThis.Error = null; globalThis.JSON = null; globalThis.Object = null;",
        "delete globalThis.Promise; delete globalThis.Map; delete globalThis.String;",
        "Error.prototype.name = 'ReferenceError'; Error.prototype.toString = () => { throw 1; };",
        "Object.prototype.toJSON = () => 1;",
        "Array.prototype.join = () => 5; Array.prototype.push = null;",
        "Map.prototype.delete = Map.prototype.values = null;",
        "Object.getPrototypeOf(new Map().values()).next = () => ({done: true});",
    ],
)
@pytest.mark.parametrize(
    "end", ["undefinedName();", "Promise.reject(new ReferenceError('undefinedName is not defined'));"]
)
def test_errors_are_told_whatever_a_script_has_changed(memory_javascript: JavaScript, change: str, end: str) -> None:
    before = "const {ReferenceError, Promise} = globalThis;"
    assert (
        memory_javascript.error(f"{before} {change}\n{end}") == "t.js:2: ReferenceError: undefinedName is not defined"
    )


def test_the_cause_of_an_error_is_the_stack(memory_javascript: JavaScript) -> None:
    with pytest.raises(ScriptError) as raised:
        memory_javascript("function inner() { null.x; }\nfunction outer() { inner(); }\nouter();")
    stack = str(raised.value.__cause__)
    assert [place in stack for place in ("inner (t.js:1:", "outer (t.js:2:", "t.js:3:")] == [True] * 3
    assert "<input>" not in stack


def test_an_error_names_the_file_as_it_was_called(memory_javascript: JavaScript) -> None:
    assert memory_javascript.error("null.x", name="jobs/nightly run.js").startswith("jobs/nightly run.js:1: ")


# What a script is given ------------------------------------------------------------------------------------


def test_script_arguments(memory_javascript: JavaScript) -> None:
    text = "console.log(scriptArgs, Object.isFrozen(scriptArgs), Array.isArray(scriptArgs))"
    assert memory_javascript(text, "a", "", "é 😀", "--x=1\n") == '[ "t.js", "a", "", "é 😀", "--x=1\\n" ] true true\n'


def test_arguments_that_are_no_utf8_arrive(memory_javascript: JavaScript) -> None:
    """The system hands them over as lone surrogates."""
    output = memory_javascript("console.log(scriptArgs.length, scriptArgs[1].length, typeof scriptArgs[1])", "a\udcff")
    assert output.startswith("2 ")
    assert output.endswith(" string\n")


def test_a_first_line_for_the_shell_and_a_mark_are_left_out(memory_javascript: JavaScript) -> None:
    assert memory_javascript("#!/usr/bin/env llmspell\nconsole.log('ran')") == "ran\n"
    assert memory_javascript(b"\xef\xbb\xbfconsole.log('ran')") == "ran\n"
    assert memory_javascript.error("#!/usr/bin/env llmspell\nnull.x").startswith("t.js:2: ")


def test_a_script_that_is_no_utf8_is_refused_with_its_line(memory_javascript: JavaScript) -> None:
    assert memory_javascript.error(b"let a;\n'\xff'") == ("t.js:2: the text is not valid UTF-8; save the file as UTF-8")


def test_a_script_may_hold_a_nul_in_its_text(memory_javascript: JavaScript) -> None:
    assert memory_javascript(b"console.log('a\x00b'.length); console.log('after');") == "3\nafter\n"


def test_a_script_is_strict_and_a_module(memory_javascript: JavaScript) -> None:
    text = "console.log(this, (function () { return this; })(), typeof require, import.meta.url === undefined)"
    assert memory_javascript(text) == "undefined undefined undefined true\n"


def test_scripts_share_nothing_but_the_store(memory_javascript: JavaScript) -> None:
    memory_javascript("globalThis.left = 1; Array.prototype.left = 1; State.save('s', 'k', 1);")
    assert memory_javascript("console.log(typeof left, [].left, State.load('s', 'k'))") == "undefined undefined 1\n"


# What it gives --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", None),
        ("export default undefined", None),
        ("export default null", None),
        ("export default 5", b"5"),
        ("export default {a: [1, 9007199254740993n, -0, 0.5]}", b'{"a":[1,9007199254740993,-0.0,0.5]}'),
        ("export default await Promise.resolve('later')", b'"later"'),
        ("export const other = 1", None),
        ("let live = 1; export {live as default}; live = 2;", b"2"),
        ("export default 0", b"0"),
        ("export default false", b"false"),
        ("export default ''", b'""'),
    ],
)
def test_the_default_export_is_the_result(text: str, result: bytes | None) -> None:
    assert ended(text).result == result


def test_a_default_export_that_throws_is_an_error_of_the_script() -> None:
    with pytest.raises(ScriptError, match=r"^t\.js:1: RangeError: on reading"):
        ended("export default {get a() { throw new RangeError('on reading'); }}")


def test_an_error_is_told_instead_of_a_result() -> None:
    with pytest.raises(ScriptError, match=r"^t\.js:2: Error: forgotten"):
        ended("export default 5;\nPromise.reject(new Error('forgotten'))")

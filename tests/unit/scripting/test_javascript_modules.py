"""Which files does an import reach? Those below the script's folder, and nothing else."""

import os

import pytest

from llmspell.scripting.host import MAX_MODULE_BYTES
from tests.unit.scripting.javascript import JavaScript


@pytest.fixture
def javascript(memory_javascript: JavaScript) -> JavaScript:
    return memory_javascript


def test_modules_beside_below_and_above_each_other(javascript: JavaScript) -> None:
    javascript.module("a.js", "import { c } from './lib/deep/c.mjs'; export const a = 'a' + c;")
    javascript.module("lib/b.js", "export default 'b'; export { a as again } from '../a.js';")
    javascript.module("lib/deep/c.mjs", "import b from '../b.js'; export const c = 'c' + typeof b;")
    text = "import { a } from './a.js'; import b, { again } from './lib/../lib/./b.js'; console.log(a, b, again === a);"
    assert javascript(text) == "acstring b true\n"


def test_a_module_that_is_imported_twice_runs_once(javascript: JavaScript) -> None:
    javascript.module("once.js", "console.log('ran'); export const made = {};")
    text = """
        import { made } from "./once.js";
        import * as again from "./lib/../once.js";
        console.log(made === again.made, made === (await import("./once.js")).made);
    """
    assert javascript(text) == "ran\ntrue true\n"


def test_modules_that_import_each_other(javascript: JavaScript) -> None:
    javascript.module("a.js", "import { b } from './b.js'; export const a = 1; export const sum = () => a + b;")
    javascript.module("b.js", "import { a } from './a.js'; export const b = 2; export const get = () => a;")
    text = "import { sum } from './a.js'; import { get } from './b.js'; console.log(sum(), get());"
    assert javascript(text) == "3 1\n"


def test_a_module_that_imports_the_script_gets_the_one_that_runs(javascript: JavaScript) -> None:
    javascript.module("a.js", "import { value } from './t.js'; export const get = () => value;")
    text = "import { get } from './a.js'; export const value = 5; console.log('ran', get());"
    javascript.module("t.js", text)
    assert javascript(text) == "ran 5\n"


def test_state_and_await_are_there_in_modules(javascript: JavaScript) -> None:
    javascript.module("a.js", "await null; State.save('s', 'k', 1); export const v = State.load('s', 'k');")
    assert javascript("import { v } from './a.js'; console.log(v)") == "1\n"


def test_dynamic_imports(javascript: JavaScript) -> None:
    javascript.module("lib/a.js", "export default 'a'; export const next = () => import('./b.js');")
    javascript.module("lib/b.js", "export default 'b';")
    text = "const { default: a, next } = await import('./lib/' + 'a.js'); console.log(a, (await next()).default);"
    assert javascript(text) == "a b\n"


REFUSED = {
    "./none.js": 'there is no file "',
    "./none": "the name of a module ends in .js or .mjs",
    "./real": 'the name of a module ends in .js or .mjs; did you mean "./real.js"?',
    "./data.json": "the name of a module ends in .js or .mjs",
    "./folder.js": 'there is no file "',
    "./": "the name of a module ends in .js or .mjs",
    "../outside.js": "it lies outside of the script's folder",
    "./lib/../../outside.js": "it lies outside of the script's folder",
    "./../scripts/../outside.js": "it lies outside of the script's folder",
    "./linked.js": "it lies outside of the script's folder",
    "./linked/outside.js": "it lies outside of the script's folder",
    "/etc/passwd": 'only files beside the script can be imported; write "./etc/passwd"',
    "real.js": 'only files beside the script can be imported; write "./real.js"',
    "lodash": "only files beside the script can be imported",
    "": "only files beside the script can be imported",
    "node:fs": "only files beside the script can be imported",
    "qjs:std": "only files beside the script can be imported",
    "std": "only files beside the script can be imported",
    "os": "only files beside the script can be imported",
    "file:///etc/passwd": "only files beside the script can be imported",
    "data:text/javascript,1": "only files beside the script can be imported",
    "https://example.org/a.js": "only files beside the script can be imported",
    "llmspell:text:0": "only files beside the script can be imported",
    "llmspell:text:1": "only files beside the script can be imported",
    "<input>": "only files beside the script can be imported",
}


@pytest.mark.parametrize(("specifier", "reason"), REFUSED.items(), ids=list(REFUSED))
def test_what_cannot_be_imported_is_an_error_with_its_line(javascript: JavaScript, specifier: str, reason: str) -> None:
    javascript.module("real.js", "")
    javascript.module("data.json", "{}")
    (javascript.folder / "folder.js").mkdir()
    (javascript.folder.parent / "outside.js").write_text("console.log('reached')")
    os.symlink(javascript.folder.parent / "outside.js", javascript.folder / "linked.js")
    os.symlink(javascript.folder.parent, javascript.folder / "linked")
    error = javascript.error(f"\nimport '{specifier}';")
    assert error.startswith(f't.js:2: cannot import "{specifier}": {reason}'), error
    caught = javascript(
        f"""const s = '{specifier}';
        for (const again of [1, 2]) try {{ await import(s); }} catch (error) {{ console.log(error.name, error.message); }}
        """
    )
    for line in caught.splitlines():
        assert line.startswith("ReferenceError ")
        assert f'cannot import "{specifier}": {reason}' in line


@pytest.mark.parametrize(
    "specifier",
    ["./a\\0.js", "./\\ud800.js", "./" + "a" * 300 + ".js", "./" + "a/" * 3000 + "b.js", "./a\\n.js", "./%2e%2e/x.js"],
)
def test_odd_names_of_modules_are_errors(javascript: JavaScript, specifier: str) -> None:
    output = javascript(
        f"try {{ await import('{specifier}'); }} catch (error) {{ console.log(error instanceof Error); }}"
    )
    assert output == "true\n"


def test_importing_what_is_no_text_is_an_error(javascript: JavaScript) -> None:
    text = """
        for (const odd of [Symbol("x"), {toString() { throw new Error("mine"); }}, null, 5, new Proxy({}, {get() { throw new Error("mine"); }})]) {
          try { await import(odd); } catch (error) { console.log(error instanceof Error); }
        }
    """
    assert javascript(text) == "true\n" * 5


def test_a_script_without_a_folder_imports_nothing() -> None:
    from llmspell.config import ScriptSettings
    from llmspell.errors import ScriptError
    from llmspell.scripting.run import Run, Script
    from llmspell.scripting.running import watch

    run = Run(Script(b"import './a.js'", "t.js", ""), None, ScriptSettings())
    with pytest.raises(ScriptError, match=r'^t\.js:1: cannot import "\./a\.js": this script may load no modules$'):
        watch(run, "javascript")


def test_an_error_in_a_module_names_it_and_its_line(javascript: JavaScript) -> None:
    javascript.module("lib/bad.js", "\n\nlet a = ;")
    javascript.module("lib/throws.js", "\nexport const f = () => null.x;\n")
    javascript.module("lib/none.js", "\n\nimport './missing.js';")
    bad = javascript.folder / "lib"
    assert javascript.error("import './lib/bad.js'").startswith(f"{bad}/bad.js:3: SyntaxError: ")
    assert javascript.error("import { f } from './lib/throws.js'; f();").startswith(f"{bad}/throws.js:2: TypeError: ")
    assert javascript.error("import './lib/none.js'").startswith(f'{bad}/none.js:3: cannot import "./missing.js": ')
    assert "Could not find export" in javascript.error("import { g } from './lib/throws.js'")


def test_a_module_with_a_shell_line_and_a_mark(javascript: JavaScript) -> None:
    (javascript.folder / "a.js").write_bytes(b"\xef\xbb\xbf#!/usr/bin/env llmspell\nexport const a = 1;")
    assert javascript("import { a } from './a.js'; console.log(a)") == "1\n"


def test_a_module_that_is_no_utf8_is_refused_with_its_line(javascript: JavaScript) -> None:
    (javascript.folder / "a.js").write_bytes(b"\n'\xff'")
    assert javascript.error("import './a.js'") == (
        f"{javascript.folder}/a.js:2: the text is not valid UTF-8; save the file as UTF-8"
    )


def test_a_module_that_is_too_large_is_refused(javascript: JavaScript) -> None:
    with (javascript.folder / "a.js").open("wb") as file:
        file.truncate(MAX_MODULE_BYTES + 1)
    assert "is larger than 10,000,000 bytes" in javascript.error("import './a.js'")


def test_a_module_that_cannot_be_read_is_an_error(javascript: JavaScript) -> None:
    javascript.module("a.js", "")
    os.unlink(javascript.folder / "a.js")
    os.symlink("a.js", javascript.folder / "a.js")
    assert "a.js" in javascript.error("import './a.js'")


def test_many_modules(javascript: JavaScript) -> None:
    for number in range(200):
        javascript.module(f"m{number}.js", f"export {{ value }} from './m{number + 1}.js';")
    javascript.module("m200.js", "export const value = 'the end';")
    assert javascript("import { value } from './m0.js'; console.log(value)") == "the end\n"

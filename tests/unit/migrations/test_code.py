"""A migration gets the code that it names, from its folder or not at all, and a failing function is a refusal."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell import codec
from llmspell.entry import JsonValue
from llmspell.errors import InvalidArgument
from llmspell.migrations.code import CodeOpener, ModuleGone, PythonCode
from llmspell.migrations.transforms.base import Refusal


class Script:
    """Code of a language without functions: it remembers what it was made of."""

    names: frozenset[str] = frozenset()
    fields: Mapping[str, JsonValue] = {}

    def __init__(self, path: str, source: bytes) -> None:
        self.path = path
        self.source = source

    def call(self, name: str, text: bytes) -> bytes:
        raise Refusal(f"no {name} for {text!r}")


def python(folder: Path, source: str, name: str = "functions") -> PythonCode:
    (folder / f"{name}.py").write_text(source)
    code = CodeOpener(str(folder), allow_python=True)(name)
    assert isinstance(code, PythonCode)
    return code


def refusal(code: PythonCode, name: str = "up", text: bytes = b"{}") -> str:
    with pytest.raises(Refusal) as caught:
        code.call(name, text)
    return str(caught.value)


def fault(opener: CodeOpener, reference: str) -> str:
    with pytest.raises(InvalidArgument) as caught:
        opener(reference)
    return str(caught.value)


def test_a_script_is_made_of_its_path_and_its_content(tmp_path: Path) -> None:
    (tmp_path / "functions.lua").write_bytes(b"return {}")
    script = CodeOpener(str(tmp_path), allow_python=False, open_script=Script)("functions.lua")
    assert isinstance(script, Script)
    assert (script.path, script.source) == (str(tmp_path / "functions.lua"), b"return {}")


def test_the_same_name_gives_the_same_code(tmp_path: Path) -> None:
    (tmp_path / "functions.lua").write_bytes(b"return {}")
    opener = CodeOpener(str(tmp_path), allow_python=False, open_script=Script)
    assert opener("functions.lua") is opener("functions.lua:up")


def test_scripts_are_refused_where_none_can_be_run(tmp_path: Path) -> None:
    (tmp_path / "functions.lua").write_bytes(b"return {}")
    told = fault(CodeOpener(str(tmp_path), allow_python=True), "functions.lua")
    assert told.startswith('"functions.lua" is a script, and scripts cannot be run here;')


def test_a_missing_script_is_refused_by_name(tmp_path: Path) -> None:
    opener = CodeOpener(str(tmp_path), allow_python=True, open_script=Script)
    assert fault(opener, "functions.lua").startswith(f'there is no file "{tmp_path}/functions.lua"')


@pytest.mark.parametrize(
    "reference", ["../functions.lua", "/tmp/functions.lua", "sub/functions.lua", "..\\functions.lua"]
)
def test_a_script_outside_of_the_folder_is_refused(tmp_path: Path, reference: str) -> None:
    opener = CodeOpener(str(tmp_path), allow_python=True, open_script=Script)
    assert "is no plain file name" in fault(opener, reference)


@pytest.mark.parametrize("name", ["functions.lua", "functions.py"])
def test_a_link_to_code_outside_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / name).symlink_to(tmp_path / name)
    opener = CodeOpener(str(folder), allow_python=True, open_script=Script)
    assert "is a link that leads out of" in fault(opener, name.removesuffix(".py"))


@pytest.mark.parametrize("reference", ["functions", "os", "os.path", "functions:up"])
def test_python_is_refused_unless_the_owner_allowed_it(tmp_path: Path, reference: str) -> None:
    (tmp_path / "functions.py").write_text("raise SystemError('it ran')")
    told = fault(CodeOpener(str(tmp_path), allow_python=False, open_script=Script), reference)
    assert told == (
        f'"{reference.partition(":")[0]}" is Python code; Python code in migrations is not allowed: it runs with all '
        "rights of this program; set allow_python_migrations = true in [state] if you trust the folder, or write it in "
        "Lua or JavaScript"
    )


def test_a_whole_script_in_python_is_refused_unless_the_owner_allowed_it(tmp_path: Path) -> None:
    (tmp_path / "2.0.0_x.py").write_text("raise SystemError('it ran')")
    with pytest.raises(InvalidArgument, match="Python code in migrations is not allowed"):
        CodeOpener(str(tmp_path), allow_python=False).open_file("2.0.0_x.py")


@pytest.mark.parametrize("reference", ["", "a b", "1x", "functions/../os", "a..b", "functions.", "__import__('os')"])
def test_what_names_neither_a_script_nor_a_module_is_refused(tmp_path: Path, reference: str) -> None:
    told = fault(CodeOpener(str(tmp_path), allow_python=True), reference)
    assert told.startswith(f'"{reference}" names no code; write the file name of a script such as "functions.lua"')


def test_a_python_file_in_the_folder_goes_before_an_installed_module(tmp_path: Path) -> None:
    assert python(tmp_path, "def up(document): return 'ours'", "json").call("up", b"1") == b'"ours"'


def test_an_installed_module_can_be_used_by_its_full_name(tmp_path: Path) -> None:
    code = CodeOpener(str(tmp_path), allow_python=True)("os.path")
    assert code.call("basename", b'"a/b"') == b'"b"'


def test_an_installed_module_has_no_source_of_its_own(tmp_path: Path) -> None:
    assert CodeOpener(str(tmp_path), allow_python=True)("json").source == b""


def test_a_python_file_is_its_source(tmp_path: Path) -> None:
    assert python(tmp_path, "x = 1\n").source == b"x = 1\n"


def test_loading_a_python_file_leaves_nothing_behind(tmp_path: Path) -> None:
    modules, paths = set(sys.modules), list(sys.path)
    python(tmp_path, "def up(document): return document")
    assert [entry.name for entry in tmp_path.iterdir()] == ["functions.py"]
    assert set(sys.modules) - modules == set()
    assert sys.path == paths


def test_a_python_file_that_was_edited_is_loaded_anew(tmp_path: Path) -> None:
    assert python(tmp_path, "def up(document): return 1").call("up", b"0") == b"1"
    assert python(tmp_path, "def up(document): return 2").call("up", b"0") == b"2"


def test_functions_of_a_python_file_see_each_other(tmp_path: Path) -> None:
    code = python(
        tmp_path, "import math\nHALF = 0.5\ndef _add(x): return x + HALF\ndef up(x): return math.floor(_add(x))"
    )
    assert code.call("up", b"1.75") == b"2"


def test_classes_and_private_functions_are_no_functions_of_a_module(tmp_path: Path) -> None:
    code = python(
        tmp_path, "class A: pass\ndef _private(x): return x\ndef up(x): return x\nlow = lambda x: x\nNUMBER = 1"
    )
    assert code.names == {"up", "low"}


def test_public_json_variables_are_fields_and_constants_in_capitals_are_not(tmp_path: Path) -> None:
    public = "import os\nscope = 'user*'\nvalidation = {'a': [1.5, None]}\n"
    others = "LIMIT = 3\n_hidden = 1\nodd = (1, 2)\nx = object()"
    assert python(tmp_path, public + others).fields == {"scope": "user*", "validation": {"a": [1.5, None]}}


def test_a_missing_module_is_refused_with_the_places_that_were_searched(tmp_path: Path) -> None:
    opener = CodeOpener(str(tmp_path), allow_python=True)
    with pytest.raises(ModuleGone) as caught:
        opener("no_such_module_here.part")
    assert str(caught.value) == (
        'there is no Python module "no_such_module_here.part": neither a file "no_such_module_here.part.py" in '
        f'"{tmp_path}" nor an installed one; correct the name or install it'
    )


def test_a_module_named_by_its_file_is_refused_with_the_right_name(tmp_path: Path) -> None:
    (tmp_path / "functions.py").write_text("")
    told = fault(CodeOpener(str(tmp_path), allow_python=True), "functions.py")
    assert told == '"functions.py" is named by its file; write "functions"'


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def up(document:\n  pass", "SyntaxError: "),
        ("\n\nraise ValueError('no luck')", "ValueError: no luck ({path}:3)"),
        ("import no_such_module_here", "ModuleNotFoundError: No module named 'no_such_module_here' ({path}:1)"),
        ("raise SystemExit(3)", "SystemExit: 3 ({path}:1)"),
        ("1 / 0", "ZeroDivisionError: division by zero ({path}:1)"),
        ("x = 'é'.encode('latin-1').decode('utf-8')", "UnicodeDecodeError: "),
    ],
)
def test_a_python_file_that_cannot_be_loaded_is_refused_with_its_line(tmp_path: Path, source: str, told: str) -> None:
    path = tmp_path / "functions.py"
    path.write_text(source)
    message = fault(CodeOpener(str(tmp_path), allow_python=True), "functions")
    assert message.startswith(f'"{path}" cannot be loaded: {told.format(path=path)}')


def test_a_python_file_with_nul_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "functions.py").write_bytes(b"x = 1\0")
    assert "cannot be loaded: " in fault(CodeOpener(str(tmp_path), allow_python=True), "functions")


def test_a_module_that_imports_a_missing_one_is_not_taken_for_a_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "half_installed_module.py").write_text("import no_such_module_here")
    monkeypatch.syspath_prepend(str(tmp_path / "library"))
    told = fault(CodeOpener(str(tmp_path), allow_python=True), "half_installed_module")
    assert told == (
        'the Python module "half_installed_module" cannot be loaded: '
        "ModuleNotFoundError: No module named 'no_such_module_here'"
    )


def test_an_interrupt_while_a_file_is_loaded_is_no_refusal(tmp_path: Path) -> None:
    (tmp_path / "functions.py").write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        CodeOpener(str(tmp_path), allow_python=True)("functions")


def test_a_function_gets_a_document_and_gives_one(tmp_path: Path) -> None:
    code = python(tmp_path, "def up(document):\n    document['n'] += 1\n    return document")
    assert code.call("up", b'{"b":0,"n":1}') == b'{"b":0,"n":2}'


def test_a_function_that_keeps_its_document_does_not_change_the_next_one(tmp_path: Path) -> None:
    code = python(
        tmp_path, "kept = []\ndef up(document):\n    kept.append(document)\n    kept[0]['n'] += 1\n    return document"
    )
    assert [code.call("up", b'{"n":1}') for _ in range(3)] == [b'{"n":2}', b'{"n":1}', b'{"n":1}']


def test_a_function_that_raises_is_a_refusal_with_type_message_and_line(tmp_path: Path) -> None:
    code = python(
        tmp_path,
        "def inner(document):\n    return document['age'] / 0\n\ndef up(document):\n    return inner(document)",
    )
    path = tmp_path / "functions.py"
    assert refusal(code, text=b'{"age":1}') == (
        f"the function up of {path} failed: ZeroDivisionError: division by zero ({path}:2)"
    )


def test_the_line_of_a_failure_elsewhere_is_that_of_the_call(tmp_path: Path) -> None:
    code = python(tmp_path, "import json\ndef up(document):\n    return json.loads('[')")
    assert refusal(code).endswith(f"({tmp_path}/functions.py:3)")


def test_an_exception_without_words_is_told_by_its_type(tmp_path: Path) -> None:
    assert "failed: AssertionError (" in refusal(python(tmp_path, "def up(document): assert document"))


def test_a_long_message_is_cut_short(tmp_path: Path) -> None:
    assert len(refusal(python(tmp_path, "def up(document): raise ValueError('x' * 100_000)"))) < 1000


def test_leaving_the_program_is_a_refusal(tmp_path: Path) -> None:
    assert "failed: SystemExit: 2 (" in refusal(python(tmp_path, "import sys\ndef up(document): sys.exit(2)"))


def test_endless_recursion_is_a_refusal(tmp_path: Path) -> None:
    assert "failed: RecursionError: " in refusal(python(tmp_path, "def up(document): return up(document)"))


def test_an_interrupt_is_no_refusal(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        python(tmp_path, "def up(document): raise KeyboardInterrupt").call("up", b"{}")


def test_a_function_that_gives_nothing_is_a_refusal(tmp_path: Path) -> None:
    told = refusal(python(tmp_path, "def up(document): document['n'] = 1"))
    assert told == f"the function up of {tmp_path}/functions.py gave nothing; it must return the changed document"


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ("{'a': [1, {2}]}", ".a[1] is a set, which is no JSON; make it a list"),
        ("float('nan')", "the result is nan, which JSON has no number for"),
        ("[float('inf')]", "[0] is inf, which JSON has no number for"),
        ("2 ** 63", "the result is an integer beyond 64 bits; store it as text"),
        ("(1, 2)", "the result is a tuple, which is no JSON; make it a list"),
        ("{1: 2}", "the result has the field 1, whose name is no text"),
        ("'\\ud800'", "the result holds text with a lone surrogate, which is no Unicode"),
        ("up", "the result is a function, which is no JSON"),
        ("__import__('datetime').datetime(2026, 1, 1)", "the result is a datetime, which is no JSON"),
    ],
)
def test_a_function_that_gives_no_json_is_a_refusal(tmp_path: Path, result: str, told: str) -> None:
    code = python(tmp_path, f"def up(document): return {result}")
    assert refusal(code) == f"the function up of {tmp_path}/functions.py gave no JSON: {told}"


def test_a_result_that_contains_itself_is_a_refusal(tmp_path: Path) -> None:
    code = python(tmp_path, "def up(document):\n    document['me'] = document\n    return document")
    assert "nested deeper than 128 levels, or contains itself" in refusal(code)


def test_a_missing_function_is_a_refusal(tmp_path: Path) -> None:
    assert refusal(python(tmp_path, "x = 1"), "down").endswith("functions.py does not exist")


def test_a_function_with_other_arguments_is_a_refusal(tmp_path: Path) -> None:
    assert "failed: TypeError: up() takes 0 positional arguments but 1 was given" in refusal(
        python(tmp_path, "def up(): return 1")
    )


def test_a_function_that_is_not_deterministic_is_called_once_a_document(tmp_path: Path) -> None:
    code = python(tmp_path, "from itertools import count\n_numbers = count()\ndef up(document): return next(_numbers)")
    assert [code.call("up", b"{}") for _ in range(3)] == [b"0", b"1", b"2"]


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=15,
)


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], bytes]:
    code = python(tmp_path_factory.mktemp("code"), "def up(document): return document")
    return lambda text: code.call("up", text)


@given(value=_json.filter(lambda value: value is not None))
@settings(max_examples=200)
def test_every_document_goes_through_a_function_unchanged_byte_for_byte(
    same: Callable[[bytes], bytes], value: JsonValue
) -> None:
    text = codec.encode(value)
    assert same(text) == text

"""Every key is found on its line, whatever stands around it."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.config.lines import Place, malformed_line, place_lines

KeyPath = tuple[str, ...]


def key_lines(text: str) -> dict[KeyPath, int]:
    """Give the lines of what is not inside an array."""
    lines: dict[KeyPath, int] = {}
    for place, line in place_lines(text).items():
        path = tuple(step for step in place if isinstance(step, str))
        if len(path) == len(place):
            lines[path] = line
    return lines


def test_keys_and_tables_have_their_lines() -> None:
    assert key_lines("# first\n[state]\n\nenabled = true\n  path = 'x' # last") == {
        ("state",): 2,
        ("state", "enabled"): 4,
        ("state", "path"): 5,
    }


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\nstate.backend = 1", ("state", "backend"), 2),
        ("[runtime]\nsecurity.allow = 1", ("runtime", "security", "allow"), 2),
        ("[ state . backup ] # x\nkey=1", ("state", "backup", "key"), 2),
        ("\nstate = { a = 1, b.c = 2 }", ("state", "b", "c"), 2),
        ("state = {a = {}, b = {c = [1, {d = 2}], e = 3}}\nz = 1", ("state", "b", "e"), 1),
        ('[state]\n"two words" = 1', ("state", "two words"), 2),
        ("['st#ate']\n'[key]' = 1", ("st#ate", "[key]"), 2),
        ('"st\\u0061te"."a.b" = 1', ("state", "a.b"), 1),
        ('"" = 1', ("",), 1),
        ("1.5 = 2", ("1", "5"), 1),
        ("a = 1.5\nb = 1979-05-27 07:32:00.5\nc = inf", ("c",), 3),
        ("a = [\n  1, # ]\n  [2, '],'],\n]\nb = 1", ("b",), 5),
        ('a = """\nb = 1\n"""\nb = 2', ("b",), 4),
        ('a = """\\"""\nb = 1\n"""""\nb = 2', ("b",), 4),
        ("a = '''\nb = 1\n'''''\nb = 2", ("b",), 4),
        ("a = ''''''\nb = \"\"\"\"\"\"\nc = ''", ("c",), 3),
        ('a = \'\\\'\nb = "\\""\nc = 1', ("c",), 3),
        ("a = 1 # \"\"\"\nb = 2 # '''\nc = 3", ("c",), 3),
        ("a = 1\r\n\r\nb = 2\r\n", ("b",), 3),
        ("[a.b]\nx = 1\n[a]\ny = 2", ("a", "y"), 4),
        ("[a.b]\nx = 1\n[a]\ny = 2", ("a",), 1),
    ],
)
def test_a_key_is_found(text: str, path: KeyPath, line: int) -> None:
    tomllib.loads(text)
    assert key_lines(text)[path] == line


def test_keys_that_several_places_share_are_left_out() -> None:
    text = "[[jobs]]\nname = 1\n[jobs.more]\nsize = 1\n[[jobs]]\nname = 2\n[state]\nlist = [{name = 1}]"
    assert key_lines(text) == {("jobs",): 1, ("state",): 7, ("state", "list"): 8}


def test_the_keys_come_in_the_order_of_the_text() -> None:
    assert list(key_lines("b = 1\na = {d = 1, c = 2}")) == [("b",), ("a",), ("a", "d"), ("a", "c")]


def test_a_text_without_keys_has_none() -> None:
    assert key_lines("") == {}
    assert key_lines("\n# [state]\n# enabled = true") == {}


@pytest.mark.parametrize(
    ("text", "place", "line"),
    [
        ("[[jobs]]\nname = 1\n[[jobs]]\nname = 2", ("jobs", 1, "name"), 4),
        ("[[jobs]]\n[[jobs]]\n[jobs.more]\nsize = 1", ("jobs", 1, "more", "size"), 4),
        ("[[jobs]]\n[[jobs.parts]]\n[[jobs]]\n[[jobs.parts]]\n[[jobs.parts]]\na = 1", ("jobs", 1, "parts", 1, "a"), 6),
        ("[[a.b]]\nc.d = 1\n[a.e]\nf = 1", ("a", "b", 0, "c", "d"), 2),
        ("[[a.b]]\nc.d = 1\n[a.e]\nf = 1", ("a", "e", "f"), 4),
        ("a = [\n  1.5,\n  { b = 1 },\n  [2,\n 3], # ]\n]", ("a", 2, 1), 5),
        ("a = [\n  1.5,\n  { b = 1 },\n  [2,\n 3], # ]\n]", ("a", 1, "b"), 3),
        ("a = { b = [{c = 1}, {c = { d = [1,\n'2'] }}] }", ("a", "b", 1, "c", "d", 1), 2),
    ],
)
def test_a_place_inside_arrays_is_found(text: str, place: Place, line: int) -> None:
    tomllib.loads(text)
    assert place_lines(text)[place] == line


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        ("a = 1\nb = ?", 2, "Invalid value"),
        ("a = 1\nb", 2, "Expected '=' after a key in a key/value pair"),
        ("a = 1\nb = [1,\n\n\n", 2, "Invalid value"),
        ("a = 1\n\na = 2\n", 3, "Cannot overwrite a value"),
    ],
)
def test_the_line_of_what_is_malformed_is_in_the_words_of_the_parser(text: str, line: int, fault: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    assert malformed_line(str(caught.value), text) == (line, fault)


_words = st.sampled_from(["a", "b-c", "D_1", "2", "é", "x y", "#", "]", "=", '"', "'", "\\", "a.b", "[[", "}"])
_values = st.sampled_from(
    [
        "1",
        "1.5",
        "07:32:00",
        '"a = 1"',
        "'#'",
        '"""\na = 1\n"b" = 2\n"""',
        "'''\n[a]\n''''",
        "[]",
        "[1, '2', [\n3, # a = 1\n],\n]",
        "[{a = 1}]",
        "{}",
        "{a = 1, 'b-c'.D_1 = {2 = [\n{a = '}'}\n]}}",
    ]
)


@st.composite
def _documents(draw: st.DrawFn) -> str:
    lines = draw(st.lists(st.sampled_from(["", "# a = 1", "[", "[[", "key"]), max_size=12))
    for index, kind in enumerate(lines):
        if kind in {"[", "[[", "key"}:
            path = " . ".join(map(_written, draw(st.lists(_words, min_size=1, max_size=3))))
            closing = {"[": "]", "[[": "]]"}.get(kind)
            lines[index] = f"{kind}{path}{closing}" if closing else f"{path} = {draw(_values)} # x"
    return "\n".join(lines)


def _written(word: str) -> str:
    if word.isascii() and word.replace("-", "").replace("_", "").isalnum():
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(_documents())
def test_a_line_holds_its_key_and_every_key_outside_of_arrays_has_a_line(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = key_lines(text)
    assert set(lines) == _paths(document)
    for path, line in lines.items():
        assert _written(path[-1]).strip('"') in text.split("\n")[line - 1]


def _paths(table: dict[str, object], prefix: KeyPath = ()) -> set[KeyPath]:
    found = set()
    for key, value in table.items():
        path = (*prefix, key)
        found.add(path)
        if isinstance(value, dict):
            found |= _paths(value, path)
    return found


@given(_documents())
def test_every_place_has_a_line_and_the_last_name_of_it_stands_there(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = place_lines(text)
    assert set(lines) == _places(document)
    for place, line in lines.items():
        if isinstance(place[-1], str):
            assert _written(place[-1]).strip('"') in text.split("\n")[line - 1]


def _places(value: object, prefix: Place = ()) -> set[Place]:
    parts: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        parts = list(value.items())
    if isinstance(value, list):
        parts = list(enumerate(value))
    return {(*prefix, step) for step, _ in parts}.union(*(_places(part, (*prefix, step)) for step, part in parts))

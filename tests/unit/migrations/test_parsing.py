"""A file that cannot be taken apart is refused with its line."""

import time
from pathlib import Path

import pytest

from tests.unit.migrations.folder import HEAD, MOVE, one, problems


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = 1\nb = ?", ", line 2: this is not valid TOML: Invalid value; correct it there"),
        ("a = 1\na = 2", ", line 2: this is not valid TOML: Cannot overwrite a value; correct it there"),
        ("a = [1,\n\n", ", line 1: this is not valid TOML: Invalid value; correct it there"),
        ("a = " + "[" * 5000, ": arrays or tables stand too deep inside each other; use fewer levels"),
        ("a = 1" + "0" * 5000, ": an integer has too many digits; write it as text"),
        (b"a = 1\nb = '\xff'", ", line 2: the text is not UTF-8; save the file as UTF-8"),
    ],
)
def test_toml_that_cannot_be_taken_apart_is_refused_with_its_line(
    migrations: Path, text: str | bytes, told: str
) -> None:
    assert problems(migrations, text) == [f"2.0.0_x.toml{told}"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'{"a":\n"\xff"}', ", line 2: the text is not UTF-8; save the file as UTF-8"),
        ("", ", line 1: this is not valid JSON: Expecting value; correct it there"),
        ('{"a": 1\n"b": 2}', ", line 2: this is not valid JSON: Expecting ',' delimiter; correct it there"),
        ('{"a": 1}\n{}', ", line 2: this is not valid JSON: Extra data; correct it there"),
        ('{"a": 1,\n"a": 2}', ', line 2: the text names the field "a" twice; correct it there'),
        ('{"a":\n{"b": 1,\n"b": 1}}', ', line 3: the text names the field "b" twice; correct it there'),
        ('{"a": [1,\nNaN]}', ", line 2: a[1] is nan, which JSON has no number for; correct it there"),
        ('{\n"a": 1e999}', ", line 2: a is inf, which JSON has no number for; correct it there"),
        (
            '{\n"a": 9223372036854775808}',
            ", line 2: a is an integer beyond 64 bits; store it as text; correct it there",
        ),
        ("[" * 100_000, ": the text is nested deeper than 128 levels; correct it there"),
        ('{"a":' * 100_000, ": the text is nested deeper than 128 levels; correct it there"),
    ],
    ids=range(11),
)
def test_json_that_cannot_be_taken_apart_is_refused_with_its_line(
    migrations: Path, text: str | bytes, told: str
) -> None:
    assert problems(migrations, text, "2.0.0_x.json") == [f"2.0.0_x.json{told}"]


@pytest.mark.parametrize("text", ["[]", "1", "null", '"text"'])
def test_json_that_is_no_object_is_refused_with_an_example(migrations: Path, text: str) -> None:
    assert problems(migrations, text, "2.0.0_x.json") == [
        '2.0.0_x.json, line 1: a migration is a JSON object such as {"from_version": "1.0.0", ...}; write it like that'
    ]


@pytest.mark.parametrize("comment", ["// about", "# about", "/* about */"])
@pytest.mark.parametrize(("text", "line"), [("{comment}\n{{}}", 1), ('\n{{"a": 1,\n {comment}\n"b": 2}}', 3)])
def test_comments_in_json_are_refused_with_the_way_out(migrations: Path, comment: str, text: str, line: int) -> None:
    assert problems(migrations, text.format(comment=comment), "2.0.0_x.json") == [
        f"2.0.0_x.json, line {line}: JSON has no comments; remove them, "
        "or write the migration as TOML, which has comments"
    ]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("2026-01-01", "is a date, which is no JSON"),
        ("07:32:00", "is a time, which is no JSON"),
        ("2026-01-01T00:00:00Z", "is a datetime, which is no JSON"),
        ("nan", "is nan, which JSON has no number for"),
        ("-inf", "is -inf, which JSON has no number for"),
        ("9223372036854775808", "is an integer beyond 64 bits; store it as text"),
    ],
)
def test_what_json_does_not_have_is_refused_with_its_line(migrations: Path, value: str, fault: str) -> None:
    text = f'{HEAD}{MOVE}[[transforms]]\ntype = "default"\nfield = "a"\nvalue = {{ x = [\n1, {value}] }}'
    assert problems(migrations, text) == [
        f"2.0.0_x.toml, line 11: transforms[1].value.x[1] {fault}; dates, times, nan and inf are written as text"
    ]


def test_a_file_that_is_too_large_is_refused(migrations: Path) -> None:
    told = problems(migrations, b"#" * 1_000_001)
    assert told == ['"2.0.0_x.toml" has more than 1000000 bytes; split it into smaller ones']


@pytest.mark.parametrize(
    "text", [".".join(["a"] * 300_000), "[" + " . ".join(["'a'"] * 100_000) + "]", 'b = """\n"""\n' + "a." * 400_000]
)
def test_a_key_of_very_many_pieces_is_refused_at_once(migrations: Path, text: str) -> None:
    began = time.perf_counter()
    (problem,) = problems(migrations, text)
    assert problem.endswith(": a key has more than 64 pieces between dots; use fewer levels")
    assert time.perf_counter() - began < 5


def test_dots_in_strings_comments_and_many_short_keys_are_no_long_key(migrations: Path) -> None:
    dots = "a." * 1_000
    text = f'# {dots}\ndescription = """{dots}\n{dots}"""\n{HEAD}scope = \'{dots}\'\n{MOVE * 70}'
    assert len(one(migrations, text).steps) == 70

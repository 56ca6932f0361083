from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.migrations.samples import Specimen, evenly, places, written

if TYPE_CHECKING:
    from pathlib import Path

    import llmspell


@given(st.integers(0, 3_000), st.integers(0, 40))
def test_a_choice_has_no_more_than_asked_for_in_order_from_all_parts(count: int, most: int) -> None:
    chosen = evenly(range(count), most)
    assert len(chosen) == min(count, most)
    assert chosen == sorted(set(chosen))
    if most >= 4 and count > most:
        assert chosen[-1] >= count // 2


def test_places_are_those_of_the_scopes_and_keys_that_are_concerned(store: llmspell.Store, clock: object) -> None:
    for scope, key in (("a", "x"), ("a", "y"), ("b", "x")):
        store.save(scope, key, 1)
    found = places(store.backend, lambda scope: (lambda key: key == "x") if scope == "a" else None, 0.0)
    assert list(found) == [("a", "x")]


def test_a_file_holds_a_document(tmp_path: Path) -> None:
    write(tmp_path, "1.0.0", "ada.json", '{ "name": "Ada" }\n')
    place = str(tmp_path / "1.0.0" / "ada.json")
    assert written(str(tmp_path)) == ([Specimen(place, "1.0.0", None, None, b'{"name":"Ada"}')], [])


def test_a_file_may_hold_an_entry_as_exports_write_it(tmp_path: Path) -> None:
    write(tmp_path, "1.0.0", "ada.json", '{"scope":"users","key":"ada","value":[1],"version":3,"expires_at":null}')
    (specimen,) = written(str(tmp_path))[0]
    assert (specimen.scope, specimen.key, specimen.text) == ("users", "ada", b"[1]")


def test_a_document_with_fields_beyond_those_of_an_entry_is_a_document(tmp_path: Path) -> None:
    write(tmp_path, "1.0.0", "a.json", '{"scope":"users","key":"ada","value":[1],"colour":"red"}')
    assert written(str(tmp_path))[0][0].scope is None


def test_no_folder_has_no_samples(tmp_path: Path) -> None:
    assert written(str(tmp_path / "none")) == ([], [])


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "1.0.0", "README.md", "words")
    write(tmp_path, "1.0.0", ".hidden.json", "no JSON")
    assert written(str(tmp_path)) == ([], [])


@pytest.mark.parametrize(
    ("version", "content", "reason"),
    [
        ("1.0.0", "{", "is not valid JSON"),
        ("1.0.0", "null", "null cannot be stored"),
        ("1.0.0", '{"a":1,"a":2}', "twice"),
        ("1.0.0", '{"scope":"","key":"ada","value":1}', "scope"),
        ("one", "{}", "no semantic version"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    tmp_path: Path, version: str, content: str, reason: str
) -> None:
    write(tmp_path, version, "a.json", content)
    found, (problem,) = written(str(tmp_path))
    assert found == []
    assert str(tmp_path / version) in problem
    assert reason in problem


def test_text_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    write(tmp_path, "1.0.0", "a.json", "")
    (tmp_path / "1.0.0" / "a.json").write_bytes(b'"\xff"')
    assert "not UTF-8" in written(str(tmp_path))[1][0]


def write(folder: Path, version: str, name: str, content: str) -> None:
    (folder / version).mkdir(parents=True, exist_ok=True)
    (folder / version / name).write_text(content, encoding="utf-8")


@pytest.mark.parametrize("linked", ["samples", "samples/1.0.0"])
def test_a_link_is_not_followed_and_nothing_behind_it_is_told(tmp_path: Path, linked: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    write(elsewhere, "1.0.0", "secret.json", "{")
    (tmp_path / linked).parent.mkdir(exist_ok=True)
    (tmp_path / linked).symlink_to(elsewhere if linked == "samples" else elsewhere / "1.0.0")
    found, problems = written(str(tmp_path / "samples"))
    assert found == []
    assert problems == [f"{tmp_path / linked}: it is a link, which may lead anywhere; put the folder itself there"]

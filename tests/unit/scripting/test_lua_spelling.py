"""Drafts become JSON text as the codec would write it, and JSON text becomes drafts; whatever stands in the texts."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell import codec
from llmspell.scripting import lua_spelling
from llmspell.scripting.lua_spelling import MARK, draft_of, spell, unquote

TEXTS = st.lists(
    st.text() | st.text('"\\/\b\f\n\r\t\x00\x01\x02\x1f\x7e\x80\u2028\U0010ffffu0', max_size=30), min_size=1, max_size=8
)


def drafted(texts: list[str]) -> bytes:
    return b"[" + b",".join(MARK + text.encode() + MARK for text in texts) + b"]"


@pytest.fixture(params=[0, 10**9], ids=["fast codec", "standard codec"], autouse=True, scope="module")
def codec_in_use(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lua_spelling, "_FEW_BYTES", request.param)
        yield


@given(texts=TEXTS)
def test_a_draft_is_spelt_as_the_codec_writes(texts: list[str]) -> None:
    marked = any("\x7f" in text for text in texts)
    expected = None if marked else codec.encode(texts)
    assert spell(drafted(texts), 2 * len(texts)) == expected


@given(texts=TEXTS)
def test_json_text_becomes_the_draft_it_could_have_come_from(texts: list[str]) -> None:
    draft = draft_of(codec.encode(texts))
    impossible = any(set(text) & set("\x7f\b\f") for text in texts)
    assert draft == (None if impossible else drafted(texts))


@given(texts=TEXTS)
def test_text_of_any_writer_becomes_a_draft_or_none(texts: list[str]) -> None:
    import json

    assert draft_of(json.dumps(texts, separators=(",", ":")).encode()) in (None, drafted(texts))


@pytest.mark.parametrize(
    ("text", "draft"),
    [
        (rb'"\\b"', b"\x7f\\b\x7f"),
        (rb'"\\\\f"', b"\x7f\\\\f\x7f"),
        (rb'"\\u007f"', b"\x7f\\u007f\x7f"),
        (rb'"\\\"\/"', b'\x7f\\"/\x7f'),
        (rb'"\u001b\u0041\ud83d\ude00"', "\x7f\x1bA😀\x7f".encode()),
        (rb'"\u007F"', None),
        (rb'"\u0008"', None),
        (rb'"\u000C"', None),
        (rb'"\\\b"', None),
        (b'"\x7f"', None),
    ],
)
def test_escapes_in_drafts(text: bytes, draft: bytes | None) -> None:
    assert draft_of(text) == draft


@pytest.mark.parametrize("wrong", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"ok\xc3"])
def test_what_is_no_text_is_not_spelt(wrong: bytes) -> None:
    assert spell(MARK + wrong + MARK, 2) is None


@pytest.mark.parametrize("marks", [0, 1, 3, 4])
def test_a_draft_with_other_marks_is_not_spelt(marks: int) -> None:
    assert spell(drafted(["a"]), marks) is None


@pytest.mark.parametrize("text", ["", "a", '"\\/\b\f\n\r\t\x00\x1f\x7f\u2028é😀', "\\u0041", "x" * 10_000])
def test_quoted_text_is_read_back_the_same(text: str) -> None:
    assert unquote(codec.encode(text)[1:-1]) == text.encode()


def test_escapes_of_other_writers_are_read() -> None:
    assert unquote(rb"\u0041\/\ud83d\ude00\\u0041") == "A/😀\\u0041".encode()


def test_the_fast_codec_is_imported_only_after_much_with_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def noted(value: str) -> bytes:
        asked.append(value)
        return codec.encode(value)

    monkeypatch.setattr(lua_spelling, "_slowly_bytes", 0)
    monkeypatch.setattr(lua_spelling, "_FEW_BYTES", 1000)
    monkeypatch.setattr(codec, "encode_trusted", noted)
    plain, escaped = drafted(["x" * 10_000]), drafted(["\n" * 600])
    assert (spell(plain, 2), spell(escaped, 2), spell(escaped, 2)) != (None, None, None)
    assert asked == []
    assert spell(escaped, 2) == codec.encode(["\n" * 600])
    assert len(asked) == 1

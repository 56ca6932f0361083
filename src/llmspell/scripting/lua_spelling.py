"""How does what Lua has put together become JSON text, and JSON text what Lua can cut up?

Lua walks tables quickly and looks at bytes slowly. So it puts a value together as a draft: JSON text in which the byte
0x7F stands for every quotation mark, and nothing in the texts and names is looked at or escaped. Here all of it is
checked and escaped at once, by what runs over bytes in C. The other way there are drafts of long texts with escapes.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from json import JSONDecoder

MARK = b"\x7f"
"""Stands for a quotation mark in a draft: JSON never escapes it, and hardly a text holds it."""

_ESCAPES = {
    ord("\\"): b"\\\\",  # first: the other escapes begin with one
    **{code: b"\\u%04x" % code for code in range(32)},
    **{8: b"\\b", 9: b"\\t", 10: b"\\n", 12: b"\\f", 13: b"\\r", 34: b'\\"'},
}
_PLAIN = bytes(code for code in range(256) if code not in _ESCAPES and code != MARK[0])

_BACKSLASH, _QUOTE = b"\x01", b"\x02"
"""Stand for escaped ones for a moment: JSON text holds no such bytes."""

_SHORT_ESCAPES = ((b"\\n", b"\n"), (b"\\t", b"\t"), (b"\\r", b"\r"), (b"\\b", b"\b"), (b"\\f", b"\f"), (b"\\/", b"/"))


def spell(draft: bytes, marks: int) -> bytes | None:
    """Give the JSON text of a draft with so many marks; None when a text in it is no valid UTF-8, or holds a mark.

    >>> spell(b'{\\x7fsaid\\x7f:\\x7fan "A"\\x7f}', 4)
    b'{"said":"an \\\\"A\\\\""}'
    """
    odd = draft.translate(None, _PLAIN)
    if odd.count(MARK) != marks:
        return None
    if not draft.isascii():
        try:
            draft.decode()
        except UnicodeDecodeError:
            return None
    if len(odd) != marks:
        present = set(odd)
        for code, escape in _ESCAPES.items():
            if code in present:
                draft = draft.replace(b"%c" % code, escape)
    return draft.replace(MARK, b'"')


def draft_of(text: bytes) -> bytes | None:
    r"""Give the draft of JSON text: marks for quotation marks, no escapes; None where a draft is not possible.

    It is not where a text holds a mark, or characters escaped by their number.

    >>> draft_of(b'["a \\"b\\"\\n"]')
    b'[\x7fa "b"\n\x7f]'
    """
    if MARK in text:
        return None
    text = text.replace(b"\\\\", _BACKSLASH)
    if b"\\u" in text:
        return None
    text = text.replace(b'\\"', _QUOTE).replace(b'"', MARK).replace(_QUOTE, b'"')
    for escape, plain in _SHORT_ESCAPES:
        if b"\\" not in text:
            break
        text = text.replace(escape, plain)
    return text.replace(_BACKSLASH, b"\\")


def unquote(raw: bytes) -> bytes:
    """Give the text of what stands between the quotes of a JSON string.

    >>> unquote(rb"\\u0041")
    b'A'
    """
    text: str = _decoder().raw_decode(f'"{raw.decode()}"')[0]
    return text.encode()


@cache
def _decoder() -> JSONDecoder:
    """Import the standard codec when the first such text comes, not before."""
    from json import JSONDecoder

    return JSONDecoder()

"""How does what Lua has put together become JSON text, and JSON text what Lua can cut up?

Lua walks tables quickly and looks at bytes slowly. So it puts a value together as a draft: JSON text in which the byte
0x7F stands for every quotation mark, and nothing in the texts and names is looked at or escaped. Here all of it is
checked and escaped at once, by what runs over bytes in C. The other way there are drafts of long texts with escapes.
"""

from __future__ import annotations

from functools import cache

from llmspell import codec
from llmspell.quick_typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import re
    from json import JSONDecoder

MARK = b"\x7f"
"""Stands for a quotation mark in a draft: JSON never escapes it, and hardly a text holds it."""

_ESCAPES = {
    ord("\\"): b"\\\\",  # first: the other escapes begin with one
    **{code: b"\\u%04x" % code for code in range(32)},
    8: b"\\b",
    9: b"\\t",
    10: b"\\n",
    12: b"\\f",
    13: b"\\r",
    ord('"'): b'\\"',
}
_PLAIN = bytes(code for code in range(256) if code not in _ESCAPES and code != MARK[0])

_FEW_BYTES = 1_000_000
"""So much with escapes is spelt without the fast codec: only then its import has paid off."""

_slowly_bytes = 0


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
        if _is_worth_import(len(draft)):
            return codec.encode_trusted(draft.decode())[1:-1].replace(MARK, b'"')
        present = set(odd)
        for code, escape in _ESCAPES.items():
            if code in present:
                draft = draft.replace(b"%c" % code, escape)
    return draft.replace(MARK, b'"')


def draft_of(text: bytes) -> bytes | None:
    r"""Give the draft of JSON text: marks for quotation marks, no escapes; None where a text holds a mark.

    >>> draft_of(b'["a \\"b\\"\\n"]')
    b'[\x7fa "b"\n\x7f]'
    """
    if MARK in text:
        return None
    # The escapes \b and \f, which hardly a text has, take the places of two that would be in the way, so that the codec
    # can read the whole as one string: of \", and of \\, which could also make what is behind it look like an escape.
    backslashes = _odd().search(text) is not None
    if backslashes:
        text = text.replace(b"\\\\", b"\1")
        if _taken().search(text):
            return None
    text = text.replace(b'\\"', b"\\b").replace(b'"', MARK)
    if backslashes:
        text = text.replace(b"\1", b"\\f")
    text = _string(b'"' + text + b'"').replace(b"\b", b'"')
    return text.replace(b"\f", b"\\") if backslashes else text


def unquote(raw: bytes) -> bytes:
    """Give the text of what stands between the quotes of a JSON string.

    >>> unquote(rb"\u0041")
    b'A'
    """
    return _string(b'"' + raw + b'"')


def _string(quoted: bytes) -> bytes:
    fast = _is_worth_import(len(quoted))
    text = codec.decode(quoted) if fast else _decoder().raw_decode(quoted.decode())[0]
    return cast("str", text).encode()


def _is_worth_import(size: int) -> bool:
    """Tell whether the fast codec should read or write so many bytes more."""
    global _slowly_bytes
    if _slowly_bytes < _FEW_BYTES:
        _slowly_bytes += size
        return False
    return True


@cache
def _decoder() -> JSONDecoder:
    """Import the standard codec when the first such text comes, not before."""
    from json import JSONDecoder

    return JSONDecoder()


@cache
def _odd() -> re.Pattern[bytes]:
    """Give what finds escapes that are not those of quotation marks, line ends and tabs."""
    import re

    return re.compile(rb'\\[^"nrt]')


@cache
def _taken() -> re.Pattern[bytes]:
    """Give what finds, where no backslash is escaped, what a draft could not tell from what it stands for."""
    import re

    return re.compile(rb"\\(?:[bf]|u00(?:08|0[cC]|7[fF]))")

"""The streams of a script: what is held back, in which order it leaves, and that the store is settled before."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import TypeAlias

import pytest

from llmspell.errors import StoreUnavailable
from llmspell.scripting import streams as streams_module
from llmspell.scripting.streams import HELD_BYTES, CapturedStreams, OutputFull, StandardStreams

Done: TypeAlias = list[tuple[str, bytes]]

SETTLED = ("settled", b"")


class Stream(io.BufferedIOBase):
    """A stream that notes what is handed on, when it is."""

    def __init__(self, name: str, done: Done) -> None:
        self._name, self._done, self._held = name, done, b""

    def write(self, text: object) -> int:
        part = bytes(text)  # type: ignore[call-overload]
        self._held += part
        return len(part)

    def flush(self) -> None:
        if self._held:
            self._done.append((self._name, self._held))
        self._held = b""


class RawStream(io.RawIOBase):
    """A stream without a buffer, as PYTHONUNBUFFERED makes it; it takes a few bytes at a time."""

    def __init__(self, name: str, done: Done) -> None:
        self._name, self._done = name, done

    def write(self, text: object) -> int:
        part = bytes(text)[:4]  # type: ignore[call-overload]
        self._done.append((self._name, part))
        return len(part)


class Output:
    """What stands in the place of `sys.stdout` and `sys.stderr`."""

    def __init__(self, buffer: io.IOBase, *, terminal: bool = False) -> None:
        self.buffer = buffer
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture
def done() -> Done:
    """What left the process, and when the store was settled."""
    return []


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch, done: Done) -> SimpleNamespace:
    """What the streams take for `sys`."""
    process = SimpleNamespace(stdout=Output(Stream("out", done)), stderr=Output(Stream("err", done)))
    monkeypatch.setattr(streams_module, "sys", process)
    return process


@pytest.fixture
def streams(done: Done) -> StandardStreams:
    return StandardStreams(lambda: done.append(SETTLED))


def test_output_is_held_back_until_it_is_handed_on(streams: StandardStreams, done: Done) -> None:
    streams.write(b"one ")
    streams.write(b"two")
    assert done == []
    streams.flush()
    assert done == [SETTLED, ("out", b"one two")]
    streams.flush()
    assert len(done) == 2


def test_more_output_than_is_held_back_leaves_whole(streams: StandardStreams, done: Done) -> None:
    streams.write(b"x" * (HELD_BYTES - 1))
    assert done == []
    streams.write(b"yz")
    assert done == [SETTLED, ("out", b"x" * (HELD_BYTES - 1) + b"yz")]
    streams.write(b"more")
    assert len(done) == 2


def test_output_can_be_handed_on_at_once(streams: StandardStreams, done: Done) -> None:
    streams.write(b"one ")
    streams.write(b"two", at_once=True)
    assert done == [SETTLED, ("out", b"one two")]
    streams.write(b"", at_once=True)
    assert len(done) == 2


def test_errors_come_after_what_was_printed_before(streams: StandardStreams, done: Done) -> None:
    streams.write(b"printed")
    streams.write_error(b"said")
    streams.write(b"later")
    streams.write_error(b"again")
    assert [one for one in done if one != SETTLED] == [
        ("out", b"printed"),
        ("err", b"said"),
        ("out", b"later"),
        ("err", b"again"),
    ]


def test_the_store_is_settled_before_errors_too(streams: StandardStreams, done: Done) -> None:
    streams.write_error(b"said")
    assert done == [SETTLED, ("err", b"said")]


def test_a_terminal_sees_each_output_at_once(process: SimpleNamespace, done: Done) -> None:
    process.stdout = Output(Stream("out", done), terminal=True)
    streams = StandardStreams(lambda: done.append(SETTLED))
    streams.write(b"one")
    streams.write(b"two")
    assert done == [SETTLED, ("out", b"one"), SETTLED, ("out", b"two")]


def test_a_stream_without_a_buffer_is_given_all_at_once(process: SimpleNamespace, done: Done) -> None:
    process.stdout = Output(RawStream("out", done))
    process.stderr = Output(RawStream("err", done))
    streams = StandardStreams(lambda: done.append(SETTLED))
    streams.write(b"1234567")
    assert done == [SETTLED, ("out", b"1234"), ("out", b"567")]
    streams.write_error(b"12345")
    assert done[3:] == [SETTLED, ("err", b"1234"), ("err", b"5")]


def test_nothing_leaves_when_the_store_cannot_be_settled(done: Done) -> None:
    def fail() -> None:
        raise StoreUnavailable("the disk failed")

    streams = StandardStreams(fail)
    streams.write(b"held")
    with pytest.raises(StoreUnavailable):
        streams.write(b"x" * HELD_BYTES)
    for leave in (streams.flush, lambda: streams.write(b"", at_once=True), lambda: streams.write_error(b"said")):
        with pytest.raises(StoreUnavailable):
            leave()
    assert done == []


def test_streams_without_a_store_hold_back_as_well(done: Done) -> None:
    streams = StandardStreams()
    streams.write(b"one")
    assert done == []
    streams.write_error(b"two")
    assert done == [("out", b"one"), ("err", b"two")]


def test_captured_streams_keep_both_in_their_order() -> None:
    streams = CapturedStreams()
    streams.write(b"one ")
    streams.write_error(b"two ")
    streams.write(b"three", at_once=True)
    streams.flush()
    assert streams.text == "one two three"


def test_captured_streams_keep_the_beginning_of_what_is_too_much() -> None:
    streams = CapturedStreams(7)
    streams.write(b"1234567")
    for write in (streams.write, streams.write_error):
        with pytest.raises(OutputFull):
            write(b"8")
    assert streams.text == "1234567"

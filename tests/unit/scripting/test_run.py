"""What is known of one run: its output, and why it must stop."""

import io
import sys

import pytest

from llmspell.config import ScriptSettings
from llmspell.errors import LimitExceeded, ScriptError
from llmspell.scripting.run import Run, Script


@pytest.fixture
def run() -> Run:
    return Run(Script(b"", "t.lua", "."), None, ScriptSettings())


class Stream(io.BytesIO):
    """A stream that fails from the given call on."""

    def __init__(self, error: OSError | None = None) -> None:
        super().__init__()
        self.flushed = 0
        self._error = error

    def write(self, text: object) -> int:
        if self._error:
            raise self._error
        return super().write(text)  # type: ignore[arg-type]

    def flush(self) -> None:
        self.flushed += 1


class Terminal:
    def __init__(self, buffer: Stream, *, interactive: bool = False) -> None:
        self.buffer = buffer
        self._interactive = interactive

    def isatty(self) -> bool:
        return self._interactive


def test_a_run_begins_with_no_reason_to_stop(run: Run) -> None:
    assert (run.stop, run.exit_code) == (None, 0)


def test_output_is_written_as_it_is(run: Run, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    run.write(b"one\xff")
    run.write_error(b"two\x00")
    sys.stdout.flush()
    captured = capsysbinary.readouterr()
    assert (captured.out, captured.err) == (b"one\xff", b"two\x00")


@pytest.mark.parametrize(("interactive", "flushes"), [(False, 0), (True, 1)])
def test_a_terminal_sees_output_at_once(monkeypatch: pytest.MonkeyPatch, interactive: bool, flushes: int) -> None:
    stream = Stream()
    monkeypatch.setattr(sys, "stdout", Terminal(stream, interactive=interactive))
    run = Run(Script(b"", "t.lua", "."), None, ScriptSettings())
    run.write(b"text")
    assert stream.flushed == flushes


def test_output_comes_before_what_is_said_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    output = Stream()
    monkeypatch.setattr(sys, "stdout", Terminal(output))
    monkeypatch.setattr(sys, "stderr", Terminal(Stream()))
    run = Run(Script(b"", "t.lua", "."), None, ScriptSettings())
    run.write(b"text")
    run.write_error(b"words")
    assert output.flushed == 1


@pytest.mark.parametrize(("stream", "write"), [("stdout", "write"), ("stderr", "write_error")])
def test_a_reader_that_is_gone_stops_the_run(
    monkeypatch: pytest.MonkeyPatch, run: Run, stream: str, write: str
) -> None:
    monkeypatch.setattr(sys, stream, Terminal(Stream(BrokenPipeError())))
    getattr(run, write)(b"text")
    run.finish()
    assert isinstance(run.stop, BrokenPipeError)


@pytest.mark.parametrize(
    ("stream", "write", "what"),
    [("stdout", "write", "standard output"), ("stderr", "write_error", "standard error")],
)
def test_an_output_that_fails_stops_the_run_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, run: Run, stream: str, write: str, what: str
) -> None:
    monkeypatch.setattr(sys, stream, Terminal(Stream(OSError(28, "No space left on device"))))
    getattr(run, write)(b"text")
    run.finish()
    assert type(run.stop) is ScriptError
    assert str(run.stop) == f"t.lua: {what} cannot be written: No space left on device"


def test_a_stream_that_takes_a_part_at_a_time_is_given_all(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    class Narrow(Stream):
        def write(self, text: object) -> int:
            return super().write(bytes(text)[:7])  # type: ignore[call-overload]

    stream = Narrow()
    monkeypatch.setattr(sys, "stdout", Terminal(stream))
    run.write(b"")
    run.write(b"x" * 100 + b"y")
    run.finish()
    assert stream.getvalue() == b"x" * 100 + b"y"


def test_a_limit_names_the_script_the_limit_and_the_setting(run: Run) -> None:
    stop = run.exceed("it took too long", "[runtime] script_timeout_seconds")
    assert run.stop is stop
    assert (
        str(stop)
        == "t.lua: stopped: it took too long; [runtime] script_timeout_seconds in the configuration changes that"
    )


def test_the_position_takes_the_place_of_the_name(run: Run) -> None:
    run.exceed("it took too long", "[x] y")
    run.note_position(b"t.lua:7")
    assert isinstance(run.stop, LimitExceeded)
    assert str(run.stop).startswith("t.lua:7: stopped: it took too long; ")


@pytest.mark.parametrize("where", [b"", b"bytes \xff:1"])
def test_any_position_will_do(run: Run, where: bytes) -> None:
    run.exceed("it took too long", "[x] y")
    run.note_position(where)
    assert str(run.stop).startswith("bytes \\xff:1: stopped" if where else "t.lua: stopped")


def test_a_position_changes_no_other_reason(run: Run) -> None:
    run.exit(3)
    run.note_position(b"t.lua:7")
    assert isinstance(run.stop, SystemExit)
    assert run.exit_code == 3


def test_a_failure_names_the_script(run: Run) -> None:
    run.fail("it is broken")
    assert str(run.stop) == "t.lua: it is broken"

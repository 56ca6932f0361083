"""What a script reaches of the machine."""

import io
import sys
from pathlib import Path

import pytest

from llmspell.config import ScriptSettings
from llmspell.errors import LimitExceeded, ScriptError
from llmspell.scripting.host import Host
from llmspell.scripting.run import Run, Script


def host_of(folder: Path, **settings: object) -> tuple[Host, Run]:
    chosen = ScriptSettings()._replace(**settings)  # type: ignore[arg-type]
    run = Run(Script(b"text of the script", "t.lua", str(folder)), None, chosen)
    return Host(run), run


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    source = io.BytesIO(b"first\nsecond\n\nlast")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(source))
    return source


def test_it_stops_when_there_is_a_reason(tmp_path: Path) -> None:
    host, run = host_of(tmp_path)
    assert not host.stopping()
    run.exit(0)
    assert host.stopping()


def test_too_many_instructions_are_a_reason(tmp_path: Path) -> None:
    host, run = host_of(tmp_path, max_instructions=1234567)
    host.exceed_instructions()
    assert isinstance(run.stop, LimitExceeded)
    assert "it took more than 1,234,567 instructions; [engines.lua] max_instructions" in str(run.stop)


def test_lines(tmp_path: Path, stdin: io.BytesIO) -> None:
    host, _ = host_of(tmp_path)
    assert [host.read(b"l"), host.read(b"L"), host.read(b"l")] == [b"first", b"second\n", b""]
    assert [host.read(b"L"), host.read(b"L"), host.read(b"l")] == [b"last", None, None]


def test_everything(tmp_path: Path, stdin: io.BytesIO) -> None:
    host, _ = host_of(tmp_path)
    assert [host.read(b"a"), host.read(b"a")] == [b"first\nsecond\n\nlast", b""]


def test_numbers_of_bytes(tmp_path: Path, stdin: io.BytesIO) -> None:
    host, _ = host_of(tmp_path)
    assert [host.read(3), host.read(0), host.read(-1), host.read(2**62)] == [b"fir", b"", None, b"st\nsecond\n\nlast"]
    assert [host.read(1), host.read(0)] == [None, b""]


@pytest.mark.parametrize("wanted", [b"a", b"l", b"L", 1000])
def test_input_larger_than_memory_is_not_read(tmp_path: Path, stdin: io.BytesIO, wanted: bytes | int) -> None:
    host, _ = host_of(tmp_path, memory_limit_bytes=5)
    with pytest.raises(MemoryError):
        host.read(wanted)


def test_without_a_limit_everything_is_read(tmp_path: Path, stdin: io.BytesIO) -> None:
    host, _ = host_of(tmp_path, memory_limit_bytes=0)
    assert host.read(b"a") == b"first\nsecond\n\nlast"


def test_output_is_handed_on_before_input_is_read(
    tmp_path: Path, stdin: io.BytesIO, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    host, run = host_of(tmp_path)
    run.write(b"name? ")
    host.read(b"l")
    assert capfdbinary.readouterr().out == b"name? "


def test_input_that_fails_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            raise OSError(21, "Is a directory")

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Broken()))
    host, run = host_of(tmp_path)
    assert host.read(b"l") is None
    assert type(run.stop) is ScriptError
    assert str(run.stop) == "t.lua: standard input cannot be read: Is a directory"


def test_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSPELL_TEST", "\udcff")
    host, _ = host_of(tmp_path)
    assert host.getenv(b"LLMSPELL_TEST") == b"\xff"
    assert [host.getenv(name) for name in (b"LLMSPELL_NONE", b"", b"A=B", b"LLMSPELL_TEST\0", b"\xff")] == [None] * 5


def test_module_is_found_beside_the_script(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.lua").write_bytes(b"text")
    (tmp_path / "a" / "init.lua").write_bytes(b"init")
    host, _ = host_of(tmp_path)
    assert host.module_source(b"a.b.c") == (b"text", f"{tmp_path}/a/b/c.lua".encode())
    assert host.module_source(b"a") == (b"init", f"{tmp_path}/a/init.lua".encode())


def test_module_is_found_in_a_folder_that_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "m.lua").write_bytes(b"text")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    host, _ = host_of(tmp_path / "link")
    assert host.module_source(b"m") == (b"text", f"{tmp_path}/link/m.lua".encode())


def test_module_is_found_in_the_root_folder() -> None:
    host, _ = host_of(Path("/"))
    assert host.module_source(b"no_such_module")[0] is None


def test_a_name_of_the_longest_kind_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / ("a" * 250 + ".lua")).write_bytes(b"text")
    host, _ = host_of(tmp_path)
    assert host.module_source(b"a" * 250)[0] == b"text"
    assert host.module_source(b"a" * 255)[0] is None
    assert host.module_source(b"a" * 256) == (
        None,
        b"a module's name is made of letters, digits, - and _, with dots between folders, at most 255 bytes",
    )


def test_sources_are_remembered_for_hints(tmp_path: Path) -> None:
    (tmp_path / "m.lua").write_bytes(b"text of the module")
    host, _ = host_of(tmp_path)
    host.module_source(b"m")
    host.module_source(b"none")
    assert host.sources == {b"t.lua": b"text of the script", f"{tmp_path}/m.lua".encode(): b"text of the module"}

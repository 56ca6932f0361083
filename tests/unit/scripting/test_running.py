"""How a run is watched: its end, its exit code, what it raises."""

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

import pytest

from llmspell.config import ScriptSettings
from llmspell.errors import InvalidArgument, LimitExceeded, ScriptError
from llmspell.scripting import running
from llmspell.scripting.run import Run
from llmspell.scripting.running import Script, execute_script


class Adapter:
    """A language whose scripts are Python functions."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.body: Callable[[Run], object] = lambda run: None
        monkeypatch.setattr(running, "adapter_of", lambda language: self)

    def execute(self, run: Run) -> None:
        self.body(run)


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> Adapter:
    return Adapter(monkeypatch)


class Abandoned(Exception):
    pass


def abandon(reason: BaseException) -> NoReturn:
    raise Abandoned(type(reason).__name__)


def run(**settings: object) -> int:
    chosen = ScriptSettings()._replace(**settings)  # type: ignore[arg-type]
    return execute_script(Script(b"", "t.lua", "."), "any", None, chosen, abandon=abandon)


def test_a_script_that_ends_gives_zero(adapter: Adapter) -> None:
    assert run() == 0


def test_a_script_that_exits_gives_its_code(adapter: Adapter) -> None:
    adapter.body = lambda run: run.exit(7)
    assert run() == 7


def test_what_an_adapter_raises_is_raised(adapter: Adapter) -> None:
    def body(run: Run) -> None:
        raise ScriptError("boom")

    adapter.body = body
    with pytest.raises(ScriptError, match=r"^boom$"):
        run()


@pytest.mark.parametrize("reason", [BrokenPipeError(), LimitExceeded("limit"), ScriptError("lost"), ValueError("bug")])
def test_the_reason_of_a_stop_wins_over_what_is_raised_on_the_way(adapter: Adapter, reason: Exception) -> None:
    def body(run: Run) -> None:
        run.stop = reason
        raise ScriptError("on the way")

    adapter.body = body
    with pytest.raises(type(reason)) as caught:
        run()
    assert caught.value is reason


def test_an_exit_wins_over_what_is_raised_on_the_way(adapter: Adapter) -> None:
    def body(run: Run) -> None:
        run.exit(3)
        raise ScriptError("on the way")

    adapter.body = body
    assert run() == 3


def test_a_script_runs_in_a_thread_of_its_own_that_does_not_keep_the_process(adapter: Adapter) -> None:
    threads: list[threading.Thread] = []
    adapter.body = lambda run: threads.append(threading.current_thread())
    run()
    assert threads[0] is not threading.current_thread()
    assert (threads[0].name, threads[0].daemon) == ("script", True)


def test_a_script_is_asked_to_stop_when_time_is_up(adapter: Adapter) -> None:
    asked = threading.Event()

    def body(run: Run) -> None:
        while run.stop is None:
            threading.Event().wait(0.001)
        asked.set()

    adapter.body = body
    with pytest.raises(LimitExceeded, match=r"^t.lua: stopped: it ran longer than 0.05 s; \[runtime\] script_timeout"):
        run(timeout_seconds=0.05)
    assert asked.is_set()


def test_a_script_that_does_not_stop_is_abandoned(adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "GRACE_SECONDS", 0.05)
    done = threading.Event()
    adapter.body = lambda run: done.wait(60)
    try:
        with pytest.raises(Abandoned, match="LimitExceeded"):
            run(timeout_seconds=0.05)
    finally:
        done.set()


def test_a_script_that_stops_within_its_grace_is_not_abandoned(adapter: Adapter) -> None:
    def body(run: Run) -> None:
        while run.stop is None:
            threading.Event().wait(0.001)
        threading.Event().wait(0.1)

    adapter.body = body
    with pytest.raises(LimitExceeded):
        run(timeout_seconds=0.01)


@pytest.mark.parametrize("seconds", [0, 0.0, 1e300, float("inf")])
def test_no_time_limit_and_one_beyond_all_bounds_are_accepted(adapter: Adapter, seconds: float) -> None:
    assert run(timeout_seconds=seconds) == 0


def test_an_unknown_language_is_refused_before_anything_runs() -> None:
    with pytest.raises(InvalidArgument, match='there is no language "none"'):
        execute_script(Script(b"", "t", "."), "none", None, ScriptSettings(), abandon=abandon)


INTERRUPTED = """
import os, signal, sys, threading
from llmspell.config import ScriptSettings
from llmspell.scripting import running
from llmspell.scripting.running import Script, execute_script

class Adapter:
    def execute(self, run):
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        while {condition}:
            threading.Event().wait(0.01)

def abandon(reason):
    print("abandoned", type(reason).__name__, flush=True)
    os._exit(0)

running.GRACE_SECONDS = {grace}
running.adapter_of = lambda language: Adapter()
try:
    execute_script(Script(b"", "t", "."), "any", None, ScriptSettings(), abandon=abandon)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    ("condition", "grace", "said"),
    [("run.stop is None", 60, "interrupted"), ("True", 0.2, "abandoned KeyboardInterrupt")],
)
def test_an_interrupt_asks_the_script_to_stop_and_then_abandons_it(condition: str, grace: float, said: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", INTERRUPTED.format(condition=condition, grace=grace)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (finished.stdout, finished.stderr) == (f"{said}\n", "")

"""Points at which the environment can make the program fail, and nothing else can."""

import os
import signal
import subprocess
import sys

import pytest

from llmspell import fail_points

LOOP = """
from llmspell.fail_points import armed, reach
print(armed("here"), armed("there"), flush=True)
for number in range(1, 5):
    reach("there")
    try:
        reach("here")
    except (OSError, KeyboardInterrupt) as error:
        print(repr(error), flush=True)
    print(number, flush=True)
"""
WHOLE = ["1", "2", "3", "4"]


def start(setting: str | None) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != fail_points.VARIABLE}
    if setting is not None:
        environment[fail_points.VARIABLE] = setting
    return subprocess.Popen([sys.executable, "-c", LOOP], stdout=subprocess.PIPE, text=True, env=environment)


def ended(setting: str | None) -> tuple[int, list[str]]:
    """Give how the loop ended and the lines that it wrote after the first."""
    process = start(setting)
    output, _ = process.communicate(timeout=60)
    first, *lines = output.splitlines()
    assert first == f"{setting is not None and setting.startswith('here=')} False"
    return process.returncode, lines


@pytest.mark.parametrize("setting", [None, "", "elsewhere=kill", "here", "her=kill"])
def test_a_point_that_is_not_armed_does_nothing(setting: str | None) -> None:
    process = start(setting)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, output.splitlines()[1:]) == (0, WHOLE)


def test_kill_ends_the_process_at_once() -> None:
    assert ended("here=kill") == (-signal.SIGKILL, [])


def test_a_point_strikes_only_when_it_is_reached_for_the_time_that_was_said() -> None:
    assert ended("here=kill@3") == (-signal.SIGKILL, WHOLE[:2])


def test_raise_is_an_error_of_the_system_that_comes_once() -> None:
    told = "OSError(5, 'the fail point here was reached')"
    assert ended("here=raise@2") == (0, ["1", told, "2", "3", "4"])


def test_interrupt_is_what_a_person_does() -> None:
    assert ended("here=interrupt") == (0, ["KeyboardInterrupt()", *WHOLE])


def test_stop_suspends_the_process_until_it_is_continued() -> None:
    process = start("here=stop@2")
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        os.kill(process.pid, signal.SIGCONT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert output.splitlines()[1:] == WHOLE

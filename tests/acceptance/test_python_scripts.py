"""Python scripts: `llmspell run x.py` is `python x.py`, with `State`."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Llmspell

WORKERS = """
import concurrent.futures, dataclasses, multiprocessing, sys

@dataclasses.dataclass
class Answer:
    number: int

def count(number):
    State.increment("stats", "calls")
    return Answer(number)

def square(number):
    return Answer(number * number)

if __name__ == "__main__":
    function = {"fork": count, "spawn": square}[sys.argv[1]]
    context = multiprocessing.get_context(sys.argv[1])
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        print(sum(answer.number for answer in pool.map(function, range(10))), State.load("stats", "calls"))
"""

FORK = """
import os
State.save("pids", "parent", True)
child = os.fork()
State.increment("stats", "processes")
if child:
    os.waitpid(child, 0)
    print(State.load("stats", "processes"))
"""

LATE = """
import atexit, concurrent.futures, threading

def late():
    threading.main_thread().join()  # until the process begins to end
    State.save("late", "thread", 1)
    print("thread", __import__("sys").modules["__main__"].late is late)

threading.Thread(target=late).start()
pool = concurrent.futures.ThreadPoolExecutor()  # nobody shuts it down
pool.submit(State.save, "late", "pool", 1)
atexit.register(lambda: print("atexit", State.list_keys("late"), State.save("late", "atexit", 1)))
print("last line")
"""

TIGHT = "print('begun', flush=True)\nwhile True: pass\n"


def test_all_languages_share_what_is_stored(llmspell: Llmspell) -> None:
    llmspell.write("count.py", 'print(State.increment("stats", "runs"))')
    llmspell.write("count.lua", 'print(State.increment("stats", "runs"))')
    assert [llmspell.ok("run", name) for name in ("count.py", "count.lua", "count.py")] == ["1", "2", "3"]


def test_the_language_can_be_named(llmspell: Llmspell) -> None:
    llmspell.write("script.lua", "import sys\nprint(sys.argv, State.scopes())")
    assert llmspell.ok("run", "--language", "python", "script.lua", "--language", "lua") == (
        "['script.lua', '--language', 'lua'] []"
    )
    assert llmspell.ok("run", "--language=python", "-", "x", stdin="import sys; print(sys.argv)") == "['stdin', 'x']"
    assert llmspell.ok("exec", "--language", "python", "--", "-1 or print(State.load('a', 'b'))") == ""
    llmspell.write("llmspell.toml", 'default_engine = "python"\n')
    assert llmspell.ok("exec", "print([State.load('a', 'b')])") == "[None]"
    llmspell.write("llmspell.toml", '[state]\npath = "script.lua"\n')  # no store: whoever opens it fails
    for words in (("--language", "ruby"), ("--language=",), ("--config=llmspell.toml", "--language=ruby")):
        refused = llmspell("run", *words, "script.lua")
        assert (refused.code, refused.out) == (2, "")
        assert "known: lua, javascript, python" in refused.err
    assert [path.name for path in sorted(llmspell.folder.iterdir())] == ["llmspell.toml", "script.lua"]


def test_an_error_is_the_traceback_of_the_script_alone(llmspell: Llmspell) -> None:
    script = llmspell.folder / llmspell.write(
        "bad.py", 'def f():\n    State.save("", "b", 1)\n\nprint("out", flush=True)\nf()\n'
    )
    result = llmspell("run", "bad.py")
    assert (result.code, result.out) == (1, "out\n")
    assert result.err.splitlines() == [
        "Traceback (most recent call last):",
        f'  File "{script}", line 5, in <module>',
        "    f()",
        f'  File "{script}", line 2, in f',
        '    State.save("", "b", 1)',
        "llmspell.errors.InvalidArgument: the scope is empty; give it at least one character",
    ]
    whole = llmspell("run", "--debug", "bad.py")
    assert (whole.code, "scripting/python.py" in whole.err, "llmspell/state.py" in whole.err) == (1, True, True)
    told = llmspell("run", "--json", "bad.py")
    assert told.code == 1
    error = json.loads(told.err)["error"]
    assert error["kind"] == "ScriptError"
    assert error["message"].startswith(f"{script}:2: llmspell.errors.InvalidArgument: the scope is empty")


@pytest.mark.parametrize(("method", "expected"), [("fork", "45 10"), ("spawn", "285 None")])
def test_other_processes_do_a_part_of_the_work(llmspell: Llmspell, method: str, expected: str) -> None:
    llmspell.write("workers.py", WORKERS)
    assert llmspell.ok("run", "workers.py", method) == expected


def test_a_forked_process_that_goes_on_to_the_end_leaves_the_store_to_the_other(llmspell: Llmspell) -> None:
    llmspell.write("fork.py", FORK)
    assert llmspell.ok("run", "fork.py") == "2"


def test_threads_and_functions_at_exit_have_the_store_until_they_end(llmspell: Llmspell) -> None:
    llmspell.write("late.py", LATE)
    assert llmspell.ok("run", "late.py").splitlines() == [
        "last line",
        "thread True",
        "atexit ['pool', 'thread'] 3",
    ]
    assert llmspell.ok("state", "list-keys", "late").splitlines() == ["atexit", "pool", "thread"]


def test_an_exit_code_and_words_come_out_as_from_python(llmspell: Llmspell) -> None:
    result = llmspell("exec", "--language", "python", 'print("out"); State.save("a", "b", 1); raise SystemExit("bye")')
    assert result == (1, "out\n", "bye\n")
    assert llmspell("exec", "--language", "python", "raise SystemExit(7)").code == 7
    assert llmspell.ok("state", "load", "a", "b") == "1"


def test_an_interrupt_is_one_line(llmspell: Llmspell) -> None:
    process = llmspell.start("exec", "--language", "python", TIGHT)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=60)
    assert (process.returncode, words) == (130, b"llmspell: interrupted\n")


def test_one_more_interrupt_ends_threads_that_do_not_end(llmspell: Llmspell) -> None:
    script = "import threading; threading.Thread(target=threading.Event().wait).start(); raise KeyboardInterrupt"
    with llmspell.start("exec", "--language", "python", script) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"llmspell: interrupted\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == -signal.SIGINT


def test_a_reader_that_goes_ends_it_quietly(llmspell: Llmspell) -> None:
    with llmspell.start("exec", "--language", "python", "while True: print('x' * 1000)") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1) == b"x"
        process.stdout.close()
        assert (process.stderr.read(), process.wait(timeout=60)) == (b"", 141)


def test_an_error_is_told_though_the_output_cannot_be_written(llmspell: Llmspell) -> None:
    with open("/dev/full", "wb") as full:
        process = llmspell.start("exec", "--language", "python", "print('x')\n1 / 0", stdout=full.fileno())
        _, words = process.communicate(timeout=60)
    assert process.returncode != 0
    assert b"\nZeroDivisionError: division by zero\n" in words
    assert b"standard output cannot be written" in words


def test_the_configuration_can_refuse_it_before_anything_is_opened(llmspell: Llmspell) -> None:
    llmspell.write("llmspell.toml", "[engines.python]\nenabled = false\n")
    llmspell.write("script.py", 'State.save("a", "b", 1)')
    refused = llmspell("run", "script.py")
    assert (refused.code, refused.out) == (2, "")
    assert "[engines.python] enabled = false" in refused.err
    assert not (llmspell.folder / "state").exists()


def test_without_state_the_error_says_why(llmspell: Llmspell) -> None:
    llmspell.write("llmspell.toml", "[state]\nenabled = false\n")
    assert llmspell.ok("exec", "--language", "python", "print(1)") == "1"
    result = llmspell("exec", "--language", "python", "State.save('a', 'b', 1)")
    assert result.code == 1
    assert result.err.endswith("State does not exist because [state] enabled = false in the configuration\n")


def test_no_limit_for_guests_holds_for_it(llmspell: Llmspell) -> None:
    llmspell.write(
        "llmspell.toml",
        "[runtime]\nscript_timeout_seconds = 0.05\n[runtime.security]\nmax_memory_bytes = 1000\n",
    )
    assert llmspell.ok("exec", "--language", "python", "import time; time.sleep(0.1); print(len('x' * 10_000))") == (
        "10000"
    )


def test_what_a_script_has_written_to_a_file_is_there_when_it_ends(llmspell: Llmspell) -> None:
    llmspell.write("x.py", "file = open('out.txt', 'w')\nfile.write('text')\ndef function(): pass\n")
    assert llmspell.ok("run", "x.py") == ""
    assert (llmspell.folder / "out.txt").read_text() == "text"

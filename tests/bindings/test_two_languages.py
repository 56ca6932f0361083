"""Scripts in three languages work on one store at the same time, and nothing of what they do is lost."""

import json
import os
import subprocess
import sysconfig
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

import llmspell
from llmspell.config import ScriptSettings
from llmspell.scripting.running import Script, execute_script
from tests.programs import PATIENCE_SECONDS

COMMAND = os.path.join(sysconfig.get_path("scripts"), "llmspell")
TURNS = 200

SCRIPTS = {
    "lua": """
        for turn = 1, TURNS do
          State.increment("s", "count")
          State.append("s", "list", { "lua", turn })
          State.update("s", "updated", function(old) return old + 1 end, 0)
          State.transaction(function()
            State.save("bank", "ada", State.load("bank", "ada") - 1)
            State.save("bank", "bob", State.load("bank", "bob") + 1)
          end)
        end
    """,
    "javascript": """
        for (let turn = 1; turn <= TURNS; turn++) {
          State.increment("s", "count");
          State.append("s", "list", ["javascript", turn]);
          State.update("s", "updated", (old) => old + 1, 0);
          State.transaction(() => {
            State.save("bank", "ada", State.load("bank", "ada") - 1);
            State.save("bank", "bob", State.load("bank", "bob") + 1);
          });
        }
    """,
    "python": """
def move(state):
    state.save("bank", "ada", state.load("bank", "ada") - 1)
    state.save("bank", "bob", state.load("bank", "bob") + 1)

for turn in range(1, TURNS + 1):
    State.increment("s", "count")
    State.append("s", "list", ["python", turn])
    State.update("s", "updated", lambda old: old + 1, 0)
    State.transaction(move)
    """,
}
SUFFIXES = {"lua": "lua", "javascript": "js", "python": "py"}


def text_of(language: str) -> str:
    return SCRIPTS[language].replace("TURNS", str(TURNS))


def fill(folder: str) -> None:
    with llmspell.open(folder) as store:
        store.save("bank", "ada", 1_000)
        store.save("bank", "bob", 1_000)


def assert_nothing_is_lost(folder: str) -> None:
    turns = TURNS * len(SCRIPTS)
    with llmspell.open(folder) as store:
        assert list(store.backend.problems()) == []
        assert (store.load("s", "count"), store.load("s", "updated")) == (turns, turns)
        assert (store.load("bank", "ada"), store.load("bank", "bob")) == (1_000 - turns, 1_000 + turns)
        items = store.load("s", "list")
        assert isinstance(items, list)
        for language in SCRIPTS:  # each one's own are all there, in the order in which it added them
            mine = [item for item in items if isinstance(item, list) and item[0] == language]
            assert mine == [[language, turn] for turn in range(1, TURNS + 1)]


def in_python(store: llmspell.Store) -> None:
    exec(compile(text_of("python"), "work.py", "exec"), {"State": store})


def in_a_sandbox(language: str, store: llmspell.Store) -> None:
    script = Script(text_of(language).encode(), f"work.{SUFFIXES[language]}", ".")
    execute_script(script, language, store, ScriptSettings(), abandon=fail)


def fail(reason: BaseException) -> NoReturn:
    raise AssertionError(f"the script did not stop: {reason}")


@pytest.mark.parametrize("stores", ["one store", "a store each"])
def test_three_languages_in_the_threads_of_one_process(folder: str, stores: str) -> None:
    fill(folder)
    failures: list[BaseException] = []
    with llmspell.open(folder, durability="normal") as shared:

        def work(run: Callable[[llmspell.Store], None]) -> None:
            try:
                if stores == "one store":
                    run(shared)
                else:
                    with llmspell.open(folder, durability="normal") as mine:
                        run(mine)
            except BaseException as error:  # noqa: BLE001 - shown by the test's thread
                failures.append(error)

        runs: list[Callable[[llmspell.Store], None]] = [
            in_python,
            lambda store: in_a_sandbox("lua", store),
            lambda store: in_a_sandbox("javascript", store),
        ]
        threads = [threading.Thread(target=work, args=(run,)) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    assert_nothing_is_lost(folder)


def test_three_languages_in_three_processes(tmp_path: Path) -> None:
    fill(str(tmp_path / "state"))
    (tmp_path / "llmspell.toml").write_text(f"[state]\npath = {json.dumps(str(tmp_path / 'state'))}\n")
    processes = []
    for language, suffix in SUFFIXES.items():
        (tmp_path / f"work.{suffix}").write_text(text_of(language))
        command = [COMMAND, "run", f"work.{suffix}"]
        processes.append(subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True))
    for process in processes:
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, said
    assert_nothing_is_lost(str(tmp_path / "state"))

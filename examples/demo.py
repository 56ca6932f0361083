"""Does state outlive the process? Two processes, one after the other, in a temporary folder; then two other readers.

`make demo` runs this with the Python that llmspell is installed for. It needs nothing else.
"""

from __future__ import annotations

import contextlib
import io
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
CONFIG = EXAMPLES / "configs" / "state-enabled.toml"
SCRIPT = EXAMPLES / "lua" / "state" / "basic_persistence.lua"
LLMSPELL = Path(sys.executable).with_name("llmspell")
PATIENCE_SECONDS = 60


def main() -> None:
    """Show it, check it, and say what to try next; exits with a sentence when something is not as it should be."""
    if not LLMSPELL.exists():
        sys.exit(f'demo: there is no {LLMSPELL}; install llmspell for this Python, or use "make demo", which does')
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without the script's letters shows ? instead
    with tempfile.TemporaryDirectory(prefix="llmspell-demo-") as name:
        folder = Path(name)
        for file in (CONFIG, SCRIPT):
            shutil.copy(file, folder)
        print("llmspell: state that outlives the process")
        print(f"Everything happens in {folder}, which is removed at the end.")
        show_two_processes(folder)
        show_command_line(folder)
        show_python(folder)
    print("\nIt works: the second process found what the first one had saved, and so did everybody after it.")
    print_next_steps()


def show_two_processes(folder: Path) -> None:
    """Run the script twice; the second run must greet us with what the first one left."""
    print("\n1. A process runs a script that saves things in the folder ./state:\n")
    first = llmspell(folder, "-c", CONFIG.name, "run", SCRIPT.name)
    print_output(first)
    check("This is run 1." in first, "the first run did not find an empty store")

    print("\n2. That process has ended. Another one runs the same script. What it prints that the first did not:\n")
    second = llmspell(folder, "-c", CONFIG.name, "run", SCRIPT.name)
    print_output("\n".join(line for line in second.splitlines() if line not in first.splitlines()))
    check('"run 1 was here"' in second, "the second run did not find what the first one had saved")


def show_command_line(folder: Path) -> None:
    """Read the state with the verbs of the command line."""
    print("\n3. The command line reads it, without any script:\n")
    keys = llmspell(folder, "-c", CONFIG.name, "state", "list-keys", "basics")
    print_output(keys)
    note = llmspell(folder, "-c", CONFIG.name, "state", "load", "basics", "note")
    print_output(note)
    check("note" in keys.split(), "`llmspell state list-keys` did not list the key that the script had saved")
    check(note.strip() == '"run 2 was here"', "`llmspell state load` did not print what the script had saved")


def show_python(folder: Path) -> None:
    """Read the state from Python, and count there."""
    import llmspell

    print("\n4. Python reads it:\n")
    with contextlib.chdir(folder), llmspell.open("./state") as store:
        runs, colours = store.load("basics", "runs"), store.load("basics", "kind:list")
    print('   >>> store = llmspell.open("./state")')
    print(f'   >>> store.load("basics", "runs")\n   {runs!r}')
    print(f'   >>> store.load("basics", "kind:list")\n   {colours!r}')
    check(runs == 2, f"Python found {runs!r} runs, not the 2 that there were")


def print_next_steps() -> None:
    """Print commands that work from the root of the repository."""
    root = EXAMPLES.parent
    command = LLMSPELL.relative_to(root) if LLMSPELL.is_relative_to(root) else LLMSPELL
    with_config = f"{shlex.quote(str(command))} -c examples/configs/state-enabled.toml"
    print("\nTry next, from the root of the repository:")
    print(f"  {with_config} run examples/lua/state/agent_state.lua       # twice: two agents remember")
    print(f"  {with_config} run examples/lua/state/pattern_session.lua   # sessions that end by themselves")
    print(f"  {with_config} run examples/javascript/pattern_session.js   # the same in JavaScript")
    print(f"  {with_config} run examples/python/pattern_session.py       # and in Python")
    print(f"  {with_config} repl                                         # line by line")
    print(f"  {with_config} state scopes                                 # what is in ./state now")
    print("All examples: examples/README.md")


def llmspell(folder: Path, *words: str) -> str:
    """Run the command in a process of its own and give what it printed; exits when it fails."""
    with subprocess.Popen(
        [LLMSPELL, *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        print(f"   $ llmspell {shlex.join(words)}    (process {process.pid})")
        try:
            output, words_of_error = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            sys.exit(f"demo: the command above did not end within {PATIENCE_SECONDS} s")
    problem = words_of_error.strip() or f"exit code {process.returncode}"
    check(process.returncode == 0 and not words_of_error, f"the command above failed: {problem}")
    return output


def print_output(text: str) -> None:
    """Print what a command printed, set apart."""
    for line in text.splitlines():
        print(f"   | {line}".rstrip())


def check(holds: bool, otherwise: str) -> None:
    """Exit with a sentence unless it holds."""
    if not holds:
        sys.stdout.flush()
        sys.exit(f"demo: {otherwise}")


if __name__ == "__main__":
    main()

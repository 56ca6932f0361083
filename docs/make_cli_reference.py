"""Writes docs/reference/cli.md from the command's own help and the table of exit codes. `make docs` runs it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from llmspell.cli.commands import COMMANDS
from llmspell.cli.exit_codes import TABLE
from llmspell.cli.parser import build

if TYPE_CHECKING:
    from llmspell.cli.commands import Command

PAGE = Path(__file__).parent / "reference" / "cli.md"

INTRODUCTION = """# CLI reference

Made from `llmspell --help` by `make docs`; a test compares it with the program.

Results go to standard output, words to standard error. A failed command says in one line what was asked, what was
found and what to do. `--json` makes results and errors readable by programs. Colours appear on terminals only, and not
with `--no-color` or `NO_COLOR`.
"""

COMPLETION = """## Completion

```sh
eval "$(llmspell completion bash)"     # bash: put this line into ~/.bashrc; zsh: the same with zsh, into ~/.zshrc
llmspell completion fish > llmspell.fish    # fish: put the file into ~/.config/fish/completions/
```

Commands, options, scopes and keys are completed; scopes and keys come from the store that the command line names.
"""


def page() -> str:
    """Give the whole page."""
    os.environ["COLUMNS"] = "100"
    pieces = [INTRODUCTION, "## Exit codes\n", "| code | name | when |", "|---|---|---|"]
    pieces += [f"| {code.number} | {code.name} | {code.words} |" for code in TABLE]
    pieces += ["", COMPLETION]
    pieces += [f"## {' '.join(('llmspell', *path))}\n\n```text\n{help_of(path)}```\n" for path in paths(COMMANDS)]
    return "\n".join(pieces)


def paths(commands: dict[str, Command]) -> Iterator[tuple[str, ...]]:
    """Give the command words of every help text, the general ones first."""
    yield ()
    for name, command in commands.items():
        yield (name,)
        for verb in command.verbs or {}:
            yield (name, verb)


def help_of(path: tuple[str, ...]) -> str:
    """Give what `llmspell PATH --help` prints."""
    root, innermost = build(COMMANDS, path)
    if not path:
        return root.format_help()
    return innermost.format_help()


if __name__ == "__main__":
    PAGE.write_text(page())

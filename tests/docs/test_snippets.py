"""Every snippet and command in the documents runs, and prints what the document says it prints."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import llmspell
from llmspell.config import load_settings

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("llmspell")
PAGES = sorted(
    page.relative_to(ROOT)
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md")
    for page in ROOT.glob(pattern)
    if ".venv" not in page.parts
)
RUN_ELSEWHERE = ("make ", "pip ", "eval ", "source ")
"""Commands that other tests and the build itself run: they install things or change the shell."""
NOON = 1795348800.0
"""2026-11-22, 12:00 UTC: when the examples of transforms take place."""
SUFFIXES = {"lua": "lua", "js": "js", "python": "py"}
"""The languages of snippets, with the suffix of a script in each."""


class Block(NamedTuple):
    """A fenced block: ```language info. With title="FILE" it is a file that the blocks behind it find.

    Python is a program of its own, and with the info `script` one that `llmspell run` runs. The same thing in three
    languages stands in blocks that are headed **Lua**, **JavaScript** and **Python**, which is their `heading`; these
    are scripts, and an output behind the last of them is that of all which have none.
    """

    line: int
    language: str
    text: str
    output: str | None
    info: str = ""
    heading: str = ""

    @property
    def is_script(self) -> bool:
        """Whether `llmspell run` runs it."""
        is_program = self.language == "python" and not self.heading
        return self.language in SUFFIXES and (self.info == "script" or (self.info == "" and not is_program))


def blocks(page: Path) -> list[Block]:
    found: list[Block] = []
    text = (ROOT / page).read_text()
    fence = r"^(?:\*\*(Lua|JavaScript|Python)\*\*\n)?```(\S*)(?: ([^\n]+))?\n(.*?)^```$"
    for match in re.finditer(fence, text, re.DOTALL | re.MULTILINE):
        heading, language, info, body = match.groups(default="")
        if language == "output":
            put_output(found, body)
        else:
            found.append(Block(text.count("\n", 0, match.start(2)) + 1, language, body, None, info, heading))
    return found


def put_output(found: list[Block], output: str) -> None:
    """Give the output to the last block, and to the same thing in other languages before it."""
    for index in range(len(found) - 1, -1, -1):
        block = found[index]
        if block.output is not None:
            return
        found[index] = block._replace(output=output)
        if block.heading in ("", "Lua"):
            return


def finished(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} gave {done.returncode}\n{done.stderr}"
    return done.stdout


def as_given(command: str) -> str:
    return command.replace("llmspell ", f"{COMMAND} ", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of what a reader has: the examples, and the file that one command names."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "other.toml").write_text('[state]\npath = "./other"\n')
    return tmp_path


def run_block(block: Block, folder: Path) -> None:
    if block.info == "transform":
        run_transform(block, folder)
    elif block.is_script:
        run_script(block, folder)
    elif block.info:
        file = folder / block.info.removeprefix('title="').removesuffix('"')
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)
    elif block.language == "python":
        (folder / "snippet.py").write_text(block.text)
        printed = finished([sys.executable, "snippet.py"], folder)
        assert block.output is None or printed == block.output
    elif block.language == "toml":
        (folder / "snippet.toml").write_text(block.text)
        load_settings(folder / "snippet.toml")
    elif block.language == "console":
        run_session(block.text, folder)
    elif block.language in ("sh", "bash"):
        for line in block.text.splitlines():
            command = line.partition(" #")[0].strip()
            if command and not command.startswith(RUN_ELSEWHERE):
                finished(["bash", "-ec", as_given(command)], folder)
    else:
        assert block.language in ("text",), f"nobody knows how to try a {block.language!r} block"


def run_script(block: Block, folder: Path) -> None:
    """Run it; a reader follows a page in one language, so those in JavaScript and Python have folders of their own."""
    followed = folder if block.heading in ("", "Lua") else folder / block.heading
    followed.mkdir(exist_ok=True)
    name = f"snippet.{SUFFIXES[block.language]}"
    (followed / name).write_text(block.text)
    printed = finished([str(COMMAND), "run", name], followed)
    printed = re.sub(rf" \(at {name}:\d+\)", "", printed)
    assert block.output is None or printed == block.output
    if block.heading == "Python":
        assert kept(followed) == kept(folder / "JavaScript") == kept(folder), "the three languages leave the same"


def kept(folder: Path) -> dict[tuple[str, str], tuple[object, int]]:
    """Give what a reader has in the store now: values and versions by scope and key."""
    with llmspell.open(folder / "state") as store:
        found = [store.entry(scope, key) for scope in store.scopes() for key in store.list_keys(scope)]
    return {(entry.scope, entry.key): (entry.value, entry.version) for entry in found if entry}


def run_session(text: str, folder: Path) -> None:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        assert timeless(finished(["bash", "-ec", as_given(command)], folder)) == timeless(expected), command


def run_transform(block: Block, folder: Path) -> None:
    """Take an entry up by a migration of just this transform, and down again; the output has it before and after."""
    assert block.output is not None
    before, after = (line.split(maxsplit=1)[1] for line in block.output.splitlines())
    (folder / "transform").mkdir(exist_ok=True)
    versions = 'from_version = "1.0.0"\nto_version = "2.0.0"\n'
    (folder / "transform" / "2.0.0_example.toml").write_text(f"{versions}[[transforms]]\n{block.text}")
    options = {"backend": "memory", "migrations_path": str(folder / "transform")}
    with llmspell.open(**options, clock=lambda: NOON) as store:  # type: ignore[arg-type]
        store.save("users", "ada", json.loads(before))
        assert store.migrations.migrate("2.0.0").items_migrated == 1
        assert entries(store) == after
        store.migrations.migrate("1.0.0")
        assert entries(store) == before


def entries(store: llmspell.Store) -> str:
    """Spell what is stored, the place only where it is not users, ada."""
    places = [(scope, key) for scope in store.scopes() for key in store.list_keys(scope)]
    spelled = []
    for scope, key in places:
        found = store.stored(scope, key)
        assert found
        text = found.value.decode()
        spelled.append(text if (scope, key) == ("users", "ada") else f"{scope} {key} {text}")
    return "; ".join(spelled) or "nothing"


def timeless(text: str) -> str:
    return re.sub(r"in \d+\.\d\d s\b", "in 0.00 s", text)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_snippet_of_the_page_runs_and_prints_what_the_page_says(page: Path, folder: Path) -> None:
    for block in blocks(page):
        try:
            run_block(block, folder)
        except AssertionError as error:
            pytest.fail(f"{page}, line {block.line}: {error}")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_what_is_shown_in_one_of_three_languages_is_shown_in_all(page: Path) -> None:
    headings = [block.heading for block in blocks(page) if block.heading]
    assert headings == ["Lua", "JavaScript", "Python"] * (len(headings) // 3)


def test_there_are_pages_with_snippets() -> None:
    assert sum(len(blocks(page)) for page in PAGES) > 20


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_of_the_page_leads_somewhere(page: Path) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), f"{page} links to {target}"
        if anchor and path.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{page} links to {target}"

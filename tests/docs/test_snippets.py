"""Every snippet and command in the documents runs, and prints what the document says it prints."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

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


class Block(NamedTuple):
    line: int
    language: str
    text: str
    output: str | None


def blocks(page: Path) -> list[Block]:
    found: list[Block] = []
    text = (ROOT / page).read_text()
    for match in re.finditer(r"^```(\S*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        language, body = match.groups()
        if language == "output":
            found[-1] = found[-1]._replace(output=body)
        else:
            found.append(Block(text.count("\n", 0, match.start()) + 1, language, body, None))
    return found


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
    if block.language == "lua":
        (folder / "snippet.lua").write_text(block.text)
        printed = finished([str(COMMAND), "run", "snippet.lua"], folder)
        printed = printed.replace(" (at snippet.lua:1)", "")
        assert block.output is None or printed == block.output
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


def run_session(text: str, folder: Path) -> None:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        assert finished(["bash", "-ec", as_given(command)], folder) == expected, command


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_snippet_of_the_page_runs_and_prints_what_the_page_says(page: Path, folder: Path) -> None:
    for block in blocks(page):
        try:
            run_block(block, folder)
        except AssertionError as error:
            pytest.fail(f"{page}, line {block.line}: {error}")


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

"""A full run comes into the pages whole; whatever is wrong is told before the first file is written."""

from pathlib import Path

import pytest
from benchmarks import results
from benchmarks.areas import MODULES
from benchmarks.bench import PICTURE, RESULTS, TABLE
from benchmarks.measuring import Row
from benchmarks.publish import PUBLISHED, SHOWN, prepared, write
from benchmarks.results import Results
from benchmarks.table import MARKERS

MACHINE = {
    **dict.fromkeys(("processor", "cores", "memory", "kernel", "file system", "Python", "date"), "one"),
    "one fdatasync of 4 KB": "100 us",
}
LOAD = Row("one entry", "load, 200 B", "", "us", {"llmspell": [8e-6] * 9})
FULL = Results(MACHINE, False, 9, MODULES, 60.0, (LOAD,), ())
PLACE = "\n".join(MARKERS)


def run(folder: Path, measured: Results = FULL) -> Path:
    """Give a folder with the files of a run."""
    folder.mkdir()
    results.write(measured, folder / RESULTS)
    (folder / TABLE).write_text("a table\n")
    (folder / PICTURE).write_bytes(b"a picture")
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a tree with both pages."""
    root = tmp_path / "tree"
    (root / "docs").mkdir(parents=True)
    (root / "README.md").write_text(f"# Ours\n{PLACE}\n")
    (root / "docs" / "performance.md").write_text(f"# Performance\n{PLACE}\n")
    return root


def test_table_figures_and_picture_come_where_readers_look(tree: Path, tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    write(prepared(folder, tree))
    assert "| load | 8.00 us |" in (tree / "README.md").read_text()
    assert "a table" in (tree / "docs" / "performance.md").read_text()
    assert (tree / SHOWN).read_bytes() == b"a picture"
    assert results.read(tree / PUBLISHED) == FULL


@pytest.mark.parametrize(
    ("measured", "told"),
    [
        (FULL._replace(quick=True), "quick run"),
        (FULL._replace(areas=MODULES[:-1]), f"without {MODULES[-1]}"),
        (FULL._replace(rounds=4), "4 rounds, fewer than 5"),
    ],
)
def test_less_than_a_full_run_is_refused(measured: Results, told: str, tree: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"{told}.*run `make bench`"):
        prepared(run(tmp_path / "run", measured), tree)


@pytest.mark.parametrize("name", [RESULTS, TABLE, PICTURE])
def test_what_a_run_has_not_left_is_told_with_what_to_do(name: str, tree: Path, tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    (folder / name).unlink()
    with pytest.raises(ValueError, match=r"has no picture|there is no .*run `make bench`"):
        prepared(folder, tree)


@pytest.mark.parametrize("page", ["README.md", "docs/performance.md"])
def test_nothing_is_written_when_a_page_has_no_place_for_the_table(page: str, tree: Path, tmp_path: Path) -> None:
    (tree / page).write_text("no place here")
    with pytest.raises(ValueError, match=f"no place for the table in {page}"):
        prepared(run(tmp_path / "run"), tree)
    assert not (tree / PUBLISHED).exists()
    assert not (tree / SHOWN).exists()

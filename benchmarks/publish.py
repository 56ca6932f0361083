"""How does a run become what the README and `docs/performance.md` show?

`make bench-publish` takes what `make bench` has measured last, so that every figure there is of one real run. Whatever
could be wrong is looked for before the first file is written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import results, table
from benchmarks.areas import FOLDER, MODULES, ROOT
from benchmarks.bench import PICTURE, RESULTS, TABLE
from benchmarks.results import Results

PUBLISHED = Path("benchmarks", "results.json")
SHOWN = Path("docs", "images", "benchmark.png")
FEWEST_ROUNDS = 5
"""With fewer, the middle half of the rounds says nothing."""


def prepared(folder: Path, root: Path) -> dict[Path, bytes]:
    """Give by file what is to be written in the tree `root` of the run in `folder`; nothing is written here.

    Raises `ValueError` when that is no full run, or a page has no place for it, and `OSError` for a missing page.
    """
    measured = _full_run(folder)
    whole = f"```text\n{(folder / TABLE).read_text().rstrip()}\n```"
    shown = {"README.md": table.as_markdown(measured, SHOWN.as_posix()), "docs/performance.md": whole}
    pages = {
        root / page: table.put_between_markers((root / page).read_text(), text, page).encode()
        for page, text in shown.items()
    }
    return {
        root / PUBLISHED: (folder / RESULTS).read_bytes(),
        root / SHOWN: (folder / PICTURE).read_bytes(),
        **pages,
    }


def write(prepared_files: dict[Path, bytes]) -> None:
    """Write the files, with folders that are missing."""
    for path, content in prepared_files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _full_run(folder: Path) -> Results:
    missing = [name for name in (RESULTS, TABLE) if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"there is no {' and no '.join(missing)} in {folder}; run `make bench`")
    measured = results.read(folder / RESULTS)
    left_out = [name for name in MODULES if name not in measured.areas]
    if measured.quick:
        raise ValueError(f"{folder / RESULTS} is of a quick run; run `make bench`")
    if left_out:
        raise ValueError(f"{folder / RESULTS} is of a run without {', '.join(left_out)}; run `make bench`")
    if measured.rounds < FEWEST_ROUNDS:
        raise ValueError(
            f"{folder / RESULTS} is of a run of {measured.rounds} rounds, fewer than {FEWEST_ROUNDS}; run `make bench`"
        )
    if not (folder / PICTURE).is_file():
        raise ValueError(f"the run in {folder} has no picture; run `make bench`, which installs matplotlib")
    return measured


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publish", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER, help="what `make bench` has written")
    folder = parser.parse_args().folder.resolve()
    try:
        files = prepared(folder, ROOT)
    except (OSError, ValueError) as error:
        sys.exit(f"nothing was published: {error}")
    try:
        write(files)
    except OSError as error:
        sys.exit(f"a part may have been published: {error}; run `make bench-publish` again when that is mended")
    print(f"written: {', '.join(str(path.relative_to(ROOT)) for path in files)}", file=sys.stderr)


if __name__ == "__main__":
    main()

"""How does a run become what the README and `docs/performance.md` show?

`make bench-publish` takes what `make bench` has measured last, so that every figure there is of one real run.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from benchmarks import results, table
from benchmarks.areas import FOLDER, ROOT
from benchmarks.bench import PICTURE, RESULTS, TABLE

PUBLISHED = ROOT / "benchmarks" / "results.json"
SHOWN = Path("docs", "images", "benchmark.png")


def publish(folder: Path) -> None:
    """Put table and picture of the run in `folder` where readers find them; a run of single areas is refused."""
    measured = results.read(folder / RESULTS)
    if measured.quick or not (folder / PICTURE).exists():
        raise ValueError(f"{folder / RESULTS} is of no full run; run `make bench`")
    shutil.copyfile(folder / RESULTS, PUBLISHED)
    (ROOT / SHOWN).parent.mkdir(exist_ok=True)
    shutil.copyfile(folder / PICTURE, ROOT / SHOWN)
    whole = f"```text\n{(folder / TABLE).read_text().rstrip()}\n```"
    for file, text in (("README.md", table.as_markdown(measured, SHOWN.as_posix())), ("docs/performance.md", whole)):
        page = ROOT / file
        page.write_text(table.put_between_markers(page.read_text(), text))


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publish", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER, help="what `make bench` has written")
    try:
        publish(parser.parse_args().folder.resolve())
    except (OSError, ValueError) as error:
        sys.exit(f"nothing was published: {error}")


if __name__ == "__main__":
    main()

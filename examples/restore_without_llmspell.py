"""How is a backup restored without llmspell? Its chain is checked, and the state that it makes printed as JSON lines.

    python restore_without_llmspell.py BACKUPS_FOLDER ID [KEY_FILE] > state.jsonl

It needs the command zstd for .zst files, and age for .age files. docs/reference/backup-format.md tells the rest.
"""

import gzip
import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise ValueError(problem)


def _piped(content: bytes, *command: str) -> bytes:
    done = subprocess.run(command, input=content, capture_output=True, check=False)
    _require(done.returncode == 0, f"{command[0]} failed: {' '.join(done.stderr.decode(errors='replace').split())}")
    return done.stdout


def _read(folder: Path, key_file: str) -> dict[str, Any]:
    """Give the manifest of a backup, and with it its checksum and the lines of its entries."""
    body, _, last = (folder / "manifest.json").read_bytes().rpartition(b',\n  "checksum": "')
    checksum = sha256(body + b"\n}\n").hexdigest()
    _require(last == checksum.encode() + b'"\n}\n', f"{folder.name}/manifest.json is damaged")
    found: dict[str, Any] = {**json.loads(body + b"\n}\n"), "checksum": checksum}
    known = (found["format"], found["format_version"], found["id"]) == ("llmspell backup", 1, folder.name)
    _require(known, f"{folder.name}/manifest.json is that of another backup, or of a newer format")
    for name, told in sorted(found["files"].items()):  # details.json.age comes before what it has the checksums of
        content = (folder / name).read_bytes()
        digest = sha256(content).hexdigest()
        _require((len(content), digest) == (told["bytes"], told["sha256"]), f"{folder.name}/{name} is damaged")
        if name.endswith(".age"):
            _require(key_file != "", f"{folder.name} is encrypted; name the file with its key as well")
            content = _piped(content, "age", "-d", "-i", key_file)
        content = _piped(content, "zstd", "-dcq") if ".zst" in name else content
        content = gzip.decompress(content) if ".gz" in name else content
        if name.startswith("details.json"):
            found["details"] = json.loads(content)
        elif sha256(content).hexdigest() != found["details"]["content_sha256"][name]:
            raise ValueError(f"{folder.name}/{name} holds what was not written")
        if name.startswith("entries.jsonl"):
            found["lines"] = content.split(b"\n")[:-1]
    return found


def _state(backups: Path, backup_id: str, key_file: str) -> bytes:
    """Give the state that a backup stands for, by scope and key."""
    chain = [_read(backups / backup_id, key_file)]
    while parent_id := chain[-1]["parent_id"]:
        chain.append(_read(backups / parent_id, key_file))
        made_upon = (chain[-2]["parent_checksum"], chain[-2]["since_version"])
        _require(made_upon == (chain[-1]["checksum"], chain[-1]["version"]), f"{parent_id} is another one than it was")
    words: dict[tuple[str, str], tuple[dict[str, Any], bytes]] = {}
    for line in (line for one in chain for line in one["lines"]):  # newest backup first, and the first word counts
        entry = json.loads(line)
        words.setdefault((entry["scope"], entry["key"]), (entry, line))
    entries = [one for _, one in sorted(words.items()) if "value" in one[0]]  # the others tell of deletions
    live = [one for one in entries if one[0]["expires_at"] is None or one[0]["expires_at"] > chain[0]["created_at"]]
    made = (len(live), sum(entry["version"] & 0xFFFFFFFF for entry, _ in live))
    _require((chain[0]["total_entries"], chain[0]["version_sum"]) in ((None, None), made), "the chain is not complete")
    # The value is last in a backup and third in an export; its bytes stay what they are.
    return b"".join(re.sub(rb'(,"version":.*?)(,"value":.*)}', rb"\2\1}\n", line, count=1) for _, line in live)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: python restore_without_llmspell.py BACKUPS_FOLDER ID [KEY_FILE]")
    try:
        sys.stdout.buffer.write(_state(Path(sys.argv[1]), sys.argv[2], "".join(sys.argv[3:])))
    except (OSError, ValueError, LookupError) as error:
        sys.exit(f"nothing was restored: {error}")

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

import pytest

import llmspell
from llmspell.cli.commands import migrate_run
from llmspell.cli.output import Output
from llmspell.errors import MigrationError

if TYPE_CHECKING:
    from pathlib import Path

MIGRATION = """from_version = "1.0.0"
to_version = "2.0.0"
transforms = [{ type = "rename", from = "a", to = "b" }]
"""


def test_a_store_that_somebody_else_moved_meanwhile_is_not_led_the_other_way(tmp_path: Path) -> None:
    (tmp_path / "2.0.0_rename.toml").write_text(MIGRATION)
    with llmspell.open(backend="memory", migrations_path=tmp_path) as store:
        store.save("s", "k", {"a": 1})
        store.migrations.migrate("2.0.0")
        arguments = Namespace(target="1.0.0", dry_run=False, on_error="fail")
        with pytest.raises(MigrationError, match="nothing was changed"):
            migrate_run._migrate(store.migrations, arguments, Output(), migrate_run._leads_up)
        assert store.schema_version() == "2.0.0"
        assert store.load("s", "k") == {"b": 1}
        assert migrate_run._migrate(store.migrations, arguments, Output(), migrate_run._leads_down).items_migrated == 1

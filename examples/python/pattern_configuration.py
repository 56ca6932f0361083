"""Pattern: the settings of a program, with defaults for what nobody has chosen.

llmspell -c examples/configs/state-enabled.toml run examples/python/pattern_configuration.py
llmspell -c examples/configs/state-enabled.toml run examples/python/pattern_configuration.py --unit fahrenheit
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from llmspell.errors import Conflict

if TYPE_CHECKING:
    import llmspell
    from llmspell import JsonValue

    State = llmspell.open()  # what it is, for type checkers; `llmspell run` gives the one of the script

APP = "station:app"


class Configuration(NamedTuple):
    """What can be set. A field that was invented since the last save has its default."""

    unit: str = "celsius"
    language: str = "en"
    decimals: int = 1


def load() -> Configuration:
    """Give the defaults with what was chosen over them; fields that are known no more are left out."""
    chosen = cast("dict[str, Any]", State.load(APP, "config", {}))
    return Configuration()._replace(**{name: chosen[name] for name in Configuration._fields if name in chosen})


def change(**chosen: JsonValue) -> None:
    """Set some fields, in one step: what somebody else sets at the same time stays."""

    def changed(config: Any) -> dict[str, JsonValue]:
        return {**config, **chosen}

    State.update(APP, "config", changed, {})


def main() -> None:
    """Tell the configuration, change it, and save a form that somebody else was faster with."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--unit", choices=("celsius", "fahrenheit", "kelvin"))
    unit = parser.parse_args().unit

    print("Configuration\n")
    found = State.exists(APP, "config")
    print("Found the configuration of an earlier run." if found else "No configuration is saved yet.")
    print(f"  loaded   {load()}")

    if unit:
        change(unit=unit)
    change(decimals=load().decimals + 1)
    print(f"  changed  {load()}")

    shown, entry = load(), State.entry(APP, "config")
    change(language="fr")  # somebody else, while the form was open
    try:
        State.save(APP, "config", {**shown._asdict(), "language": "de"}, if_version=entry.version if entry else 0)
    except Conflict as conflict:
        print(f"  refused  {type(conflict).__name__}: somebody has chosen {load().language!r} meanwhile")
    if not found:
        print("\nRun me again: the decimals will have been kept.")


if __name__ == "__main__":
    main()

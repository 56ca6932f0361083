"""What is the configuration, can it be used, and how does one begin? show, check, init."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmspell.cli.exit_codes import DONE
from llmspell.cli.files import write_file
from llmspell.config import Settings, load_settings
from llmspell.config.loading import FILE_NAME
from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser

# What a file calls the settings of scripts, table by table; the settings of state have the names of their keys.
_SCRIPT_KEYS = {
    "": {"default_engine": "default_engine"},
    "engines.lua": {
        "stdlib": "stdlib",
        "memory_limit": "memory_limit_bytes",
        "max_instructions": "max_instructions",
    },
    "engines.javascript": {
        "memory_limit": "javascript_memory_limit_bytes",
        "max_stack_bytes": "javascript_stack_bytes",
    },
    "engines.python": {"enabled": "python_enabled"},
    "runtime": {"script_timeout_seconds": "timeout_seconds"},
    "runtime.security": {
        "allow_file_access": "allow_file_access",
        "allow_process_spawn": "allow_process_spawn",
        "allow_network_access": "allow_network_access",
    },
}
_UNSET = {"durability": ': "output" for scripts in Lua and JavaScript, "full" for everything else'}
"""What it means that a key is not set, where that depends."""

_PUBLIC = 0o666


def declare_show(parser: Parser) -> None:
    """Add the arguments of `config show`: there are none."""
    parser.set_defaults(execute=_show)


def declare_check(parser: Parser) -> None:
    """Add the arguments of `config check`."""
    parser.add_argument("file", metavar="FILE", nargs="?", help="the file; the configuration in effect unless given")
    parser.set_defaults(execute=_check)


def declare_init(parser: Parser) -> None:
    """Add the arguments of `config init`."""
    parser.add_argument("file", metavar="FILE", nargs="?", default=FILE_NAME, help=f"{FILE_NAME} unless given")
    parser.add_argument("--force", action="store_true", help="replace the file if there is one")
    parser.set_defaults(execute=_init)


def _show(arguments: Namespace, output: Output) -> int:
    settings = load_settings(arguments.config)
    if output.as_json:
        output.value(
            {
                "source": settings.source,
                "state": dict(settings.state._asdict()),
                "script": dict(settings.script._asdict()),
            }
        )
        return DONE.number
    for line in _as_toml(settings):
        output.line(line)
    return DONE.number


def _check(arguments: Namespace, output: Output) -> int:
    settings = load_settings(arguments.file or arguments.config)
    if output.as_json:
        output.value({"source": settings.source, "valid": True})
    elif settings.source is None:
        output.line(f"there is no {FILE_NAME} here; every setting has its default")
    else:
        output.line(f"{settings.source}: no problems")
    return DONE.number


def _init(arguments: Namespace, output: Output) -> int:
    from llmspell.config.template import TEMPLATE

    path = arguments.file
    if os.path.lexists(path) and not arguments.force:
        raise InvalidArgument(f'"{path}" is there already and was left alone; add --force to replace it')
    write_file(path, (TEMPLATE.encode(),), _PUBLIC)
    if output.as_json:
        output.value({"file": path})
    else:
        output.say(f'wrote "{path}"; every setting in it has its default')
    return DONE.number


def _as_toml(settings: Settings) -> Iterator[str]:
    """Give the settings as the text of a file that has the same effect; what is the default is marked so."""
    source = f"from {settings.source}" if settings.source else f"there is no {FILE_NAME} here, so all are defaults"
    yield f"# The settings in effect: {source}"
    script, default = settings.script._asdict(), Settings().script._asdict()
    for table, keys in _SCRIPT_KEYS.items():
        if table == "engines.lua":
            yield from _state_table(settings)
        yield from _heading(table)
        for key, field in keys.items():
            yield _setting(key, script[field], default[field])


def _state_table(settings: Settings) -> Iterator[str]:
    yield from _heading("state")
    default = Settings().state._asdict()
    # The order of the fields is that of their age; a person looks for the backups in one place.
    for key, value in sorted(settings.state._asdict().items(), key=lambda pair: pair[0].startswith("backup_")):
        yield _setting(key, value, default[key])


def _heading(table: str) -> Iterator[str]:
    if table:
        yield ""
        yield f"[{table}]"


def _setting(key: str, value: object, default: object) -> str:
    if value is None:
        return f"# {key} is not set{_UNSET.get(key, '')}"
    line = f"{key} = {_toml(value)}"
    return f"{line:40}  # default" if value == default else line


def _toml(value: object) -> str:
    if isinstance(value, str):
        import json

        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return str(value).lower() if isinstance(value, bool) else repr(value)

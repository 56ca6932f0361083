"""What does the configuration file say?

TOML becomes one frozen `Settings`; what cannot be used becomes one `ConfigError` that points at the line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from llmspell import limits
from llmspell.errors import ConfigError

FILE_NAME = "llmspell.toml"
MAX_FILE_BYTES = 1_000_000
MAX_TEXT_LENGTH = 4096
MAX_VALUE_BYTES_BOUND = 1_000_000_000
MAX_RETENTION_DAYS = 36_500
MAX_TIMEOUT_SECONDS = 1_000_000_000
MAX_COMPRESSION_LEVEL = 9
MEMORY_LIMIT_BYTES = 268_435_456
TIMEOUT_SECONDS = 300.0

_NUMBER = r"(?:0|[1-9][0-9]*)"
_LABEL = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_BUILD = r"[0-9A-Za-z-]+"
_VERSION = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_LABEL}(?:\.{_LABEL})*)?(?:\+{_BUILD}(?:\.{_BUILD})*)?"
_COMPARATOR = rf"(?:(?:>=|<=|==|!=|>|<|=) *)?{_VERSION}"
_RANGE = rf" *{_COMPARATOR}(?: *, *{_COMPARATOR})* *"
_VARIABLE = r"\$\{(?:([A-Za-z_][A-Za-z0-9_]*)\})?"

Default = TypeVar("Default")
Number = TypeVar("Number", int, float)


class StateSettings(NamedTuple):
    """What `[state]` says, or the older `[runtime.state_persistence]`.

    The paths stand as written: a relative one starts at the working directory.
    `required_schema` is only known to be written correctly; whether a store fits is decided elsewhere.
    """

    enabled: bool = True
    backend: str = "disk"
    path: str = "./state"
    durability: str = "full"
    max_value_bytes: int = limits.MAX_VALUE_BYTES
    migration_enabled: bool = False
    schema_version: str = "1.0.0"
    required_schema: str | None = None
    migrations_path: str = "./migrations"
    backup_enabled: bool = False
    backup_path: str = "./backups"
    backup_retention_days: int = 30
    backup_compression: bool = True
    backup_compression_type: str = "zstd"
    backup_compression_level: int = 3
    backup_incremental: bool = True
    backup_max_backups: int | None = None
    backup_max_age_seconds: int | None = None
    backup_full_interval: int | None = None


class ScriptSettings(NamedTuple):
    """What a script may use; 0 means no limit."""

    default_engine: str = "lua"
    stdlib: str = "safe"
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES
    max_instructions: int = 0
    timeout_seconds: float = TIMEOUT_SECONDS
    allow_file_access: bool = False
    allow_process_spawn: bool = False
    allow_network_access: bool = False


class Settings(NamedTuple):
    """Everything that can be configured; `source` is the file it came from, None for the defaults."""

    source: str | None = None
    state: StateSettings = StateSettings()
    script: ScriptSettings = ScriptSettings()


def load_settings(
    path: str | os.PathLike[str] | None = None,
    *,
    directory: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The settings in the file `path`, or in `llmspell.toml` if there is one, or else the defaults.

    `directory` is where `llmspell.toml` is looked for, the working directory unless given. `${NAME}` in
    a text is replaced from `environ`, the environment of the process unless given. Raises `ConfigError`
    for the first thing in the file that cannot be used. Opens nothing but that file.

    >>> load_settings(directory="/nonexistent").state.path
    './state'
    """
    if path is None:
        path = os.path.join(directory or "", FILE_NAME)
        if not os.path.lexists(path):
            return Settings()
    source = os.fspath(path)
    place = _escaped(source)
    text = _read(source, place)
    problems: list[_Problem] = []
    root = _Table((), _parse(text, place), os.environ if environ is None else environ, problems)
    runtime = root.table("runtime")
    settings = Settings(source, _state(root, runtime), _script(root, runtime))
    if problems:
        raise ConfigError(_sentence(place, text, problems))
    return settings


def _read(source: str, place: str) -> str:
    try:
        with open(source, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{place}: there is no such file; check the path of the configuration file") from error
    except IsADirectoryError as error:
        raise ConfigError(f"{place} is a folder; name the configuration file in it") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{place} cannot be read: {reason}; make it readable or name another file") from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{place} has more than {MAX_FILE_BYTES} bytes; name a configuration file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{place}, line {line}: the text is not UTF-8; save the file as UTF-8") from error


def _parse(text: str, place: str) -> Mapping[str, object]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, position = str(error).rstrip(")").rpartition(" (at ")
        if position == "end of document":
            last_line = text.rstrip().count("\n") + 1
            position = f"line {last_line} (the end of the file)"
        raise ConfigError(f"{place}, {position}: this is not valid TOML: {message}; correct it there") from error
    except RecursionError as error:
        raise ConfigError(f"{place}: arrays or tables stand too deep inside each other; use fewer levels") from error
    except ValueError as error:  # tomllib lets Python's limit on the digits of an integer through
        raise ConfigError(f"{place}: an integer has too many digits; write a smaller one") from error


def _state(root: _Table, runtime: _Table) -> StateSettings:
    if "state_persistence" not in runtime:
        return _current_state(root.table("state"))
    if "state" in root:
        runtime.refuse("state_persistence", "is the older spelling of [state] and both are in the file", "keep one")
        return StateSettings()
    return _older_state(runtime.table("state_persistence"))


def _current_state(state: _Table) -> StateSettings:
    default = StateSettings()
    settings = StateSettings(
        enabled=state.flag("enabled", default.enabled),
        backend=state.choice("backend", ("disk", "memory"), default.backend),
        path=state.text("path", default.path),
        durability=state.choice("durability", ("full", "normal"), default.durability),
        max_value_bytes=state.whole("max_value_bytes", 1, MAX_VALUE_BYTES_BOUND, default.max_value_bytes),
        migration_enabled=state.flag("migration_enabled", default.migration_enabled),
        schema_version=state.version("schema_version", default.schema_version),
        required_schema=state.version_range("required_schema", default.required_schema),
        migrations_path=state.text("migrations_path", default.migrations_path),
        backup_enabled=state.flag("backup_enabled", default.backup_enabled),
        backup_path=state.text("backup_path", default.backup_path),
        backup_retention_days=state.whole(
            "backup_retention_days", 0, MAX_RETENTION_DAYS, default.backup_retention_days
        ),
    )
    state.refuse_others()
    return settings


def _older_state(state: _Table) -> StateSettings:
    default = StateSettings()
    backend = state.choice("backend_type", ("disk", "memory", "rocksdb", "sled"), default.backend)
    compressions = ("brotli", "gzip", "lz4", "none", "zstd")
    backup = state.table("backup")
    settings = StateSettings(
        enabled=state.flag("enabled", default.enabled),
        backend="memory" if backend == "memory" else "disk",
        migration_enabled=state.flag("migration_enabled", default.migration_enabled),
        backup_enabled=state.flag("backup_enabled", default.backup_enabled),
        max_value_bytes=state.whole("max_state_size_bytes", 1, MAX_VALUE_BYTES_BOUND, default.max_value_bytes),
        schema_version=state.version("schema_version", default.schema_version),
        backup_path=backup.text("backup_dir", default.backup_path),
        backup_compression=backup.flag("compression_enabled", default.backup_compression),
        backup_compression_type=backup.choice("compression_type", compressions, default.backup_compression_type),
        backup_compression_level=backup.whole(
            "compression_level", 1, MAX_COMPRESSION_LEVEL, default.backup_compression_level
        ),
        backup_incremental=backup.flag("incremental_enabled", default.backup_incremental),
        backup_max_backups=backup.whole("max_backups", 1, limits.MAX_INTEGER, None),
        backup_max_age_seconds=backup.whole("max_backup_age", 1, limits.MAX_INTEGER, None),
        backup_full_interval=backup.whole("full_backup_interval", 1, limits.MAX_INTEGER, None),
    )
    state.refuse_others()
    backup.refuse_others()
    return settings


def _script(root: _Table, runtime: _Table) -> ScriptSettings:
    default = ScriptSettings()
    lua = root.table("engines").table("lua")
    security = runtime.table("security")
    libraries = ("safe", "full")
    stdlib = lua.choice("stdlib", libraries, None)
    stdlib_level = lua.choice("stdlib_level", libraries, None)
    if stdlib and stdlib_level and stdlib != stdlib_level:
        lua.refuse("stdlib_level", "differs from engines.lua.stdlib, which means the same", "keep one")
    time_limit_ms = security.whole("max_execution_time_ms", 0, MAX_TIMEOUT_SECONDS * 1000, None)
    return ScriptSettings(
        default_engine=root.choice("default_engine", ("lua",), default.default_engine),
        stdlib=stdlib or stdlib_level or default.stdlib,
        memory_limit_bytes=_stricter(
            lua.whole("memory_limit", 0, limits.MAX_INTEGER, None),
            security.whole("max_memory_bytes", 0, limits.MAX_INTEGER, None),
            default.memory_limit_bytes,
        ),
        max_instructions=lua.whole("max_instructions", 0, limits.MAX_INTEGER, default.max_instructions),
        timeout_seconds=_stricter(
            runtime.seconds("script_timeout_seconds", None),
            None if time_limit_ms is None else time_limit_ms / 1000,
            default.timeout_seconds,
        ),
        allow_file_access=security.flag("allow_file_access", default.allow_file_access),
        allow_process_spawn=security.flag("allow_process_spawn", default.allow_process_spawn),
        allow_network_access=security.flag("allow_network_access", default.allow_network_access),
    )


def _stricter(one: Number | None, other: Number | None, default: Number) -> Number:
    """The smaller of two limits, where 0 is no limit and None is not given."""
    if one is None or other is None:
        given = other if one is None else one
        return default if given is None else given
    return min(one, other) or max(one, other)


class _Problem(NamedTuple):
    path: tuple[str, ...]
    value: object
    fault: str
    remedy: str
    known: Sequence[str] = ()
    meant: str = ""


class _Table:
    """One table of the file: a read gives the value, or notes a problem and gives the default."""

    def __init__(
        self,
        path: tuple[str, ...],
        values: Mapping[str, object],
        environ: Mapping[str, str],
        problems: list[_Problem],
    ) -> None:
        self._path = path
        self._values = values
        self._environ = environ
        self._problems = problems
        self._asked: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def table(self, key: str) -> _Table:
        value = self._value(key)
        if value is not None and not isinstance(value, dict):
            self._mistyped(key, "a table")
        return _Table((*self._path, key), value if isinstance(value, dict) else {}, self._environ, self._problems)

    def flag(self, key: str, default: bool) -> bool:
        value = self._value(key)
        if isinstance(value, bool):
            return value
        if value is not None:
            self._mistyped(key, "true or false")
        return default

    def whole(self, key: str, lowest: int, highest: int, default: Default) -> int | Default:
        value = self._value(key)
        allowed = f"a whole number from {lowest} to {highest}"
        if type(value) is int:  # not isinstance: true and false are integers in Python
            if lowest <= value <= highest:
                return value
            self.refuse(key, "is out of range", f"it must be {allowed}")
        elif value is not None:
            self._mistyped(key, allowed)
        return default

    def seconds(self, key: str, default: Default) -> float | Default:
        value = self._value(key)
        allowed = f"a number of seconds from 0 (no limit) to {MAX_TIMEOUT_SECONDS}"
        if type(value) is int or type(value) is float:
            if 0 <= value <= MAX_TIMEOUT_SECONDS:
                return float(value)
            self.refuse(key, "is out of range", f"it must be {allowed}")
        elif value is not None:
            self._mistyped(key, allowed)
        return default

    def text(self, key: str, default: Default) -> str | Default:
        value = self._value(key)
        if value is None:
            return default
        if not isinstance(value, str):
            self._mistyped(key, "text in quotes")
            return default
        text = self._replaced(key, value)
        if text is None:
            return default
        if not text or "\0" in text or len(text) > MAX_TEXT_LENGTH:
            fault = "holds a NUL character" if "\0" in text else "is too long" if text else "is empty"
            self._refuse_text(key, fault, f"it must be text of 1 to {MAX_TEXT_LENGTH} characters without NUL")
            return default
        return text

    def choice(self, key: str, choices: tuple[str, ...], default: Default) -> str | Default:
        text = self.text(key, None)
        if text is None:
            return default
        if text not in choices:
            allowed = " or ".join(f'"{choice}"' for choice in choices)
            self._refuse_text(key, "is not known in this version", f"it must be {allowed}", choices)
            return default
        return text

    def version(self, key: str, default: Default) -> str | Default:
        text = self.text(key, None)
        if text is None or re.fullmatch(_VERSION, text):
            return text or default
        self._refuse_text(key, "is not a semantic version", 'it must be three numbers such as "1.0.0", see semver.org')
        return default

    def version_range(self, key: str, default: Default) -> str | Default:
        text = self.text(key, None)
        if text is None or re.fullmatch(_RANGE, text):
            return text or default
        allowed = 'it must be one or more of >=, >, <=, <, ==, != with a version, as in ">=1.0.0,<2.0.0"'
        self._refuse_text(key, "is not a range of semantic versions", allowed)
        return default

    def refuse_others(self) -> None:
        """Note a problem for every key that nobody asked for."""
        remedy = f"known keys: {', '.join(self._asked)}"
        for key in self._values:
            if key not in self._asked:
                self._problems.append(
                    _Problem((*self._path, key), self._values[key], "is not a known key", remedy, self._asked, key)
                )

    def refuse(self, key: str, fault: str, remedy: str, known: Sequence[str] = ()) -> None:
        value = self._values[key]
        meant = value if isinstance(value, str) else ""
        self._problems.append(_Problem((*self._path, key), value, fault, remedy, known, meant))

    def _refuse_text(self, key: str, fault: str, remedy: str, known: Sequence[str] = ()) -> None:
        replaced = "${" in str(self._values[key])
        self.refuse(key, f"with its variables replaced {fault}" if replaced else fault, remedy, known)

    def _mistyped(self, key: str, allowed: str) -> None:
        self.refuse(key, f"is {_kind(self._values[key])}", f"it must be {allowed}")

    def _value(self, key: str) -> object:
        self._asked.append(key)
        return self._values.get(key)

    def _replaced(self, key: str, text: str) -> str | None:
        """`text` with every `${NAME}` replaced once, or None with a problem noted."""
        if "${" not in text:
            return text
        names = [match[1] for match in re.finditer(_VARIABLE, text)]
        missing = [name for name in names if name and name not in self._environ]
        if None in names:
            self.refuse(key, 'holds "${" without a name and a closing "}"', 'write it as in "${NAME}"')
            return None
        if missing:
            fault = f"needs the environment variable {_short(missing[0])}, which is not set"
            self.refuse(key, fault, "set it or write the text itself")
            return None
        return re.sub(_VARIABLE, lambda match: self._environ[match[1]], text)


def _sentence(place: str, text: str, problems: list[_Problem]) -> str:
    """What to say about the problem that stands first in the file."""
    from llmspell.config_lines import key_lines

    lines = key_lines(text)
    order = {path: index for index, path in enumerate(lines)}
    problem = min(problems, key=lambda problem: order.get(problem.path, len(order)))
    line = lines.get(problem.path)
    where = place if line is None else f"{place}, line {line}"
    # The value stands as written, so that no environment variable is shown.
    found = ".".join(_spelled_key(key) for key in problem.path)
    if not isinstance(problem.value, dict):
        found += f" = {_spelled(problem.value)}"
    nearest = _nearest(problem.meant, problem.known)
    if nearest is None:
        return f"{where}: {found} {problem.fault}; {problem.remedy}"
    remedy = problem.remedy[0].upper() + problem.remedy[1:]
    return f'{where}: {found} {problem.fault}; did you mean "{nearest}"? {remedy}'


def _nearest(word: str, known: Sequence[str]) -> str | None:
    import difflib

    matches = difflib.get_close_matches(word[:100].lower(), known, n=1)
    return matches[0] if matches else None


def _kind(value: object) -> str:
    names: dict[type, str] = {
        bool: "a boolean",
        int: "a whole number",
        float: "a decimal number",
        str: "text",
        list: "an array",
        dict: "a table",
    }
    return names.get(type(value), "a date or a time")


def _spelled(value: object) -> str:
    """A value as TOML would write it, cut short."""
    if isinstance(value, str):
        quoted = value.replace("\\", r"\\").replace('"', r"\"")
        return f'"{_short(quoted)}"'
    if isinstance(value, list):
        return "[...]" if value else "[]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 200:
        return f"(an integer of {value.bit_length()} bits)"
    return str(value)


def _spelled_key(key: str) -> str:
    return _short(key) if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{_short(key)}"'


def _short(text: str) -> str:
    return _escaped(text) if len(text) <= 80 else f"{_escaped(text[:77])}..."


def _escaped(text: str) -> str:
    """`text` on one line: what cannot be printed stands as its escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)

"""Which commands are there? One table; the module of a command is imported when a command line names it."""

from __future__ import annotations

from llmspell.quick_typing import NamedTuple


class Command(NamedTuple):
    """A word of the command line.

    `summary` is its line in lists; `examples` are shown in its help, and each of them works as it stands.
    `target` is "module:function": the function declares the command's arguments on a parser.
    A command with `verbs` has another word behind it. With `takes_script`, everything behind the
    first argument belongs to the script.
    """

    summary: str
    examples: tuple[str, ...]
    target: str = ""
    verbs: dict[str, Command] | None = None
    takes_script: bool = False


_HERE = "llmspell.cli.commands"

_STATE = {
    "save": Command(
        "store a value",
        (
            'llmspell state save app config \'{"theme": "dark"}\'',
            "llmspell state save user ada --text 'Ada Lovelace' --ttl 3600",
            "llmspell state save app notes @notes.json --if-version 7",
        ),
        f"{_HERE}.state_entry:declare_save",
    ),
    "load": Command(
        "print a value",
        (
            "llmspell state load app config",
            "llmspell state load app config --default '{}'",
            "llmspell state load app config --at 2026-11-22T16:00",
        ),
        f"{_HERE}.state_entry:declare_load",
    ),
    "delete": Command(
        "remove an entry",
        ("llmspell state delete app config", "llmspell state delete app config --if-version 7"),
        f"{_HERE}.state_entry:declare_delete",
    ),
    "list-keys": Command(
        "print the keys of a scope",
        ("llmspell state list-keys app", "llmspell state list-keys app --prefix user: --limit 10"),
        f"{_HERE}.state_scope:declare_list_keys",
    ),
    "exists": Command(
        "tell whether there is an entry",
        ("llmspell state exists app config",),
        f"{_HERE}.state_entry:declare_exists",
    ),
    "entry": Command(
        "print a value with its version and times",
        ("llmspell state entry app config", "llmspell state entry app config --json"),
        f"{_HERE}.state_entry:declare_entry",
    ),
    "scopes": Command(
        "print the scopes that hold something",
        ("llmspell state scopes", "llmspell state scopes agent:"),
        f"{_HERE}.state_scope:declare_scopes",
    ),
    "clear": Command(
        "remove every entry of a scope",
        ("llmspell state clear cache", "llmspell state clear cache --yes"),
        f"{_HERE}.state_scope:declare_clear",
    ),
    "increment": Command(
        "add to a number",
        ("llmspell state increment stats visits", "llmspell state increment stats visits --by 10"),
        f"{_HERE}.state_change:declare_increment",
    ),
    "append": Command(
        "add to the end of an array",
        ('llmspell state append log events \'{"kind": "login"}\' --keep 100',),
        f"{_HERE}.state_change:declare_append",
    ),
    "touch": Command(
        "change when an entry expires",
        ("llmspell state touch session s1 --ttl 3600", "llmspell state touch session s1"),
        f"{_HERE}.state_change:declare_touch",
    ),
    "export": Command(
        "write entries as JSON lines",
        ("llmspell state export --output state.jsonl", "llmspell state export --scope 'agent:*' global"),
        f"{_HERE}.state_transfer:declare_export",
    ),
    "import": Command(
        "read entries from JSON lines, all of them or none",
        ("llmspell state import state.jsonl", "llmspell state import - --dry-run"),
        f"{_HERE}.state_transfer:declare_import",
    ),
    "stats": Command(
        "count what is in the store",
        ("llmspell state stats", "llmspell state stats --json"),
        f"{_HERE}.state_health:declare_stats",
    ),
    "check": Command(
        "look through the whole store for damage",
        ("llmspell state check",),
        f"{_HERE}.state_health:declare_check",
    ),
    "history": Command(
        "tell which values an entry had, the newest first",
        ("llmspell state history app config", "llmspell state history app config --limit 10 --json"),
        f"{_HERE}.state_history:declare_history",
    ),
    "diff": Command(
        "tell what differs in a scope between two points",
        ("llmspell state diff app 17", "llmspell state diff app 2026-11-22T16:00 2026-11-22T18:00"),
        f"{_HERE}.state_history:declare_diff",
    ),
    "restore-points": Command(
        "tell from when on the history is known",
        ("llmspell state restore-points",),
        f"{_HERE}.state_history:declare_restore_points",
    ),
    "stop-history": Command(
        "throw replaced and deleted values away, and keep no more of them",
        ("llmspell state stop-history", "llmspell state stop-history --yes"),
        f"{_HERE}.state_history:declare_stop_history",
    ),
}

_MIGRATE = {
    "new": Command(
        "write a new migration file, empty or proposed from stored entries",
        (
            "llmspell migrate new add_email",
            "llmspell migrate new nest_profile --to 2.0.0 --scope 'user*'",
            "llmspell migrate new same_shape --from-samples 'user*'",
        ),
        f"{_HERE}.migrate_files:declare_new",
    ),
    "check": Command(
        "try every migration on samples, for tests of your own",
        ("llmspell migrate check", "llmspell migrate check --samples 1000 --json"),
        f"{_HERE}.migrate_files:declare_check",
    ),
    "status": Command(
        "tell the schema version, what is pending and what was applied",
        ("llmspell migrate status", "llmspell migrate status --json"),
        f"{_HERE}.migrate:declare_status",
    ),
    "plan": Command(
        "tell what a migration would do, without changing anything",
        ("llmspell migrate plan", "llmspell migrate plan 2.0.0"),
        f"{_HERE}.migrate:declare_plan",
    ),
    "up": Command(
        "migrate to a newer schema version, all entries or none",
        (
            "llmspell migrate up --dry-run",
            "llmspell migrate up",
            "llmspell migrate up 2.0.0 --on-error quarantine",
        ),
        f"{_HERE}.migrate_run:declare_up",
    ),
    "down": Command(
        "migrate back to an older schema version, all entries or none",
        ("llmspell migrate down 1.0.0 --dry-run", "llmspell migrate down 1.0.0 --yes"),
        f"{_HERE}.migrate_run:declare_down",
    ),
    "quarantine": Command(
        "list, show, retry or discard entries that could not be migrated",
        (
            "llmspell migrate quarantine",
            "llmspell migrate quarantine show 1",
            "llmspell migrate quarantine retry",
            "llmspell migrate quarantine discard 1 2 --yes",
        ),
        f"{_HERE}.migrate_quarantine:declare_quarantine",
    ),
    "forget": Command(
        "give up the way back over a migration and the space it takes",
        ("llmspell migrate forget 2.0.0", "llmspell migrate forget 2.0.0 --yes"),
        f"{_HERE}.migrate_forget:declare_forget",
    ),
}

_BACKUP = {
    "create": Command(
        "make a backup of the store, and prove that it can be restored",
        (
            "llmspell backup create",
            "llmspell backup create --incremental --description nightly",
            "llmspell backup create --exclude 'cache*' --hold 'before the move'",
        ),
        f"{_HERE}.backup_create:declare_create",
    ),
    "list": Command(
        "tell which backups there are",
        ("llmspell backup list", "llmspell backup list --json"),
        f"{_HERE}.backup_list:declare_list",
    ),
    "show": Command(
        "tell everything of one backup, and what it stands on",
        ("llmspell backup show latest", "llmspell backup show 20261122T190000Z-full-k3vq7a --json"),
        f"{_HERE}.backup_list:declare_show",
    ),
    "restore": Command(
        "make the store again what it was, or a part of it",
        (
            "llmspell backup restore latest --dry-run",
            "llmspell backup restore 20261122T190000Z-full-k3vq7a --yes",
            "llmspell backup restore latest --scope user --into user-before",
            "llmspell backup restore --at 2026-11-22T16:00",
        ),
        f"{_HERE}.backup_restore:declare_restore",
    ),
    "validate": Command(
        "read backups and tell whether they can be restored",
        ("llmspell backup validate", "llmspell backup validate latest", "llmspell backup validate --unverified"),
        f"{_HERE}.backup_validate:declare_validate",
    ),
    "cleanup": Command(
        "remove the backups that the rules of retention do not keep",
        ("llmspell backup cleanup --dry-run", "llmspell backup cleanup"),
        f"{_HERE}.backup_retention:declare_cleanup",
    ),
    "usage": Command(
        "count the backups and the space that they take",
        ("llmspell backup usage", "llmspell backup usage --json"),
        f"{_HERE}.backup_list:declare_usage",
    ),
    "hold": Command(
        "keep a backup whatever the rules of retention say",
        (
            "llmspell backup hold latest --reason 'before the move'",
            "llmspell backup hold 20261122T190000Z-full-k3vq7a --until 2036-12-31",
        ),
        f"{_HERE}.backup_retention:declare_hold",
    ),
    "release": Command(
        "hold a backup no longer",
        ("llmspell backup release latest", "llmspell backup release latest --reason 'before the move'"),
        f"{_HERE}.backup_retention:declare_release",
    ),
    "key": Command(
        "write a new key that backups can be encrypted with",
        ("llmspell backup key backups.key",),
        f"{_HERE}.backup_key:declare_key",
    ),
}

_CONFIG = {
    "show": Command(
        "print the settings in effect",
        ("llmspell config show", "llmspell config show -c other.toml --json"),
        f"{_HERE}.config:declare_show",
    ),
    "check": Command(
        "tell whether a configuration file can be used",
        ("llmspell config check", "llmspell config check other.toml"),
        f"{_HERE}.config:declare_check",
    ),
    "init": Command(
        "write a configuration file with every setting",
        ("llmspell config init", "llmspell config init other.toml --force"),
        f"{_HERE}.config:declare_init",
    ),
}

COMMANDS = {
    "run": Command(
        "run a script",
        (
            "llmspell run hello.lua",
            "llmspell -c state.toml run report.lua --month 7",
            "llmspell run hello.py",
            "llmspell run --language lua - < hello.lua",
        ),
        f"{_HERE}.run:declare_run",
        takes_script=True,
    ),
    "exec": Command(
        "run code from the command line",
        (
            'llmspell exec \'print(State.load("app", "config"))\'',
            "llmspell exec 'print(arg[1])' hello",
            'llmspell exec --language python \'print(State.load("app", "config"))\'',
        ),
        f"{_HERE}.run:declare_exec",
        takes_script=True,
    ),
    "repl": Command(
        "try State out, line by line",
        ("llmspell repl", "llmspell repl --language python", "llmspell repl < lines.lua"),
        f"{_HERE}.repl:declare_repl",
    ),
    "state": Command(
        "read and write state",
        ("llmspell state save global greeting '\"hello\"'", "llmspell state load global greeting"),
        verbs=_STATE,
    ),
    "migrate": Command(
        "take the store from one schema version to another, and back",
        ("llmspell migrate status", "llmspell migrate plan", "llmspell migrate up"),
        verbs=_MIGRATE,
    ),
    "backup": Command(
        "make, check and restore backups of the store",
        ("llmspell backup create", "llmspell backup list", "llmspell backup restore latest"),
        verbs=_BACKUP,
    ),
    "config": Command(
        "show, check and write the configuration",
        ("llmspell config init", "llmspell config show"),
        verbs=_CONFIG,
    ),
    "completion": Command(
        "print what makes a shell complete commands, scopes and keys",
        (
            "llmspell completion bash >> ~/.bashrc",
            "llmspell completion fish > ~/.config/fish/completions/llmspell.fish",
        ),
        f"{_HERE}.completion:declare_completion",
    ),
}

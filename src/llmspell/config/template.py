"""Which file does `llmspell config init` write?"""

TEMPLATE = """\
# Settings of llmspell. Each line shows the default: a line that is removed changes nothing.
# Lines that begin with "# " and hold a key are optional; remove the "# " to use them.
# In a text, ${NAME} is replaced by the environment variable NAME, which must be set.

# The language of a script whose file name does not tell: "lua", "javascript" or "python".
default_engine = "lua"

[state]
# false: scripts have no global `State`.
enabled = true

# "disk" keeps state in files; "memory" forgets it at exit.
backend = "disk"

# The folder of the store, relative to the working directory; created on the first write.
path = "./state"

# "full": on the disk before a call returns; "output": on the disk before anything that a script prints, or does to a
# file, leaves it, which is faster; "normal": a power cut may lose the last moments. Unless set: "output" for scripts in
# Lua and JavaScript, "full" for everything else.
# durability = "full"

# The largest value in bytes, as JSON text; a larger one is refused.
max_value_bytes = 10000000

# true: scripts may use State.migrate, State.migration_status and State.schema_versions.
migration_enabled = false

# The schema version that a new store is stamped with; an existing store keeps its own.
schema_version = "1.0.0"

# The range that the schema version of the store must be in; a store outside of it is refused.
# required_schema = ">=1.0.0,<2.0.0"

# The folder of the migration files.
migrations_path = "./migrations"

# true: migration files may name Python code, which then runs with all rights of the program.
allow_python_migrations = false

# Backups: the keys that begin with backup_ say what is backed up, how it is written and how long it stays.
# true: scripts may use the backup functions.
backup_enabled = false

# The folder of the backups, relative to the working directory, and not inside that of the store.
backup_path = "./backups"

# Which scopes a backup holds, as globs such as "user*"; with none, it holds all.
backup_scopes = []

# Which scopes a backup leaves out, as globs such as "cache*".
backup_exclude = []

# true: scripts and the command line may make incremental backups, which hold only what changed since another one.
backup_incremental = true

# An incremental backup becomes a full one once the full one under it is older than so many seconds.
# backup_full_interval_seconds = 604800

# "zstd", "gzip" or "none".
backup_compression = "zstd"

# 1 is the fastest, 19 the smallest with "zstd", 9 with "gzip".
backup_compression_level = 3

# "full": a new backup is read back and compared by content; "checksum": by the checksums of its files.
backup_verify = "full"

# The file with the age key; with one, backups are encrypted.
# backup_encryption_key_file = "./backup-key.txt"

# What one of the seven keep rules wants is kept; with all of them 0, every backup is.
# How many days a backup is kept; 0: age alone keeps none.
backup_retention_days = 30

# How many of the newest backups are kept, however old they are.
backup_keep_last = 0

# For how many hours that have a backup the newest one is kept.
backup_keep_hourly = 0

# For how many days that have a backup the newest one is kept.
backup_keep_daily = 0

# For how many weeks that have a backup the newest one is kept.
backup_keep_weekly = 0

# For how many months that have a backup the newest one is kept.
backup_keep_monthly = 0

# For how many years that have a backup the newest one is kept.
backup_keep_yearly = 0

# The most backups of the same scopes that are kept, whatever the keep rules want; the oldest go first.
# backup_max_backups = 100

# How old a backup may become, in seconds, whatever the keep rules want.
# backup_max_age_seconds = 31536000

# The most bytes that backups of the same scopes may take up together; the oldest go first.
# backup_max_total_bytes = 10000000000

# How many days the store keeps replaced and deleted values; 0: this program asks for no history.
history_days = 0

[engines.lua]
# "safe": Lua without the libraries that reach files and processes;
# "full": debug.getinfo too, and with file access loadfile and dofile.
stdlib = "safe"

# Another name of stdlib; with both in the file they must be the same.
# stdlib_level = "safe"

# The most memory of a script in bytes; 0 is no limit.
memory_limit = 268435456

# The most instructions that a script runs; 0 is no limit.
max_instructions = 0

[engines.javascript]
# The most memory of a script in bytes; 0 is no limit.
memory_limit = 268435456

# How deep calls may stand inside each other: the bytes of the stack, 65536 to 4194304.
max_stack_bytes = 1048576

[engines.python]
# Python scripts are not sandboxed: they run without limits, with all rights of the person who starts them.
# false: they are refused.
enabled = true

[runtime]
# The longest time that a Lua or JavaScript script runs, in seconds; 0 is no limit.
script_timeout_seconds = 300.0

[runtime.security]
# What Lua and JavaScript scripts may do.
# true: scripts may open files.
allow_file_access = false

# true: scripts may start programs.
allow_process_spawn = false

# true: scripts may use the network.
allow_network_access = false

# Bounds memory as memory_limit does; the smaller of the two holds, and 0 is no limit.
# max_memory_bytes = 268435456

# Bounds time as script_timeout_seconds does, in milliseconds; the smaller of the two holds, and 0 is no limit.
# max_execution_time_ms = 300000
"""

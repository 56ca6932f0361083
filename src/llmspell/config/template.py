"""Which file does `llmspell config init` write?"""

TEMPLATE = """\
# Settings of llmspell. Each line shows the default: a line that is removed changes nothing.
# Lines that begin with "# " and hold a key are optional; remove the "# " to use them.
# In a text, ${NAME} is replaced by the environment variable NAME, which must be set.

# The language of a script whose file name does not tell; "lua" is the only one in this version.
default_engine = "lua"

[state]
# false: scripts have no global `State`.
enabled = true

# "disk" keeps state in files; "memory" forgets it at exit.
backend = "disk"

# The folder of the store, relative to the working directory; created on the first write.
path = "./state"

# "full": on the disk before a call returns; "normal": a power cut may lose the last moments.
durability = "full"

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

# true: scripts may use the backup functions.
backup_enabled = false

# The folder of the backups.
backup_path = "./backups"

# How many days a backup is kept.
backup_retention_days = 30

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

[runtime]
# The longest time that a script runs, in seconds; 0 is no limit.
script_timeout_seconds = 300.0

[runtime.security]
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

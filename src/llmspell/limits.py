"""How large may things be: the bounds of the State contract as named constants."""

MAX_SCOPE_BYTES = 256
MAX_KEY_BYTES = 512
MAX_VALUE_BYTES = 10_000_000
"""The default for the largest encoded value; `max_value_bytes` in the configuration changes it."""

MAX_VALUE_BYTES_BOUND = 1_000_000_000
"""The highest that `max_value_bytes` may be: what the engine can hold in one piece."""

MAX_DEPTH = 128
"""How many arrays and objects may stand inside each other."""

MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**63 - 1

MAX_TTL_SECONDS = 10_000_000_000.0
"""About 317 years; a longer expiry is a mistake in units."""

TRANSACTION_ATTEMPTS = 4
"""How often a transaction runs freely before it takes the writer's turn and cannot be overtaken."""

INFINITY = float("inf")
"""What every float that can be stored is below, and minus this above. Importing `math` for it would take longer."""

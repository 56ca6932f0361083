"""Where can a test make the program fail? Named points that nothing but the environment arms.

`LLMSPELL_FAIL_POINT=name=action` arms one point; `name=action@3` strikes only when it is reached for the
third time. Actions: `kill` (as `kill -9`), `stop` (as a suspended process), `raise` (an error of the system,
`OSError`), `interrupt` (as Ctrl-C). Unarmed, a point costs one comparison.
"""

from __future__ import annotations

import os

VARIABLE = "LLMSPELL_FAIL_POINT"

_name, _, _action = os.environ.get(VARIABLE, "").partition("=")
_action, _, _count = _action.partition("@")
_left = int(_count or 1)


def armed(name: str) -> bool:
    """Tell whether the environment names this point, for loops that cannot afford to ask every time."""
    return name == _name


def reach(name: str) -> None:
    """Do at this point what the environment says; nothing unless it names the point.

    >>> reach("migration.stamped")
    """
    if name == _name:
        _strike()


def _strike() -> None:
    global _left
    _left -= 1
    if _left != 0:
        return
    import signal

    if _action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif _action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif _action == "interrupt":
        raise KeyboardInterrupt
    elif _action == "raise":
        raise OSError(5, f"the fail point {_name} was reached")

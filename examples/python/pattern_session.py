"""Pattern: a session that ends after a while, and goes on for whoever comes back in time.

llmspell -c examples/configs/state-enabled.toml run examples/python/pattern_session.py
"""

from __future__ import annotations

import argparse
import secrets
import time
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import llmspell

    State = llmspell.open()  # what it is, for type checkers; `llmspell run` gives the one of the script

SESSIONS = "station:session"
HOUR = 3600


def begin(user: str, ttl: float = HOUR) -> str:
    """Open a session and give its key. With a ttl it is gone from the moment it ends."""
    key = f"{user}:{secrets.token_hex(8)}"
    State.save(SESSIONS, key, {"user": user, "visits": 0, "stations": []}, ttl=ttl)
    return key


def visit(key: str, station: str) -> dict[str, Any] | None:
    """Note what the user looks at, and let the session last another hour; None when it has ended."""

    def note(state: llmspell.State) -> dict[str, Any] | None:  # may run twice, when another visit got in between
        session = cast("dict[str, Any] | None", state.load(SESSIONS, key))
        if session is not None:
            session["stations"] = [*session["stations"], station][-3:]
            session["visits"] += 1
            state.save(SESSIONS, key, session, ttl=HOUR)
        return session

    return State.transaction(note)


def minutes_left(key: str) -> int:
    """Tell in how many minutes the session ends."""
    entry = State.entry(SESSIONS, key)
    return round((entry.expires_at - time.time()) / 60) if entry and entry.expires_at else 0


def main() -> None:
    """Go on with the user's session, or open one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--user", default="ada")
    user = parser.parse_args().user

    print("Sessions\n")
    earlier = State.list_keys(SESSIONS, prefix=f"{user}:")
    key = earlier[0] if earlier else begin(user)
    print(f"  {'found' if earlier else 'opened':8} a session for {user}")
    for station in ("Vienna", "Graz"):
        session = visit(key, station)
    if session is not None:
        print(f"  visits   {session['visits']}, the last: {', '.join(session['stations'])}")
    print(f"  ends in  {minutes_left(key)} minutes")

    late = begin("bob", ttl=0.01)
    while State.exists(SESSIONS, late):
        time.sleep(0.001)
    print(f"  bob      {'goes on' if visit(late, 'Linz') else 'is too late, and logs in again'}")
    if not earlier:
        print("\nRun me again within the hour: the session goes on.")


if __name__ == "__main__":
    main()

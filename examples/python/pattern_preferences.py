"""Pattern: what each user prefers, behind a class that looks like a dict.

llmspell -c examples/configs/state-enabled.toml run examples/python/pattern_preferences.py
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import llmspell
    from llmspell import JsonValue

    State = llmspell.open()  # what it is, for type checkers; `llmspell run` gives the one of the script

USERS = "station:user"


class Preferences(MutableMapping[str, "JsonValue"]):
    """The preferences of one user: one entry each, so that changing one touches no other."""

    def __init__(self, user: str) -> None:
        self._prefix = f"{user}:"

    def __getitem__(self, name: str) -> JsonValue:
        value = State.load(USERS, self._prefix + name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: JsonValue) -> None:
        State.save(USERS, self._prefix + name, value)

    def __delitem__(self, name: str) -> None:
        if not State.delete(USERS, self._prefix + name):
            raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (key.removeprefix(self._prefix) for key in State.list_keys(USERS, prefix=self._prefix))

    def __len__(self) -> int:
        return len(State.list_keys(USERS, prefix=self._prefix))


def users() -> list[str]:
    """Give the names of all who have preferences."""
    return sorted({key.partition(":")[0] for key in State.list_keys(USERS)})


def main() -> None:
    """Set some preferences, find who prefers what, and forget a user."""
    print("User preferences\n")
    before = users()
    print(f"{len(before)} users have preferences from an earlier run." if before else "Nobody has any preferences yet.")

    Preferences("ada").update(language="en", unit="celsius", stations=["Vienna", "Graz"])
    Preferences("bob").update(language="en", mail=False)
    Preferences("cleo")["language"] = "fr"
    for user in users():
        print(f"  {user:5} {dict(Preferences(user))}")

    english = [user for user in users() if Preferences(user).get("language") == "en"]
    print(f"  who reads English: {', '.join(english)}")

    dan = Preferences("dan")
    dan.update(language="de", unit="kelvin")
    State.transaction(lambda _: dan.clear())  # calls on State inside belong to it: all of them, or none
    print(f"  dan has left: {dict(dan)}")
    if not before:
        print("\nRun me again: everybody will be remembered.")


if __name__ == "__main__":
    main()

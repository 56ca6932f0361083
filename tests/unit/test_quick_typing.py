"""`NamedTuple` without `typing`: classes that nobody can tell from those of `collections.namedtuple`."""

from __future__ import annotations

import copy
import pickle
from collections import namedtuple
from inspect import signature
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.config import StateSettings
from llmspell.quick_typing import NamedTuple


class Place(NamedTuple):
    """Where something is."""

    room: str
    shelf: int = 3
    box: str | None = None

    @property
    def known(self) -> bool:
        """Whether the box is known."""
        return self.box is not None


MODEL: Any = namedtuple("Place", ["room", "shelf", "box"], defaults=[3, None])  # type: ignore[name-match]
VALUES = st.integers(0, 9)


def outcome(kind: Any, values: list[int], named: dict[str, int]) -> tuple[object, ...]:
    try:
        made = kind(*values, **named)
    except TypeError as error:
        return (str(error),)
    return tuple(made), repr(made), hash(made)


@given(st.lists(VALUES, max_size=4), st.dictionaries(st.sampled_from(["room", "shelf", "box", "door"]), VALUES))
def test_objects_are_made_and_refused_as_those_of_a_named_tuple_are(values: list[int], named: dict[str, int]) -> None:
    assert outcome(Place, values, named) == outcome(MODEL, values, named)


def test_the_class_knows_its_fields() -> None:
    assert Place._fields == Place.__match_args__ == ("room", "shelf", "box")
    assert Place._field_defaults == {"shelf": 3, "box": None}
    assert get_type_hints(Place) == {"room": str, "shelf": int, "box": str | None}
    assert signature(Place) == signature(MODEL)
    assert (Place.__doc__, Place.__name__, Place.__qualname__, Place.__module__) == (
        *("Where something is.", "Place", "Place"),
        __name__,
    )


def test_fields_and_methods_are_reached_by_their_names() -> None:
    place = Place("cellar", box="red")
    assert (place.room, place.shelf, place.box, place.known) == ("cellar", 3, "red", True)
    match place:
        case Place(room, shelf, box):
            assert (room, shelf, box) == tuple(place)


def test_a_class_may_have_more_fields_than_most() -> None:
    settings = StateSettings(False, history_days=4)
    assert (settings.enabled, settings.backend, settings.history_days) == (False, "disk", 4)
    assert len(settings) == len(StateSettings._fields) > 30


def test_nothing_of_an_object_can_be_changed_or_added() -> None:
    place = Place("cellar")
    for name in ("room", "door"):
        with pytest.raises(AttributeError):
            setattr(place, name, "attic")
    assert place == ("cellar", 3, None)


def test_a_changed_copy_is_an_object_of_the_same_class() -> None:
    place = Place("cellar")
    changed = place._replace(shelf=4)
    assert type(changed) is Place
    assert changed._asdict() == {"room": "cellar", "shelf": 4, "box": None}
    assert changed == ("cellar", 4, None)
    with pytest.raises(ValueError, match=r"Got unexpected field names: \['door'\]"):
        place._replace(door=1)  # type: ignore[call-arg]
    assert place.__replace__(room="attic") == place._replace(room="attic")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda place: pickle.loads(pickle.dumps(place)), Place._make]
)
def test_it_stays_what_it_is_when_it_is_copied_pickled_or_made_of_its_values(again: object) -> None:
    place = Place("cellar", 4, "red")
    assert callable(again)
    made = again(place)
    assert type(made) is Place
    assert made == place


def test_a_class_that_is_built_on_one_has_its_fields() -> None:
    class Corner(Place):
        """Of a room."""

    corner = Corner("cellar", shelf=1)
    assert type(corner) is Corner
    assert (corner, repr(corner)) == (("cellar", 1, None), "Corner(room='cellar', shelf=1, box=None)")


@pytest.mark.parametrize("values", [(), ("cellar",), ("cellar", 1, "red", 2)])
def test_it_is_made_of_all_its_values_or_not_at_all(values: tuple[object, ...]) -> None:
    with pytest.raises(TypeError, match=f"Expected 3 arguments, got {len(values)}"):
        Place._make(values)


def test_a_class_without_fields_is_an_empty_tuple() -> None:
    class Nothing(NamedTuple):
        """Of nothing."""

    assert Nothing() == ()


def test_a_field_without_a_default_stands_before_those_that_have_one() -> None:
    maker: Any = type(NamedTuple)
    with pytest.raises(TypeError, match="Shelf has a field without a default behind one that has one"):
        maker("Shelf", (NamedTuple,), {"__annotations__": {"room": "str", "number": "int"}, "room": "attic"})

"""Which documents and transforms do the laws try? Small names, so that paths meet the fields of documents often."""

from typing import Any

from hypothesis import strategies as st

from llmspell.limits import MAX_INTEGER, MIN_INTEGER
from llmspell.migrations.paths import Path, PathError
from llmspell.migrations.transforms.values import fresh

names = st.sampled_from(["a", "b", "c", "d", "x.y"])
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.0, -0.0, 1.0, 2.5, MAX_INTEGER, MIN_INTEGER, 2**53 + 1, 1e300]),
    st.sampled_from(
        ["", "a", "a b", "a b c", "1", "-7", "1.5", "true", "é", "👩\u200d🚀", "2026-11-22T17:00:00+01:00"]
    ),
)
values: st.SearchStrategy[Any] = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)
documents: st.SearchStrategy[Any] = st.dictionaries(names, values, min_size=1, max_size=5)

_steps = st.lists(st.one_of(names.map(lambda name: "/" + name), st.sampled_from(["/0", "/1"])), min_size=1, max_size=3)
pointers = st.one_of(st.sampled_from(["/a", "/b", "/c"]), _steps.map("".join))
several = st.lists(
    st.one_of(st.sampled_from(["/a", "/b", "/c", "/a/b", "/b/a", "/d"]), pointers), min_size=1, max_size=3
)
whole_or_part = st.one_of(pointers, st.just("."))

missing = st.sampled_from(["error", "skip", "skip", "skip"])
existing = st.sampled_from(["error", "replace", "replace", "skip"])
separators = st.sampled_from([" ", "b", "  "])


def table(kind: str, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Generate tables of one type; `source` stands for the field `from`."""
    if "source" in fields:
        fields["from"] = fields.pop("source")
    return st.fixed_dictionaries({"type": st.just(kind), **fields})


MAPPING = {"1": "one", "a": "A", "true": [1], "null": {"x": None}, "-7": "A"}

LEAF_TABLES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "move": table("move", source=pointers, to=pointers, missing=missing, existing=existing),
    "copy": table("copy", source=pointers, to=pointers, missing=missing, existing=existing),
    "remove": table("remove", field=pointers, missing=missing),
    "hoist": table("hoist", field=names.map(lambda n: "/" + n), out_of=pointers, missing=missing, existing=existing),
    "plunge": table("plunge", field=pointers, into=pointers, missing=missing, existing=existing),
    "default": table("default", field=pointers, value=values | st.just("{{now_iso8601}}")),
    "set": table("set", field=pointers, value=values | st.just(["{{now_iso8601}}"])),
    "computed": table("computed", field=whole_or_part, expression=st.sampled_from(["size(this)", "[this]", "now()"])),
    "convert": table(
        "convert",
        field=whole_or_part,
        to=st.sampled_from(["int", "float", "string", "bool", "datetime"]),
        missing=missing,
    ),
    "mapping": table("convert", field=whole_or_part, mapping=st.just(MAPPING), otherwise=values, missing=missing),
    "split": table("split", source=pointers, to=several, separator=separators, missing=missing, existing=existing),
    "join": table("merge", source=several, to=pointers, separator=separators, missing=missing, existing=existing),
    "merge": table(
        "merge",
        source=several,
        to=pointers,
        strategy=st.sampled_from(["first", "sum", "list"]),
        missing=missing,
        existing=existing,
    ),
    "wrap": table("wrap", field=whole_or_part, missing=missing),
    "unwrap": table("unwrap", field=whole_or_part, missing=missing),
    "custom": table("custom", function=st.sampled_from(["code:wrap", "code:forget"])),
}
_leaf_tables = st.one_of(*LEAF_TABLES.values())
CONDITION = "type(this) == map && has(this.a)"

TABLES = {
    **LEAF_TABLES,
    "transform_array": table(
        "transform_array",
        field=whole_or_part,
        element_transforms=st.lists(_leaf_tables, min_size=1, max_size=2),
        missing=missing,
    ),
    "conditional": table(
        "conditional",
        condition=st.just(CONDITION),
        transforms=st.lists(_leaf_tables, min_size=1, max_size=2),
        otherwise=st.lists(_leaf_tables, min_size=1, max_size=2),
    ),
}
"""Tables of every transform that changes a document; some of them are refused when they are read."""

any_table = st.one_of(*TABLES.values())

_fitting: dict[str, st.SearchStrategy[Any]] = {
    "convert": leaves,
    "split": st.sampled_from(["a b", "b a b", "a  b  c", "abba bab b", " b  b "]),
    "merge": st.one_of(st.sampled_from(["a", "b c"]), st.integers(-3, 3)),
    "unwrap": values.map(lambda value: [value]),
}
"""What a transform needs to find where its source is; any value does for the others."""


@st.composite
def journeys(draw: st.DrawFn, tables: st.SearchStrategy[dict[str, Any]]) -> tuple[dict[str, Any], Any]:
    """Generate a table and a document that has, as a rule, what the transform needs."""
    drawn = draw(tables)
    document = draw(st.one_of(documents, documents, documents, values))
    return drawn, planted(draw, drawn, document) if draw(st.integers(0, 9)) else document


def planted(draw: st.DrawFn, drawn: dict[str, Any], document: Any) -> Any:
    """Put what a transform needs into a document, where there is room for it."""
    kind = drawn["type"]
    if kind == "conditional":
        for inner in (*drawn["transforms"], *drawn["otherwise"]):
            document = planted(draw, inner, document)
        return document
    fitting = _fitting.get(kind, values)
    if kind == "merge" and drawn.get("strategy") == "sum":
        fitting = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, -0.0, 2.0]))
    elif kind == "merge" and "separator" in drawn:
        fitting = st.sampled_from(["a", "b c", ""])
    for source in _sources(drawn):
        if kind == "transform_array":
            elements = [planted(draw, inner, draw(documents)) for inner in drawn["element_transforms"]]
            value: Any = elements + draw(st.sampled_from([elements, []]))
        else:
            value = draw(fitting)
        if source == ".":
            return fresh(value)
        try:
            Path(source).put(document, fresh(value))
        except PathError:
            continue
    return document


def _sources(drawn: dict[str, Any]) -> list[str]:
    if drawn["type"] in ("default", "set", "computed", "custom"):
        return []
    if drawn["type"] == "hoist":
        return [drawn["out_of"] + drawn["field"]]
    found = drawn.get("from", drawn.get("field"))
    return found if isinstance(found, list) else [str(found)]

"""Valid answers made invalid: values swapped and dropped, huge numbers, deep nesting, bytes that are no text."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

# what Python's json writes beyond JSON (NaN, Infinity, numbers of any size) is wanted here
Path = tuple[Any, ...]
DEEP: Any = 1
for _ in range(300):
    DEEP = [DEEP]
DEEP_OBJECT: Any = {}
for _ in range(120):
    DEEP_OBJECT = {"a": DEEP_OBJECT}

ODD = st.sampled_from(
    [
        None, True, False, 0, -1, 1, 1.5, "", "1", "x", "\x00", "\ud800", "é" * 999, "DROP TABLE", "a\nb", "\u202egnp",
        [], {}, [[]], [{}], [None], [1, "a", None], {"": 1}, {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}},
        10**30, -(10**30), 2**63, 2**63 - 1, -(2**63), 2**64, 1e308, 1e-320, float("nan"), float("inf"), -float("inf"),
        4_000_000_000, 1_700_000_000_000, DEEP, DEEP_OBJECT,
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    ["new", "", " ", "dt", "DT", "location_id", "fetched_at", "_dlt_id", "_dlt_load_id", "list", "1h", "a.b", "a__b",
     "é", "x" * 200, "select", "main", "\x00", "\ud800", "cod", "message", "units", "issued_at", "weather_id"]
)  # fmt: skip
# copied, since what is drawn may be changed further
VALUES = ODD.map(copy.deepcopy) | st.integers() | st.floats() | st.text(max_size=20)


@st.composite
def mutated(draw: st.DrawFn, corpus: dict[str, Any]) -> tuple[str, bytes]:
    """An answer of the corpus after one to four changes, and whose it was."""
    name = draw(st.sampled_from(sorted(corpus)))
    value = copy.deepcopy(corpus[name])
    for _ in range(draw(st.integers(0, 4))):
        value = _changed(draw, value)
    body = _written(value)
    how = draw(st.sampled_from(["whole", "whole", "whole", "whole", "cut", "byte", "twice", "bom", "latin"]))
    if how == "cut":
        body = body[: draw(st.integers(0, len(body)))]
    elif how == "byte":
        at = draw(st.integers(0, max(0, len(body) - 1)))
        body = body[:at] + bytes([draw(st.integers(0, 255))]) + body[at + 1 :]
    elif how == "twice":
        body += body
    elif how == "bom":
        body = b"\xef\xbb\xbf" + body
    elif how == "latin":
        body = body.replace(b"clear", b"cl\xe9\xffar")
    return name, body


def _written(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        # half a character can only be written as an escape
        return json.dumps(value).encode()


def _changed(draw: st.DrawFn, value: Any) -> Any:
    paths = list(_paths(value))
    path = draw(st.sampled_from(paths))
    if not path:
        return draw(VALUES) if draw(st.integers(0, 9)) == 0 else value
    parent = value
    for step in path[:-1]:
        parent = parent[step]
    last = path[-1]
    what = draw(st.sampled_from(["value", "value", "drop", "add", "rename", "swap", "twice", "text"]))
    if what == "value":
        parent[last] = draw(VALUES)
    elif what == "drop":
        del parent[last]
    elif what == "text":
        parent[last] = str(parent[last])
    elif what == "swap":
        other = draw(st.sampled_from(paths))
        parent[last] = copy.deepcopy(_at(value, other))
    elif isinstance(parent, dict) and what == "rename":
        parent[draw(NAMES)] = parent.pop(last)
    elif isinstance(parent, dict):
        parent[draw(NAMES)] = draw(VALUES)
    elif what == "twice":
        parent.append(copy.deepcopy(parent[last]))
    else:
        parent.insert(0, draw(VALUES))
    return value


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    if len(path) > 8:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _paths(inner, (*path, number))

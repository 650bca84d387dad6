"""The two tables of docs/destinations.md: what was played here, and what dlt says of the others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import dlt.destinations
from dlt.common.destination import Destination

from dlt_sources.weather.destination.capabilities.load_options import LoadOptions, options_of
from dlt_sources.weather.destination.capabilities.mistakes import SINGLE_KEY, UNREADABLE
from tests.destinations.places import PLACES
from tests.destinations.plays import CELLS

PAGE = Path(__file__).parents[2] / "docs" / "destinations.md"
# a sink of one's own, and one that forgets
NO_PLACE = {"destination", "dummy"}
REFUSED = dict.fromkeys(UNREADABLE, "it cannot be read with SQL") | dict.fromkeys(SINGLE_KEY, "keys of one column only")


def write_tried(rows: Mapping[str, Mapping[str, str]]) -> None:
    """Write the rows of played destinations; others stay as they are."""
    text = PAGE.read_text(encoding="utf-8")
    kept = {line.split(" | ")[0].removeprefix("| "): line for line in _between(text, "tried").splitlines()[2:]}
    made = {PLACES[name].title: _row(name, cells) for name, cells in rows.items()}
    lines = [made.get(one.title) or kept.get(one.title) for one in PLACES.values()]
    head = ["destination", "rows are written by", *CELLS]
    table = [_line(head), _line(["---"] * len(head)), *(line for line in lines if line)]
    PAGE.write_text(_replaced(text, "tried", "\n".join(table)), encoding="utf-8")


def write_others() -> None:
    """Write the table of the destinations that were not tried, by what dlt declares of them."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_replaced(text, "others", others()), encoding="utf-8")


def tried() -> list[str]:
    """Return the beginning of the row of each destination that can be played, which says how rows are written."""
    return [_row(name, {}) for name in PLACES]


def others() -> str:
    """Return the table of the destinations that were not tried, from their capabilities; no driver is needed."""
    played = {place.destination for place in PLACES.values()}
    rows = []
    for name in sorted(set(dlt.destinations.__all__) - played - NO_PLACE):
        destination = Destination.from_reference(name)
        formats = [None, *(destination.capabilities().supported_table_formats or ())]
        found = [(one, options_of(destination, one)) for one in formats]
        rows += [_line([f"`{name}`", one or "", *_said(name, options)]) for one, options in found]
    head = ["destination", "table format", "rows are written by", "as"]
    return "\n".join([_line(head), _line(["---"] * len(head)), *rows])


def _said(name: str, options: LoadOptions) -> tuple[str, str]:
    if name in REFUSED:
        return f"refused: {REFUSED[name]}", ""
    return options.written_by, options.file_format or "what it prefers"


def _row(name: str, cells: Mapping[str, str]) -> str:
    place = PLACES[name]
    destination = Destination.from_reference(place.destination)
    return _line([place.title, options_of(destination, place.table_format).written_by, *cells.values()])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _between(text: str, name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    assert found, f"{PAGE} has no markers of {name}"
    return found[1]


def _replaced(text: str, name: str, table: str) -> str:
    old = _between(text, name)
    marked = f"<!-- {name} -->\n{old}<!-- /{name} -->"
    return text.replace(marked, f"<!-- {name} -->\n{table}\n<!-- /{name} -->")

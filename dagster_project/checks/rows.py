"""Rows at fault as text: the first few in a sentence, and all as a Markdown table, which alerts read back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts.records import ERROR_CLASSES

# named in a sentence; more are counted
NAMED = 5
_CELL_BORDER = re.compile(r"(?<!\\)\|")


def listed(texts: Sequence[str], number: int | None = None) -> str:
    """Return the first of some texts in one, and how many more there are.

    Args:
        texts: the texts.
        number: how many there are, if those are only the first.
    """
    number = len(texts) if number is None else number
    more = number - min(len(texts), NAMED)
    return "; ".join([*texts[:NAMED], *([f"and {more} more"] if more > 0 else [])])


def words_of(cause: str | None, http_status: object = None) -> str:
    """Return a cause without its class, with the HTTP status if the API gave one."""
    if not cause:
        return "cause unknown"
    error_class, _, words = cause.partition(": ")
    status = f" ({http_status})" if http_status else ""
    return f"{words if error_class in ERROR_CLASSES else cause}{status}"


def since_text(moment: datetime, now: datetime) -> str:
    """Return a moment as text, without the date if that is today's."""
    moment = utc(moment)
    return f"{moment:%H:%M} UTC" if moment.date() == utc(now).date() else f"{moment:%Y-%m-%d %H:%M} UTC"


def row_text(row: Mapping[str, Any]) -> str:
    """Return a row as ``column=value`` pairs, its location first."""
    names = sorted(row, key=lambda name: name != "location_id")
    return " ".join(f"{name}={row[name]}" for name in names)


def to_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a Markdown table."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, ["---"] * len(columns), *([_cell(row.get(name)) for name in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def read_rows(value: Any) -> list[dict[str, Any]]:
    """Return the rows of a table of ``to_table``, with texts for values; checks of earlier releases stored a list."""
    if isinstance(value, list):
        return [row if isinstance(row, dict) else {"row": row} for row in value]
    if not isinstance(value, str) or not value.startswith("| "):
        return []
    columns, _, *rows = (_CELL_BORDER.split(line)[1:-1] for line in value.split("\n"))
    names = [name.strip() for name in columns]
    return [
        {name: text for name, cell in zip(names, row, strict=False) if (text := cell.strip().replace("\\|", "|"))}
        for row in rows
    ]


def _cell(value: Any) -> str:
    return "" if value is None else re.sub(r"\s+", " ", str(value)).replace("|", "\\|")

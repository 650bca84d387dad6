"""The dashboard's panels as Grafana would run them: its macros expanded, its variables put in.

Grafana's PostgreSQL data source expands macros as ``pkg/tsdb/grafana-postgresql-datasource/macros.go`` of
grafana/grafana does (commit 02ab314): ``$name(arguments)`` up to the first closing bracket, and an unknown one is an
error. Variables and their formats: grafana.com/docs/grafana/latest/dashboards/variables/variable-syntax.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

DASHBOARD = Path(__file__).parents[2] / "infra" / "grafana" / "weather.json"
MACRO = re.compile(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)")
VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}")


class Range(NamedTuple):
    """The dashboard's time range."""

    start: datetime
    end: datetime


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def panels() -> Iterator[dict[str, Any]]:
    """Yield the panels that show something."""
    yield from (panel for panel in dashboard()["panels"] if panel["type"] != "row")


def expand(sql: str, shown: Range, variables: Mapping[str, str | Sequence[str]]) -> str:
    """Return the SQL that Grafana would send.

    Args:
        sql: the panel's query.
        shown: the time range.
        variables: the values of the dashboard's variables; several of one that takes several.

    Raises:
        ValueError: the query has a macro, a variable or a format that is not known.
    """
    query = VARIABLE.sub(lambda found: _value(found[1], found[2], variables), sql)
    query = MACRO.sub(lambda found: _macro(found[1], found[2].strip(), shown), query)
    if "$" in query:
        raise ValueError(f"not expanded: {query}")
    return query


def _value(name: str, form: str | None, variables: Mapping[str, str | Sequence[str]]) -> str:
    value = variables[name]
    if form == "raw" and isinstance(value, str):
        return value
    if form == "sqlstring":
        several = [value] if isinstance(value, str) else value
        return ",".join("'" + one.replace("'", "''") + "'" for one in several)
    raise ValueError(f"${{{name}:{form}}}")


def _macro(name: str, argument: str, shown: Range) -> str:
    start, end = (moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") for moment in shown)
    if name == "__timeFilter":
        return f"{argument} BETWEEN '{start}' AND '{end}'"
    if name == "__unixEpochFilter":
        return f"{argument} >= {int(shown.start.timestamp())} AND {argument} <= {int(shown.end.timestamp())}"
    raise ValueError(f"unknown macro {name}")

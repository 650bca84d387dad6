"""Draw the dashboard's panels from real rows, without Grafana: ``python -m tests.infra.pictures FILE [DATABASE_URL]``.

Each panel has its place, title, unit and thresholds from the dashboard, and the rows of its own queries; what Grafana
would make of fonts, legends and the map's background is not imitated. It is to see that a panel says what it should.
The database is that of ``DESTINATION__POSTGRES__CREDENTIALS`` if none is named.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg2
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from tests.infra.panels import Range, dashboard, expand

GRID_WIDTH, INCHES = 24, 0.62
PALETTE = ("#73BF69", "#F2CC0C", "#5794F2", "#FF9830", "#F2495C", "#B877D9", "#8AB8FF", "#FA6400", "#56A64B", "#E0B400")
NAMED = {"green": "#37872D", "yellow": "#E0B400", "orange": "#FF780A", "red": "#C4162A", "purple": "#8F3BB8"}
UNITS = {"conμgm3": " µg/m³", "percent": " %", "h": " h", "°": "°"}
Rows = list[tuple[Any, ...]]


def draw(url: str) -> Figure:
    """Return the dashboard as a figure."""
    now = datetime.now(timezone.utc)
    shown = Range(now - timedelta(days=7), now + timedelta(days=2))
    found = dashboard()["panels"]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in found)
    figure = Figure(figsize=(GRID_WIDTH * INCHES, height * INCHES * 0.62), dpi=80)
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT location_id FROM bronze.locations")
        variables = {"location": [one for (one,) in cursor.fetchall()], "calls_per_month": "1000000"}
        for panel in found:
            place = panel["gridPos"]
            if panel["type"] == "row":
                figure.text(0.01, 1 - (place["y"] + 0.8) / height, panel["title"], fontsize=13, weight="bold")
                continue
            left, bottom = place["x"] / GRID_WIDTH, 1 - (place["y"] + place["h"]) / height
            axes = figure.add_axes(
                (
                    left + 0.035,
                    bottom + 1.9 / height,
                    place["w"] / GRID_WIDTH - 0.05,
                    (place["h"] - 3.1) / height,
                )
            )
            axes.set_title(panel["title"], loc="left", fontsize=9, weight="bold")
            results = []
            for target in panel["targets"]:
                cursor.execute(expand(target["rawSql"], shown, variables))
                results.append(([column.name for column in cursor.description or []], cursor.fetchall()))
            if any(rows for _, rows in results):
                KINDS[panel["type"]](axes, panel, results)
            else:
                axes.axis("off")
                axes.text(0.5, 0.5, "No data", ha="center", color="grey")
    return figure


def _text(value: object, unit: str = "") -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(timezone.utc):%m-%d %H:%M}"
    if not isinstance(value, (int, float)) and not hasattr(value, "quantize"):
        return "" if value is None else str(value)
    number = float(value)  # type: ignore[arg-type]
    if unit == "s":
        return f"{number / 3600:.1f} h" if number >= 3600 else f"{number / 60:.1f} min"
    if unit == "bytes":
        return f"{number / 1024:.0f} KiB"
    digits = f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"
    return digits + UNITS.get(unit, "")


def _colour(panel: dict[str, Any], value: float) -> str:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return NAMED.get(reached[-1], reached[-1])


def _stat(axes: Axes, panel: dict[str, Any], results: Sequence[tuple[list[str], Rows]]) -> None:
    value = results[0][1][0][0]
    axes.axis("off")
    axes.text(0.5, 0.4, _text(value), fontsize=24, ha="center", va="center", color=_colour(panel, float(value)))


def _bar_gauge(axes: Axes, panel: dict[str, Any], results: Sequence[tuple[list[str], Rows]]) -> None:
    unit = panel["fieldConfig"]["defaults"].get("unit", "")
    rows = list(reversed(results[0][1]))
    values = [float(value) for _, value in rows]
    axes.barh(range(len(rows)), values, color=[_colour(panel, value) for value in values])
    axes.set_yticks(
        range(len(rows)), [textwrap.shorten(str(name), 22, placeholder="…") for name, _ in rows], fontsize=7
    )
    for number, value in enumerate(values):
        axes.text(value, number, f" {_text(value, unit)}", va="center", fontsize=7)
    axes.set_xlim(0, max(values) * 1.3 or 1)
    axes.set_xticks([])
    place = axes.get_position()
    axes.set_position((place.x0 + 0.05, place.y0, place.width - 0.05, place.height))


def _table(axes: Axes, panel: dict[str, Any], results: Sequence[tuple[list[str], Rows]]) -> None:
    axes.axis("off")
    names, rows = results[0]
    most = int(panel["gridPos"]["h"] * 1.4)
    width = max(8, int(panel["gridPos"]["w"] * 9 / len(names)))
    cells = [[textwrap.shorten(_text(value), width, placeholder="…") for value in row] for row in rows[:most]]
    drawn = axes.table(cellText=cells, colLabels=names, loc="upper left", cellLoc="left", edges="horizontal")
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(7)
    drawn.auto_set_column_width(range(len(names)))


def _time_series(axes: Axes, panel: dict[str, Any], results: Sequence[tuple[list[str], Rows]]) -> None:
    settings = panel["fieldConfig"]["defaults"]
    dashed = [
        override["matcher"]["options"]
        for override in panel["fieldConfig"]["overrides"]
        if any(one["id"] == "custom.lineStyle" for one in override["properties"])
    ]
    series: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for _, rows in results:
        for moment, name, value in rows:
            series[name].append((moment, float(value)))
    bars = settings["custom"]["drawStyle"] == "bars"
    stacked: dict[datetime, float] = defaultdict(float)
    colours: dict[str, str] = {}
    for name, points in sorted(series.items()):
        base = re.sub(", (a day ahead|forecast)$", "", name)
        colour = colours.setdefault(base, PALETTE[len(colours) % len(PALETTE)])
        moments, values = [moment for moment, _ in points], [value for _, value in points]
        if bars:
            axes.bar(moments, values, bottom=[stacked[one] for one in moments], width=0.03, color=colour, label=name)
            for moment, value in points:
                stacked[moment] += value
        else:
            line = "--" if any(re.fullmatch(one, name) for one in dashed) else "-"
            axes.plot(
                moments, values, line, marker="o" if len(points) < 8 else "", ms=2.5, lw=1, color=colour, label=name
            )
    _thresholds(axes, settings)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))  # type: ignore[no-untyped-call]
    _finish(axes, settings.get("unit", ""), len(series))


def _thresholds(axes: Axes, settings: dict[str, Any]) -> None:
    style = settings["custom"].get("thresholdsStyle", {}).get("mode")
    steps = [(step["value"], step["color"]) for step in settings["thresholds"]["steps"]]
    if style == "line":
        for value, colour in steps[1:]:
            axes.axhline(value, color=NAMED.get(colour, colour), lw=0.8)
    if style == "area":
        low, high = axes.get_ylim()
        ends = [value for value, _ in steps[1:]] + [high]
        for (value, colour), end in zip(steps, ends, strict=True):
            start = max(low, low if value is None else value)
            if start < min(end, high):
                axes.axhspan(start, min(end, high), color=NAMED.get(colour, colour), alpha=0.12, lw=0)


def _trend(axes: Axes, panel: dict[str, Any], results: Sequence[tuple[list[str], Rows]]) -> None:
    names, rows = results[0]
    axes.plot([row[0] for row in rows], [float(row[1]) for row in rows], "o-", ms=3, color=PALETTE[2], label=names[1])
    axes.set_xlabel("hours", fontsize=7)
    axes.set_ylim(bottom=0)
    _finish(axes, panel["fieldConfig"]["defaults"].get("unit", ""), 1)


def _geomap(axes: Axes, _: dict[str, Any], results: Sequence[tuple[list[str], Rows]]) -> None:
    rows = results[0][1]
    dots = axes.scatter(
        [row[2] for row in rows], [row[1] for row in rows], c=[row[3] for row in rows], cmap="RdYlBu_r", s=40
    )
    for name, lat, lon, temp, _ in rows:
        axes.annotate(f"{name} {temp:.1f}°", (lon, lat), xytext=(5, 2), textcoords="offset points", fontsize=7)
    axes.margins(0.2)
    axes.figure.colorbar(dots, ax=axes)  # type: ignore[union-attr]
    axes.tick_params(labelsize=7)


def _finish(axes: Axes, unit: str, series: int) -> None:
    axes.set_ylabel(UNITS.get(unit, unit).strip(), fontsize=7)
    axes.tick_params(labelsize=7)
    axes.grid(visible=True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=6, ncols=min(series, 5), loc="upper center", bbox_to_anchor=(0.5, -0.08), frameon=False)


KINDS = {
    "stat": _stat,
    "bargauge": _bar_gauge,
    "table": _table,
    "timeseries": _time_series,
    "trend": _trend,
    "geomap": _geomap,
}

if __name__ == "__main__":
    address = sys.argv[2] if len(sys.argv) > 2 else os.environ["DESTINATION__POSTGRES__CREDENTIALS"]
    draw(address).savefig(sys.argv[1])

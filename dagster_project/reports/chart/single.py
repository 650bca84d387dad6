"""Charts of a few locations: a row for each, with temperature and fine particles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_project.reports.chart.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    WHO_PM2_5,
    date_axis,
    label,
    margins,
    nothing_yet,
    tidy,
)
from dagster_project.reports.queries import LocationWeather, Series, Weather

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure


def draw_single(figure: SubFigure, weather: Weather) -> None:
    """Draw a row of two charts for each location.

    Args:
        figure: the part of the figure to draw into.
        weather: at most ``MAX_SINGLE_CHARTS`` locations.
    """
    rows = max(len(weather.locations), 1)
    grid = figure.subplots(rows, 2, squeeze=False, sharex="col", width_ratios=[3, 2])
    margins(figure, left=0.6, right=0.15, top=0.5, bottom=0.45, wspace=0.17, hspace=0.4)
    for number, location in enumerate(weather.locations):
        temperature, air = grid[number]
        _temperature(temperature, location, weather)
        _particles(air, location, first=number == 0)
    if not weather.locations:
        for axes, title in zip(grid[0], ("Temperature", "Fine particles PM2.5"), strict=True):
            tidy(axes, title)
            nothing_yet(axes)
        return
    handles: dict[str, Any] = {}
    for axes in grid[:, 0]:
        handles |= {text: line for line, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    if handles:
        figure.legend(
            handles.values(),
            handles.keys(),
            loc="upper left",
            ncols=3,
            fontsize=8,
            frameon=False,
            bbox_to_anchor=(0.05, 1),
        )
    ahead = [location.forecast[-1][0] for location in weather.locations if location.forecast]
    for axes, end in zip(grid[-1], (max([weather.now, *ahead]), weather.now), strict=True):
        axes.set_xlim(weather.since, end)
        axes.set_xlabel("day, UTC")
        date_axis(axes)


def _temperature(axes: Axes, location: LocationWeather, weather: Weather) -> None:
    off = [abs(error.forecast - error.observed) for error in location.errors]
    told = f"; a day ahead {sum(off) / len(off):.1f} °C off" if off else ""
    newest = f": {location.temperature[-1][1]:.1f} °C" if location.temperature else ""
    tidy(axes, f"{label(location.name)}{newest}{told}")
    axes.set_ylabel("°C")
    axes.grid(visible=True, axis="y", alpha=0.3)
    if not (location.temperature or location.forecast or location.day_ahead_forecast):
        nothing_yet(axes, "no rows", dated=True)
        return
    _line(axes, location.temperature, color=BLUE, label="observed", linewidth=1.6)
    _line(axes, location.day_ahead_forecast, color=ORANGE, label="forecast a day before", marker="o", linewidth=0)
    _line(axes, location.forecast, color=ORANGE, label="newest forecast", linestyle="--", linewidth=1.2)
    axes.axvline(weather.now, color=GREY, linewidth=0.8)  # type: ignore[arg-type]


def _particles(axes: Axes, location: LocationWeather, *, first: bool) -> None:
    newest = f": {location.pm2_5[-1][1]:.0f} µg/m³" if location.pm2_5 else ""
    guideline = "; dotted: WHO's guideline for 24 hours" if first else ""
    tidy(axes, f"PM2.5{newest}{guideline}")
    axes.set_ylabel("µg/m³")
    if not location.pm2_5:
        nothing_yet(axes, "no rows", dated=True)
        return
    _line(axes, location.pm2_5, color=GREEN, linewidth=1.2)
    moments, values = zip(*location.pm2_5, strict=True)
    axes.fill_between(moments, values, color=GREEN, alpha=0.15, linewidth=0)
    axes.axhline(WHO_PM2_5, color=GREY, linewidth=1, linestyle=":")
    axes.set_ylim(bottom=0)


def _line(axes: Axes, series: Series, **style: object) -> None:
    if not series:
        return
    moments, values = zip(*series, strict=True)
    if len(series) == 1:
        style |= {"marker": "o"}
    axes.plot(moments, values, markersize=3, **style)  # type: ignore[arg-type]

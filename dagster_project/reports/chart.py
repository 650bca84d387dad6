"""Chart of the weather: temperature, fine particles, and the error of the day-ahead forecast."""

from __future__ import annotations

import html
from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING

from dagster_project.reports.queries import Series, Weather
from dlt_sources.weather.common.errors import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette for colour-blind readers, without yellow, which fades on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
# the World Health Organization's guideline for 24 hours, 2021, µg/m³
WHO_PM2_5 = 15
ATTRIBUTION = "Weather data provided by OpenWeather (openweathermap.org), ODbL"

SIMULATED = "The weather of the demo is simulated, not observed"


def draw(weather: Weather) -> bytes:
    """Return the chart as a PNG of 1000 by 1000 pixels."""
    # imported here since definitions must load fast
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    figure = Figure(figsize=(10, 10), dpi=100, layout="constrained")
    temperature, air, forecast = figure.subplots(3, 1, height_ratios=[3, 2, 2])
    shown = len(weather.locations)
    some = f"{shown} of " if shown < weather.all_locations else ""
    number = f"{some}{counted(weather.all_locations, 'place')}"
    kind = "Simulated weather" if weather.simulated else "Weather"
    figure.suptitle(f"{kind} of {number}, {weather.since:%Y-%m-%d} to {weather.now:%Y-%m-%d %H:%M} UTC", fontsize=14)
    figure.supxlabel(_attribution(weather), fontsize=8, color="grey")
    for location, colour in zip(weather.locations, COLOURS, strict=False):
        _line(temperature, location.temperature, colour, location.name)
        _line(temperature, location.forecast, colour, "" if location.temperature else location.name, dashed=True)
        _line(air, location.pm2_5, colour, location.name)
        errors = location.errors
        if errors:
            moments, differences = zip(*((error.dt, error.forecast - error.observed) for error in errors), strict=True)
            forecast.plot(moments, differences, "o-", color=colour, markersize=3)
    temperature.axvline(weather.now, color="grey", linewidth=0.8)
    temperature.set(ylabel="°C", title="Temperature: observed, and forecast (dashed)")
    air.axhline(WHO_PM2_5, color="grey", linewidth=0.8, linestyle=":")
    air.set(ylabel="µg/m³", title="Fine particles PM2.5; dotted: WHO's guideline for 24 hours")
    forecast.axhline(0, color="grey", linewidth=0.8)
    forecast.set(ylabel="°C too warm", title=f"Day-ahead forecast minus observation: {describe_errors(weather)}")
    for axes in (temperature, air, forecast):
        axes.title.set(horizontalalignment="left", position=(0, 1))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, axis="y", alpha=0.3)
        if _dated(axes):
            locator = AutoDateLocator()  # type: ignore[no-untyped-call]
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        else:
            axes.set_xticks([])
            axes.text(0.5, 0.6, "nothing yet", transform=axes.transAxes, ha="center", color="grey")
    full, small = BytesIO(), BytesIO()
    figure.savefig(full, format="png")
    # Dagster's records store it every hour; a palette reduces it to a fifth
    Image.open(full).convert("P", palette=Image.Palette.ADAPTIVE, colors=48).save(small, "png", optimize=True)
    return small.getvalue()


def describe_errors(weather: Weather) -> str:
    """Return the mean absolute error of the day-ahead forecasts in words."""
    off = [abs(error.forecast - error.observed) for location in weather.locations for error in location.errors]
    return f"{sum(off) / len(off):.1f} °C off on average ({len(off)} of them)" if off else "none is a day old yet"


def html_page(weather: Weather, png: bytes) -> str:
    """Return an HTML page with the chart and the newest values of each location."""
    rows = "".join(
        f"<tr><td>{html.escape(location.name)}<td>{_newest(location.temperature)}<td>{_newest(location.pm2_5)}</tr>"
        for location in weather.locations
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Weather</title>'
        "<style>body{font-family:sans-serif;max-width:1000px;margin:auto} td,th{padding:.2em 1em}</style>"
        '<img style="max-width:100%" alt="Temperature, fine particles, and errors of the forecast" '
        f'src="data:image/png;base64,{b64encode(png).decode()}">'
        f"<table><tr><th>Place</th><th>Temperature, °C</th><th>PM2.5, µg/m³</th></tr>{rows}</table>"
        f"<p>{html.escape(_attribution(weather))}</p></html>\n"
    )


def markdown_image(png: bytes) -> str:
    """Return the chart as a Markdown image with the data inside."""
    return f"![the weather](data:image/png;base64,{b64encode(png).decode()})"


def _attribution(weather: Weather) -> str:
    return SIMULATED if weather.simulated else ATTRIBUTION


def _line(axes: Axes, series: Series, colour: str, label: str, *, dashed: bool = False) -> None:
    if not series:
        return
    moments, values = [moment for moment, _ in series], [value for _, value in series]
    style = "--" if dashed else "o-" if len(series) == 1 else "-"
    axes.plot(moments, values, style, color=colour, linewidth=1.4, markersize=4)  # type: ignore[arg-type]
    if label:
        name = label if len(label) <= 24 else f"{label[:23]}…"
        axes.annotate(
            name.replace("$", r"\$"),
            (moments[-1], values[-1]),
            xytext=(4, 0),
            textcoords="offset points",
            color=colour,
            fontsize=8,
            va="center",
        )


def _dated(axes: Axes) -> bool:
    """Return whether anything but a reference line is drawn."""
    return any(line.get_linewidth() > 1 for line in axes.lines)


def _newest(series: Series) -> str:
    return f"{series[-1][1]:.1f} ({series[-1][0]:%m-%d %H:%M})" if series else "-"

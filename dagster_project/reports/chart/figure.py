"""The chart as a whole: its size, title, parts and bytes."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from dagster_project.reports.chart.health import draw_lags, draw_rejects
from dagster_project.reports.chart.many import draw_many
from dagster_project.reports.chart.single import draw_single
from dagster_project.reports.chart.style import ATTRIBUTION, SIMULATED, margins
from dagster_project.reports.queries import MAX_SINGLE_CHARTS, Weather
from dlt_sources.weather.common.errors import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, DPI = 10.0, 100
# heights in inches: title, footer, lags and rejects, the maps and curves of many, the lowest and highest row of one
TITLE, FOOTER, HEALTH, MANY, LOWEST, HIGHEST = 0.4, 0.3, 1.9, 8.8, 1.35, 2.6
# of all rows of a few locations
ROWS = 7.0
COLOURS = 128


def draw(weather: Weather) -> bytes:
    """Return the chart as a PNG of 1000 pixels width."""
    # imported here since definitions must load fast
    from matplotlib.figure import Figure  # noqa: PLC0415

    number = len(weather.locations)
    few = number <= MAX_SINGLE_CHARTS
    body = max(number, 1) * min(max(ROWS / max(number, 1), LOWEST), HIGHEST) if few else MANY
    heights = [TITLE, body, HEALTH, FOOTER]
    figure = Figure(figsize=(WIDTH, sum(heights)), dpi=DPI)
    title, upper, lower, footer = figure.subfigures(4, 1, height_ratios=heights)  # type: ignore[misc]
    title.text(0.5, 0.45, _title(weather), fontsize=13, ha="center", va="center")
    (draw_single if few else draw_many)(upper, weather)
    lags, rejects = lower.subplots(1, 2)
    margins(lower, left=1.35, right=0.15, top=0.35, bottom=0.45, wspace=0.2)
    draw_lags(lags, weather.health)
    draw_rejects(rejects, weather)
    footer.text(0.5, 0.5, attribution(weather), fontsize=8, color="grey", ha="center", va="center")
    if weather.simulated:
        _mark(figure)
    return _png(figure)


def _title(weather: Weather) -> str:
    number = len(weather.locations)
    some = f"{number} of " if number < weather.all_locations else ""
    kind = "Simulated weather" if weather.simulated else "Weather"
    return (
        f"{kind} of {some}{counted(weather.all_locations, 'place')}, "
        f"{weather.since:%Y-%m-%d} to {weather.now:%Y-%m-%d %H:%M} UTC"
    )


def describe_errors(weather: Weather) -> str:
    """Return the mean absolute error of the day-ahead forecasts in words."""
    off = [abs(error.forecast - error.observed) for location in weather.locations for error in location.errors]
    return f"{sum(off) / len(off):.1f} °C off on average ({len(off):,} of them)" if off else "none is a day old yet"


def attribution(weather: Weather) -> str:
    """Return the source of the data in a sentence."""
    return SIMULATED if weather.simulated else ATTRIBUTION


def _mark(figure: Figure) -> None:
    """Write across the chart that it is simulated, so that no part of it can be taken for an observation."""
    figure.text(
        0.5, 0.55, "SIMULATED", rotation=35, fontsize=80, color="black", alpha=0.07, ha="center", va="center", zorder=10
    )


def _png(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    canvas, small = FigureCanvasAgg(figure), BytesIO()
    canvas.draw()  # type: ignore[no-untyped-call]
    full = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    # Dagster's records store it every hour; a palette reduces it to a fifth
    image = full.convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    image.save(small, "png", optimize=True)
    return small.getvalue()

"""Charts of many locations: maps of colour by location and time, distributions, and the names of the outliers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dagster_project.reports.chart.style import (
    BLUE,
    GREY,
    ORANGE,
    PARTICLES,
    TEMPERATURES,
    WHO_PM2_5,
    date_axis,
    label,
    margins,
    nothing_yet,
    tidy,
)
from dagster_project.reports.queries import LocationWeather, Series, Weather
from dlt_sources.weather.common.clock import DAY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

# cells of a map: more cannot be told apart at its size
MOST_COLUMNS, MOST_ROWS = 84, 120
# two maps of so many shades fit into the palette of the PNG
SHADES = 24
SHORTEST_STEP = timedelta(hours=2)
# names that fit beside a map
MOST_NAMES = 60
OUTLIERS = 6


def draw_many(figure: SubFigure, weather: Weather) -> None:
    """Draw maps of temperature and particles, the errors of forecasts, and the outliers.

    Args:
        figure: the part of the figure to draw into.
        weather: more locations than have a chart each.
    """
    maps, curves = figure.subfigures(2, 1, height_ratios=[5, 3.4])  # type: ignore[misc]
    warm, air = maps.subplots(1, 2, sharey=True)
    margins(maps, left=1.55, right=0.1, top=0.45, bottom=0.5, wspace=0.06)
    north_first = sorted(weather.locations, key=lambda one: (-one.latitude, one.name))
    _map(warm, weather, north_first, lambda one: one.temperature, "Temperature, °C", TEMPERATURES)
    _map(air, weather, north_first, lambda one: one.pm2_5, "Fine particles PM2.5, µg/m³", PARTICLES)
    _name_rows(warm, north_first)
    (errors, furthest), (particles, dirtiest) = curves.subplots(2, 2, width_ratios=[3, 2])
    margins(curves, left=0.6, right=0.15, top=0.3, bottom=0.5, wspace=0.42, hspace=0.6)
    _errors(errors, weather)
    _bars(furthest, weather.locations, _mean_error, "Furthest off a day ahead, mean °C", ORANGE)
    _spread(particles, weather, [one.pm2_5 for one in weather.locations], BLUE)
    particles.axhline(WHO_PM2_5, color=GREY, linewidth=1, linestyle=":")
    particles.set_ylabel("µg/m³")
    tidy(particles, "PM2.5 of all places; dotted: WHO's guideline for 24 hours")
    _bars(
        dirtiest,
        weather.locations,
        lambda one: _recent(one.pm2_5, weather.now),
        "Most PM2.5, mean of 24 h, µg/m³",
        BLUE,
    )


def _map(  # noqa: PLR0917
    axes: Axes,
    weather: Weather,
    locations: Sequence[LocationWeather],
    series: Callable[[LocationWeather], Series],
    title: str,
    colours: str,
) -> None:
    import numpy as np  # noqa: PLC0415
    from matplotlib import colormaps  # noqa: PLC0415
    from matplotlib.dates import date2num  # noqa: PLC0415

    means = _means(weather, [series(one) for one in locations])
    size = -(-len(locations) // MOST_ROWS)
    together = f"; a line is the mean of {size} places" if size > 1 else ""
    tidy(axes, "")
    # not above the scale, where matplotlib would move it
    axes.set_title(title, loc="left", fontsize=9, y=1.01)
    if np.isnan(means).all():
        nothing_yet(axes)
        return
    rows = np.array([_nanmean(means[first : first + size]) for first in range(0, len(locations), size)])
    lowest, highest = np.nanpercentile(rows, (1, 99))
    image = axes.imshow(
        rows,
        aspect="auto",
        interpolation="nearest",
        cmap=colormaps[colours].resampled(SHADES),
        vmin=float(lowest),
        vmax=float(max(highest, lowest + 1)),
        extent=(float(date2num(weather.since)), float(date2num(weather.now)), len(rows) - 0.5, -0.5),  # type: ignore[no-untyped-call]
    )
    axes.xaxis_date()
    date_axis(axes)
    axes.set_xlabel(f"day, UTC; white: no row{together}")
    scale = axes.inset_axes((0.5, 1.02, 0.5, 0.025))
    axes.figure.colorbar(image, cax=scale, orientation="horizontal", extend="both")
    scale.xaxis.set_ticks_position("top")
    scale.tick_params(labelsize=7)


def _name_rows(axes: Axes, locations: Sequence[LocationWeather]) -> None:
    """Name each row, or as many as fit, with their latitudes."""
    size = -(-len(locations) // MOST_ROWS)
    rows = -(-len(locations) // size)
    step = 1 if len(locations) <= MOST_NAMES else -(-rows // 24)
    places = range(0, rows, step)
    named = [locations[min(row * size + size // 2, len(locations) - 1)] for row in places]
    axes.set_yticks(
        list(places),
        [f"{label(one.name)} {abs(one.latitude):.0f}°{'N' if one.latitude >= 0 else 'S'}" for one in named],
        fontsize=6 if rows > 40 else 7,
    )
    axes.set_ylabel("places from north to south")


def _errors(axes: Axes, weather: Weather) -> None:
    off = [[(error.dt, error.forecast - error.observed) for error in one.errors] for one in weather.locations]
    flat = [abs(value) for series in off for _, value in series]
    told = f"{sum(flat) / len(flat):.1f} °C off on average" if flat else "none is a day old yet"
    _spread(axes, weather, off, ORANGE)
    if flat:
        axes.axhline(0, color=GREY, linewidth=0.8)
        axes.set_ylabel("°C too warm")
    tidy(axes, f"Forecast of the day before minus observation: {told}")


def _spread(axes: Axes, weather: Weather, series: Sequence[Series], colour: str) -> None:
    """Draw the median of all locations and the range of four fifths of them."""
    import numpy as np  # noqa: PLC0415

    means = _means(weather, series)
    filled = ~np.isnan(means).all(axis=0)
    if not filled.any():
        nothing_yet(axes)
        return
    step = (weather.now - weather.since) / means.shape[1]
    moments: Any = [weather.since + (column + 0.5) * step for column in np.flatnonzero(filled)]
    low, middle, high = np.nanpercentile(means[:, filled], (10, 50, 90), axis=0)
    axes.fill_between(moments, low, high, color=colour, alpha=0.2, linewidth=0, label="80 % of places")
    axes.plot(moments, middle, color=colour, linewidth=1.5, label="median")
    axes.legend(loc="upper left", fontsize=7, frameon=False, ncols=2)
    axes.grid(visible=True, axis="y", alpha=0.3)
    axes.set_xlim(weather.since, weather.now)  # type: ignore[arg-type]
    axes.set_xlabel("day, UTC")
    date_axis(axes)


def _bars(
    axes: Axes,
    locations: Sequence[LocationWeather],
    measure: Callable[[LocationWeather], float | None],
    title: str,
    colour: str,
) -> None:
    """Draw the locations with the highest values of a measure as bars with names."""
    tidy(axes, title)
    values = [(value, label(one.name)) for one in locations if (value := measure(one)) is not None]
    worst = sorted(values, reverse=True)[:OUTLIERS][::-1]
    if not worst:
        nothing_yet(axes)
        return
    bars = axes.barh(range(len(worst)), [value for value, _ in worst], color=colour, height=0.6)
    axes.bar_label(bars, fmt="%.2f" if worst[-1][0] < 10 else "%.0f", fontsize=7, padding=2)
    axes.set_yticks(range(len(worst)), [name for _, name in worst], fontsize=7)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def _mean_error(location: LocationWeather) -> float | None:
    off = [abs(error.forecast - error.observed) for error in location.errors]
    return sum(off) / len(off) if off else None


def _recent(series: Series, now: datetime) -> float | None:
    values = [value for moment, value in series if moment > now - DAY]
    return sum(values) / len(values) if values else None


def _means(weather: Weather, series: Sequence[Series]) -> Any:
    """Return the means of each series in equal steps of time, as an array of series by steps; NaN without a value."""
    import numpy as np  # noqa: PLC0415

    span = (weather.now - weather.since).total_seconds()
    columns = max(min(MOST_COLUMNS, int(span / SHORTEST_STEP.total_seconds())), 1)
    sums, numbers = np.zeros((2, len(series), columns))
    begin = weather.since.timestamp()
    for row, values in enumerate(series):
        if values:
            moments = np.array([moment.timestamp() for moment, _ in values])
            places = np.clip(((moments - begin) / span * columns).astype(int), 0, columns - 1)
            np.add.at(sums[row], places, [value for _, value in values])
            np.add.at(numbers[row], places, 1)
    return np.divide(sums, numbers, out=np.full_like(sums, np.nan), where=numbers > 0)


def _nanmean(rows: Any) -> Any:
    """Return the mean of rows that may lack values, NaN where all do, without numpy's warning about it."""
    import numpy as np  # noqa: PLC0415

    numbers = (~np.isnan(rows)).sum(axis=0)
    return np.divide(np.nansum(rows, axis=0), numbers, out=np.full(rows.shape[1], np.nan), where=numbers > 0)

"""The lower part of the chart: how old the newest rows are, and what was rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_project.reports.chart.style import BLUE, GREY, ORANGE, date_axis, label, nothing_yet, tidy
from dagster_project.reports.health import Health
from dagster_project.reports.queries import Weather

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TICKS = (0, 1, 2, 4, 8, 24, 72, 168, 720, 8760)
# an oldest row is named if it is so many hours older than the median
NAMED_FROM = 2
STEPS = 84


def draw_lags(axes: Axes, health: Health) -> None:
    """Draw the age of the newest rows by table: the median of the locations, and the oldest by name."""
    tidy(axes, "Age of the newest rows, hours: median, and oldest place")
    if not health.lags:
        nothing_yet(axes)
        return
    lags = health.lags[::-1]
    for row, lag in enumerate(lags):
        axes.plot([lag.median, lag.longest], [row, row], color=GREY, linewidth=1)
        axes.plot(lag.median, row, "o", color=BLUE, markersize=5)
        if lag.longest - lag.median >= NAMED_FROM:
            axes.plot(lag.longest, row, "^", color=ORANGE, markersize=6)
            axes.annotate(
                f"{label(lag.name)} {lag.longest:.0f} h",
                (lag.longest, row),
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                color=ORANGE,
            )
    longest = max(lag.longest for lag in lags)
    axes.set_xscale("symlog", linthresh=1)
    ticks = [tick for tick in TICKS if tick <= 2 * max(longest, 4)]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(-0.2, max(longest, 4) * 1.8)
    axes.set_ylim(-0.6, len(lags) - 0.2)
    axes.set_yticks(range(len(lags)), [lag.table for lag in lags], fontsize=7)
    axes.grid(visible=True, axis="x", alpha=0.3)


def draw_rejects(axes: Axes, weather: Weather) -> None:
    """Draw the rejected rows over time, with the commonest causes."""
    loads = weather.health.loads
    fetched, rejected = sum(load.fetched for load in loads), sum(load.rejected for load in loads)
    if not rejected:
        tidy(axes, f"Rejected: none of {fetched:,} rows")
        nothing_yet(axes, "none" if loads else "nothing yet")
        return
    # a request that failed counts as a row fetched
    share = f"{rejected / fetched:.1%}" if rejected >= fetched / 1000 else "less than 0.1%"
    tidy(axes, f"Rejected: {rejected:,} of {fetched:,} rows ({share})")
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - definitions must load fast

    step = (weather.now - weather.since) / STEPS
    bins: dict[int, int] = {}
    for load in loads:
        column = min(int((load.at - weather.since) / step), STEPS - 1)
        bins[column] = bins.get(column, 0) + load.rejected
    shown = sorted((column, number) for column, number in bins.items() if number)
    axes.bar(
        [weather.since + (column + 0.5) * step for column, _ in shown],  # type: ignore[arg-type]
        [number for _, number in shown],
        width=step,  # type: ignore[arg-type]
        color=ORANGE,
    )
    axes.set_xlim(weather.since, weather.now)  # type: ignore[arg-type]
    axes.set_ylim(0, 1.3 * max(number for _, number in shown))
    axes.set_ylabel("rows")
    axes.set_xlabel("day, UTC")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    date_axis(axes)
    causes = "; ".join(f"{cause} ({number:,})" for cause, number in weather.health.causes)
    axes.text(0.01, 0.97, causes, transform=axes.transAxes, fontsize=7, va="top")

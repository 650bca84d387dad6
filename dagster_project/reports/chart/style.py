"""Colours, axes and texts that all parts of the chart share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

# Okabe and Ito's palette, which colour-blind readers can tell apart (jfly.uni-koeln.de/color)
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
# perceptually uniform, and legible in grey
TEMPERATURES, PARTICLES = "viridis", "magma_r"
# the World Health Organization's guideline for 24 hours, 2021, µg/m³
WHO_PM2_5 = 15
ATTRIBUTION = "Weather data provided by OpenWeather (openweathermap.org), ODbL"
SIMULATED = "This weather is simulated, not observed"
LONGEST_NAME = 24


def label(name: str) -> str:
    """Return a name as it can be drawn: on one line, short, without what matplotlib reads as a formula."""
    text = " ".join(name.split())
    text = text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"
    return text.replace("$", r"\$")


def tidy(axes: Axes, title: str) -> None:
    """Set a title on the left, and remove lines that carry no data."""
    axes.set_title(title, loc="left", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)


def date_axis(axes: Axes) -> None:
    """Label an axis of time by day and hour, UTC."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415 - definitions must load fast

    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))  # type: ignore[no-untyped-call]


def nothing_yet(axes: Axes, text: str = "nothing yet", *, dated: bool = False) -> None:
    """Say in an empty chart that there is nothing to draw.

    Args:
        axes: the chart.
        text: the words.
        dated: whether it keeps its axis of time, which it shares with other charts.
    """
    axes.tick_params(left=False, labelleft=False)
    if not dated:
        axes.tick_params(bottom=False, labelbottom=False)
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY, fontsize=9)


def margins(figure: SubFigure, left: float, right: float, top: float, bottom: float, **gaps: float) -> None:
    """Place the axes of a part of the figure; a layout engine would take as long as the drawing itself.

    Args:
        figure: the part.
        left: margin in inches, and so the others.
        right: margin.
        top: margin.
        bottom: margin.
        **gaps: ``wspace`` and ``hspace``, as shares of the axes' mean width and height.
    """
    width, height = figure.bbox.width / figure.dpi, figure.bbox.height / figure.dpi
    figure.subplots_adjust(
        left=left / width, right=1 - right / width, top=1 - top / height, bottom=bottom / height, **gaps
    )

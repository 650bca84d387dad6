"""The chart as an HTML page, with the newest values of each location, and as a Markdown image."""

from __future__ import annotations

import html
from base64 import b64encode

from dagster_project.reports.chart.figure import attribution
from dagster_project.reports.queries import Series, Weather


def html_page(weather: Weather, png: bytes) -> str:
    """Return an HTML page with the chart and the newest values of each location."""
    rows = "".join(
        f"<tr><td>{html.escape(location.name)}<td>{_newest(location.temperature)}<td>{_newest(location.pm2_5)}</tr>"
        for location in weather.locations
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Weather</title>'
        "<style>body{font-family:sans-serif;max-width:1000px;margin:auto} td,th{padding:.2em 1em}</style>"
        '<img style="max-width:100%" alt="Temperature, fine particles, errors of the forecast, lag and rejects" '
        f'src="data:image/png;base64,{b64encode(png).decode()}">'
        f"<table><tr><th>Place</th><th>Temperature, °C (UTC)</th><th>PM2.5, µg/m³ (UTC)</th></tr>{rows}</table>"
        f"<p>{html.escape(attribution(weather))}</p></html>\n"
    )


def markdown_image(png: bytes) -> str:
    """Return the chart as a Markdown image with the data inside."""
    return f"![the weather](data:image/png;base64,{b64encode(png).decode()})"


def _newest(series: Series) -> str:
    return f"{series[-1][1]:.1f} ({series[-1][0]:%m-%d %H:%M})" if series else "-"

"""Chart of the weather as a PNG and an HTML page: a row for each of a few locations, maps of colour for many.

Imports ``reports.queries``.
"""

from dagster_project.reports.chart.figure import describe_errors, draw
from dagster_project.reports.chart.page import html_page, markdown_image

__all__ = ["describe_errors", "draw", "html_page", "markdown_image"]

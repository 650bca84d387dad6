"""Settings of the reports, resolved as dlt resolves configuration: ``[report]``, or ``REPORT__FOLDER`` and so on.

A metrics file suits node_exporter's textfile collector; a push gateway suits short-lived runs, such as pods.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration

from dagster_project.common.environment import is_demo
from dlt_sources.weather.common.configuration import resolve_settings


@configspec
class ReportSettings(BaseConfiguration):
    """Folder of the chart and its page, number of days shown, and the optional destinations of the metrics."""

    folder: str = "weather_report"
    days: int = 7
    metrics_textfile: str | None = None
    metrics_pushgateway: str | None = None

    __recommended_sections__: ClassVar[tuple[str, ...]] = ("report",)


def report_settings() -> ReportSettings:
    """Return the settings; the demo's folder gets the suffix ``_demo``."""
    settings = resolve_settings(ReportSettings(), ("report",))
    if is_demo():
        settings.folder = str(Path(settings.folder).with_name(f"{Path(settings.folder).name}_demo"))
    return settings

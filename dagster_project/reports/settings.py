"""Where reports and metrics go, resolved as dlt resolves configuration: ``[report]``, or ``REPORT__FOLDER`` ….

A metrics file suits node_exporter's textfile collector; a push gateway suits runs that are pods and soon gone.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.specs import BaseConfiguration

from dagster_project.common.environment import is_demo


@configspec
class ReportSettings(BaseConfiguration):
    """The settings: the folder of the picture and its page, the days it shows, and where metrics go, if anywhere."""

    folder: str = "weather_report"
    days: int = 7
    metrics_textfile: str | None = None
    metrics_pushgateway: str | None = None

    __recommended_sections__: ClassVar[tuple[str, ...]] = ("report",)


def report_settings() -> ReportSettings:
    """Resolve the settings; the demo's report has a folder of its own."""
    settings = resolve_configuration(ReportSettings(), sections=("report",))
    if is_demo():
        settings.folder = str(Path(settings.folder).with_name(f"{Path(settings.folder).name}_demo"))
    return settings

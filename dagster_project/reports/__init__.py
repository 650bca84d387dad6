"""Reports read from bronze: the weather as a chart, and the newest loads as numbers and Prometheus metrics.

Imports ``assets``, ``common`` and ``dlt_sources.weather``.
"""

from dagster_project.reports.assets import load_runs_report, weather_report

__all__ = ["load_runs_report", "weather_report"]

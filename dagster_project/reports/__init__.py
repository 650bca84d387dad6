"""Reports drawn from bronze: the weather as a picture, and how the loads went as numbers, a plot and metrics."""

from dagster_project.reports.assets import load_runs_report, weather_report

__all__ = ["load_runs_report", "weather_report"]

"""Dagster's wiring of the weather pipeline: assets, checks, schedules, sensors, alerts and reports.

Everything is listed in ``definitions``. The loading itself is ``dlt_sources.weather``, which imports nothing from here.
"""

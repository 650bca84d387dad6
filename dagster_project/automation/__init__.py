"""Automation: schedules and the sensor for new locations start runs, the retention job deletes old ones.

Imports ``assets``, ``common`` and ``dlt_sources.weather``.
"""

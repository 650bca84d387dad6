"""Checks of the load report: calls of the month, packages that are set aside, space on disk, backups.

Imports ``checks`` and ``dlt_sources.weather``.
"""

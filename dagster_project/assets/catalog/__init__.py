"""What Dagster's catalog shows of a table: columns, where each comes from, the table's address, its source lines.

Imports ``common`` and ``dlt_sources.weather``.
"""

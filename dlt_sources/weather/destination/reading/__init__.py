"""Reading of destinations that do not speak the SQL of DuckDB and PostgreSQL, or that have files and no SQL.

Imports ``capabilities``, ``contracts`` and ``common`` only.
"""

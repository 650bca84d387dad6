"""Database access: connections, queries, the writer lock, maintenance of PostgreSQL and DuckDB.

Imports ``contracts`` and ``common`` only; calls no API.
"""

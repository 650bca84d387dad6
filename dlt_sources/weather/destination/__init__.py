"""The database: connections, queries, the writer lock, upkeep of PostgreSQL and DuckDB.

Imports ``contracts`` and ``common`` only; makes no call to the API.
"""

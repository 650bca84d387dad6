"""Databases whose rows are read and deleted chunk by chunk: DuckDB and PostgreSQL.

May import the other modules of ``retention`` but ``prune``, and what these may import.
"""

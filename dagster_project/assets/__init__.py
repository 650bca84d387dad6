"""The bronze assets: one for each dlt resource, and one for backfills, materialised through dagster-dlt.

Imports ``common`` and ``dlt_sources.weather``.
"""

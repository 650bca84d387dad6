"""The bronze assets: one a dlt resource, materialized through dagster-dlt.

Imports ``instance``, ``common`` and ``dlt_sources.weather``.
"""

"""Asset checks of the bronze tables: their definitions, queries and watermarks.

Imports ``assets``, ``common`` and ``dlt_sources.weather``.
"""

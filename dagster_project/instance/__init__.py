"""The Dagster instance: storage, run launcher and logs that ``dagster.yaml`` names.

Imports ``common`` only.
"""

"""Environment, failures and clock, which every folder uses.

Imports ``dlt_sources.weather`` only.
"""

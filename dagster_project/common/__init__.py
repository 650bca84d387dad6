"""Code that every folder uses: the environment, failures, the clock, and the error for moved modules.

Imports ``dlt_sources.weather`` only.
"""

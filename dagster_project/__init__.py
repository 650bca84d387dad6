"""The weather pipeline under Dagster: assets, schedule, checks. Wiring only; the loading is ``dlt_sources.weather``."""

"""Accounts of a run: what was fetched is loaded or rejected, by the run's counts and by dlt's."""

from __future__ import annotations

from collections import Counter

from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS
from dlt_sources.weather.extract.run import Run


def check_accounts(run: Run, loaded: Counter[str]) -> None:
    """Compare the run's counts with dlt's.

    Args:
        run: the run, with the counts of each resource.
        loaded: rows by table, as dlt counted them.

    Raises:
        RuntimeError: a row is unaccounted for, which is an error in this source.
    """
    for name, metrics in run.metrics_by_resource.items():
        tables = (LOCATIONS,) if name == LOCATIONS else BY_NAME[name].tables
        written = sum(loaded[table] for table in tables)
        if not metrics.rows_fetched == metrics.rows_loaded + metrics.rows_rejected == written + metrics.rows_rejected:
            raise RuntimeError(
                f"{name}: fetched {metrics.rows_fetched}, loaded {metrics.rows_loaded} (dlt wrote {written}), rejected "
                f"{metrics.rows_rejected}: they do not add up."
            )

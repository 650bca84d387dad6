"""Pytest plugin for the project's markers: set from fixtures, held to by a guard, and run on request.

- ``db`` follows from the fixtures of the databases: PostgreSQL, a DuckDB file, the records of a Dagster instance.
- ``process`` is written at the test; a test without it that starts a process fails.
- ``slow`` and ``browser`` run only where ``-m`` names them, whatever else it selects.
"""

from __future__ import annotations

import multiprocessing.process
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

ON_REQUEST = ("slow", "browser")
# a test that asks for one of these, or has it as a parameter, needs a database
DATABASES = {"duckdb", "postgres", "postgres_template", "instance", "environment"}
# what these hold is hardly the database's: with PostgreSQL they are slow, with DuckDB they always run
ANY_DATABASE = {
    "tests.weather.cli.test_cli",
    "tests.weather.convert.test_recorded_shapes",
    "tests.weather.convert.test_schema_evolution",
    "tests.weather.extract.test_alerts",
    "tests.weather.extract.test_incremental",
    "tests.weather.extract.test_location_step",
    "tests.weather.extract.test_order",
    "tests.weather.extract.requests.test_history_after_kills",
    "tests.weather.extract.requests.test_weather_history",
    "tests.weather.pipeline.test_budgets",
    "tests.weather.pipeline.test_dlt_directory",
    "tests.weather.pipeline.test_load_run_states",
    "tests.weather.pipeline.test_other_addresses",
    "tests.weather.pipeline.test_paid_products",
    "tests.weather.status.test_budget",
    "tests.weather.status.test_late",
    "tests.weather.status.test_repeats",
    "tests.dagster_project.alerts.sources.test_run_events",
    "tests.dagster_project.alerts.test_sensor",
    "tests.dagster_project.assets.test_dagster_dlt",
    "tests.dagster_project.automation.test_catch_up",
    "tests.dagster_project.checks.test_gaps",
    "tests.dagster_project.reports.test_weather_report",
}
# tests of these modules whose columns and SQL the database decides: they run on both
OF_THE_DATABASE = {
    "test_columns_have_the_types_of_their_contracts_and_every_row_its_load",
    "test_a_new_field_is_announced_once_and_kept_from_then_on",
    "test_a_missing_hour_or_day_of_weather_is_found_although_the_noon_of_a_place_moves",
}


class _Running:
    """The test that this process is running, and whether it may start processes meanwhile."""

    item: pytest.Item | None = None
    may_start = False


def pytest_configure() -> None:
    """Have processes refused that a test starts without its marker."""
    for owner, name in ((subprocess.Popen, "__init__"), (multiprocessing.process.BaseProcess, "start")):
        setattr(owner, name, _guarded(getattr(owner, name)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a database, and leave out what nobody asked for."""
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        asked = {*getattr(item, "fixturenames", ()), *(one for one in parameters.values() if isinstance(one, str))}
        if asked & DATABASES:
            item.add_marker("db")
        module, name = item.nodeid.split(".py")[0].replace("/", "."), getattr(item, "originalname", item.name)
        if "postgres" in parameters.values() and module in ANY_DATABASE and name not in OF_THE_DATABASE:
            item.add_marker("slow")
    left_out = [name for name in ON_REQUEST if not re.search(rf"\b({name}|ci)\b", config.option.markexpr)]
    unasked = [item for item in items if any(item.get_closest_marker(name) for name in left_out)]
    if unasked:
        config.hook.pytest_deselected(items=unasked)
        items[:] = [item for item in items if item not in set(unasked)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Know which test runs."""
    _Running.item = item
    try:
        return (yield)
    finally:
        _Running.item = None


def require_database_marker() -> None:
    """Fail a test that starts a database server and is not marked for one."""
    if _Running.item is not None and not _Running.item.get_closest_marker("db"):
        pytest.fail("a database server without the marker db: ask for one by its fixture")


@contextmanager
def unguarded() -> Iterator[None]:
    """Let processes start that are no part of the test: the programs of a database server, a probe of a library."""
    _Running.may_start = True
    try:
        yield
    finally:
        _Running.may_start = False


def _guarded(start: Callable[..., None]) -> Callable[..., None]:
    def guarded(*args: Any, **kwargs: Any) -> None:
        marked = _Running.item is None or any(map(_Running.item.get_closest_marker, ("process", "browser")))
        if not marked and not _Running.may_start and not _importing():
            pytest.fail("a process started without the marker process")
        start(*args, **kwargs)

    return guarded


def _importing() -> bool:
    """Whether a module is being imported: some look at the machine by its programs."""
    frame = sys._getframe()
    while frame is not None and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back  # type: ignore[assignment]
    return frame is not None

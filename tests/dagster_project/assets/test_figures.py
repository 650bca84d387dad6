"""Figures of a table in the metadata of a materialisation."""

import logging
from types import SimpleNamespace

import pytest

from dagster_project.assets.catalog import figures
from dlt_sources.weather.contracts import CurrentWeather
from dlt_sources.weather.status import tables
from tests.helpers.support import load_accounted

pytestmark = pytest.mark.db
CONTEXT = SimpleNamespace(log=logging.getLogger("figures"))
CONTRACTS = {"current_weather": CurrentWeather}


def test_the_rows_of_a_large_table_are_not_compared_with_its_estimate(duckdb, settings, clock, monkeypatch):
    load_accounted(duckdb, settings(resources=["current_weather"]), clock)
    before = figures.row_counts(CONTEXT, duckdb, CONTRACTS)
    assert figures.table_figures(CONTEXT, duckdb, CONTRACTS, before)["current_weather"]["rows_new"] == 0
    # it became large with this load
    monkeypatch.setattr(tables, "LARGE", 0)
    assert "rows_new" not in figures.table_figures(CONTEXT, duckdb, CONTRACTS, before)["current_weather"]
    assert figures.row_counts(CONTEXT, duckdb, CONTRACTS) == {}

"""Failures for the user: what to do follows from what went wrong."""

from dagster_project.common.failures import TO_DO, failure
from dlt_sources.weather.common.errors import IncompleteError, UnreachableError


def test_the_advice_of_an_unreachable_api_is_about_the_network_and_of_rejects_about_their_table():
    unreachable = failure(UnreachableError("OpenWeather cannot be reached: no connection."))
    assert unreachable.metadata[TO_DO].value.startswith("Repair the network, DNS, TLS or proxy")
    incomplete = failure(IncompleteError("forecast: 2 of 2 requests failed."))
    assert incomplete.metadata[TO_DO].value.startswith("Look at the rejects table")

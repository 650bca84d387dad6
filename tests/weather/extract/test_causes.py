"""Everywhere a failure is told, it is told with its commonest cause and how often that occurred."""

from __future__ import annotations

import ssl
from types import SimpleNamespace

import aiohttp
import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.api.sending import sender
from dlt_sources.weather.api.transport import Transport, describe
from dlt_sources.weather.common.errors import IncompleteError
from tests.helpers.command import run
from tests.helpers.support import load_accounted, query
from tests.weather.extract.series import AIR, CURRENT, HISTORY, MADRID, OSLO, TOKYO, lat

UNTRUSTED = "certificate verify failed: self-signed certificate"


@pytest.fixture
def untrusted(monkeypatch):
    """Let every connection fail as a certificate that nobody trusts does."""

    async def fail(_transport, request):
        error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED]")
        error.verify_message = "self-signed certificate"
        message = describe(
            aiohttp.ClientConnectorCertificateError(SimpleNamespace(host="a", port=1, is_ssl=True), error)
        )
        return sender.Failure(request, "connection", message)

    monkeypatch.setattr(Transport, "call", fail)


@pytest.mark.usefixtures("untrusted")
def test_one_cause_of_all_failures_is_told_once_with_its_count(duckdb, settings, clock):
    choice = settings(resources=["current_weather", "forecast"], locations=[MADRID, OSLO], attempts=1)
    report = load_accounted(duckdb, choice, clock)
    assert isinstance(report.error, IncompleteError)
    assert str(report.error).startswith(f"current_weather, forecast: 4 of 4 requests failed: {UNTRUSTED} (4).")
    assert (report.error.cause, report.error.cause_count) == (UNTRUSTED, 4)
    assert "next run asks again" in str(report.error)
    errors = dict(query(duckdb, "SELECT resource, error FROM load_runs"))
    assert errors["forecast"] == f"2 of 2 requests failed: {UNTRUSTED} (2)"
    assert report.metrics_by_resource["forecast"].commonest_cause == (UNTRUSTED, 2)


def test_the_rest_is_said_to_be_loaded_only_if_something_was(duckdb, settings, clock, simulator):
    choice = settings(resources=["current_weather"], locations=["Madrid,ES", "Oslo,NO"], attempts=1)
    simulator.inject(Fault(path="/geo/1.0/direct", status=503))
    report = load_accounted(duckdb, choice, clock)
    assert "2 of 2 requests failed: HTTP 503 (2)" in str(report.error)
    assert "loaded" not in str(report.error)
    simulator.clear_faults()
    simulator.inject(Fault(path=CURRENT, status=500))
    report = load_accounted(duckdb, choice, clock)
    assert "current_weather: 2 of 2 requests failed: Internal error" in str(report.error)
    assert "The rest is loaded." in str(report.error)


def test_places_that_nobody_knows_are_to_be_corrected_and_nothing_counts_as_loaded(duckdb, settings, clock):
    choice = settings(resources=["current_weather"], locations=["Nowhere-at-all,XX", "Nor-here,XX"])
    said = str(load_accounted(duckdb, choice, clock).error)
    assert "2 of 2 requests failed: The geocoder knows no such place (2). Correct these places" in said
    assert "next run" not in said
    states = dict(query(duckdb, "SELECT resource, status FROM load_runs"))
    assert states == {"locations": "partial", "current_weather": "not_reached"}


def test_causes_that_differ_are_told_by_resource(duckdb, settings, clock, simulator):
    simulator.inject(Fault(path=CURRENT, status=404))
    simulator.inject(Fault(path="/data/2.5/forecast", body=b"<html>"))
    choice = settings(resources=["current_weather", "forecast"], locations=[MADRID, OSLO], attempts=1)
    said = str(load_accounted(duckdb, choice, clock).error)
    assert "current_weather: 2 of 2 requests failed: city not found (2)" in said
    assert "forecast: 2 of 2 requests failed: The answer is not JSON (2)" in said


def test_the_console_names_the_commonest_cause_of_what_is_rejected(api, simulator, duckdb):
    simulator.inject(Fault(path=CURRENT, where={"lat": lat(OSLO)}, status=404))
    places = [option for place in (MADRID, OSLO, TOKYO) for option in ("--location", place)]
    finished = run("--resources", "current_weather", *places, api=api)
    assert finished.code == 0, finished.said
    assert "1 rejected: city not found (current_weather of " in finished.err
    assert query(duckdb, "SELECT error FROM load_runs WHERE resource = 'current_weather'") == [
        ("1 of 3 requests failed: city not found (1)",)
    ]


def test_one_location_that_always_fails_is_not_most_of_those_that_are_up_to_date(duckdb, settings, clock, simulator):
    simulator.inject(Fault(path=HISTORY, where={"lat": lat(OSLO)}, status=404))
    choice = settings(resources=AIR, locations=[MADRID, OSLO, TOKYO])
    for _ in range(2):
        report = load_accounted(duckdb, choice, clock)
        assert report.error is None
        assert report.metrics_by_resource["air_pollution"].requests_failed == 1
    assert report.metrics_by_resource["air_pollution"].requests == 1


def test_a_run_of_a_few_chosen_locations_is_judged_by_the_whole_list(duckdb, settings, clock, simulator):
    simulator.inject(Fault(path=CURRENT, where={"lat": lat(OSLO)}, status=500))
    simulator.inject(Fault(path="/geo/1.0/direct", status=503))
    listed = {"resources": ["current_weather"], "locations": [MADRID, OSLO, TOKYO, "Rome,IT"], "attempts": 1}
    choice = settings(**listed, only_missing=True)
    assert load_accounted(duckdb, choice, clock).error is None
    for only in (None, [OSLO], [OSLO, "rome,it"]):
        choice.only_location_ids = only
        report = load_accounted(duckdb, choice, clock)
        assert report.error is None, only
        assert report.metrics_by_resource["current_weather"].requests_failed == 1
    simulator.inject(Fault(path=CURRENT, status=500))
    clock.pass_time(hours=1)
    choice.only_location_ids = [MADRID, OSLO, TOKYO]
    assert "current_weather: 3 of 4 requests failed" in str(load_accounted(duckdb, choice, clock).error)

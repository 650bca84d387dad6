"""The summary's sentence about rejects names the first places with resource and cause; messages pass by no bar."""

import io
import sys
from datetime import datetime, timezone

import pytest
from rich.console import Console
from rich.progress import Progress

from dlt_sources.weather.api.responses import Failure, Request
from dlt_sources.weather.cli.console import tell
from dlt_sources.weather.cli.summary import conclude
from dlt_sources.weather.extract.counts import LoadMetrics
from dlt_sources.weather.extract.requests import RequestWindow
from dlt_sources.weather.locations.model import ResolvedLocation
from dlt_sources.weather.pipeline.writer import Report

NOW = datetime(2026, 5, 20, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("number", "named"), [(1, "place 0"), (7, "place 0, place 1, place 2, place 3, place 4 and 2 more")]
)
def test_the_sentence_about_failed_requests_names_a_few_places_with_resource_and_cause(caplog, number, named):
    every = {}
    for resource in ("forecast", "air_pollution"):
        every[resource] = metrics = LoadMetrics(resource, "run", "load", NOW)
        for n in range(number):
            window = RequestWindow(ResolvedLocation(f"id {n}", f"place {n}", 1.0, 2.0))
            failure = Failure(Request(resource, "/", {}, about=window), "not_found", "city not found", 404)
            metrics.reject_request(failure, "/", NOW)
    conclude(Report("run", "duckdb", "bronze", every), log_format="text", quiet=True, strict=False, target_options="")
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{2 * number} rejected: city not found (forecast, air_pollution of {named});"
        " see bronze.rejects for all reasons."
    )


def test_a_message_on_a_terminal_has_no_control_characters(monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("dlt_sources.weather.cli.console.logs_are_json", lambda: False)
    tell("Next: weather status")
    assert terminal.getvalue() == "Next: weather status\n"


def test_a_message_goes_through_the_stream_that_progress_bars_put_in_place_of_standard_error(monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    console = Console(file=terminal, force_terminal=True, width=120)
    with Progress(console=console, redirect_stderr=True):
        tell("SIGINT: stopping.")
        assert "SIGINT: stopping." in terminal.getvalue(), "above the bars"

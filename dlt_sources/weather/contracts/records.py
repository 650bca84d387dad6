"""Contracts of the tables that this source writes about its work: locations, raw answers, rejects, runs."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

from dlt_sources.weather.contracts.base import Contract, Integer, Measure, Moment, added

# why a request has no usable answer
RequestErrorClass = Literal[
    "key_refused",
    "rate_limited",
    "not_found",
    "bad_request",
    "redirected",
    "server_error",
    "timeout",
    "connection",
    "invalid_answer",  # no JSON
    "unexpected_answer",  # JSON without the rows that the endpoint has
]
# why a row is not loaded
RowErrorClass = Literal[
    "wrong_type",
    "outside_window",
    "repeated_key",
    "bad_location",  # an entry of the user's list
]
ERROR_CLASSES: tuple[str, ...] = (*get_args(RequestErrorClass), *get_args(RowErrorClass))


class Location(Contract):
    """Location that the user asked for, resolved once."""

    table: ClassVar[str] = "locations"
    key: ClassVar[tuple[str, ...]] = ("location_id",)

    location_id: str = added("The place's stable id, made from the user's own list")
    query: str | None = added("The place as the user wrote it")
    name: str | None = added("The place's name: the user's, else the geocoder's")
    lat: Measure | None = added("Latitude used in every call, degrees north")
    lon: Measure | None = added("Longitude used in every call, degrees east")
    country: str | None = added("ISO 3166 country code")
    state: str | None = added("State, where the geocoder names one")
    matches: Integer | None = added("How many places the geocoder offered (at most 5); the first was taken")
    resolved_by: str | None = added("coordinates, direct, zip or id")
    fetched_at: Moment | None = added("When the place was resolved, UTC")


class WeatherRaw(Contract):
    """An answer that cannot be asked for again, word for word; the tables can be rebuilt from it."""

    table: ClassVar[str] = "weather_raw"
    key: ClassVar[tuple[str, ...]] = ("location_id", "endpoint", "fetched_at")

    location_id: str = added("The place, as in bronze.locations")
    endpoint: str = added("The resource the answer belongs to")
    fetched_at: Moment | None = added("When the answer was received, UTC")
    units: str | None = added("Units asked for")
    run_id: str | None = added("The run that received it, as in bronze.load_runs")
    body: str | None = added("The answer's body, word for word")


class Reject(Contract):
    """A request or a row that could not be loaded."""

    table: ClassVar[str] = "rejects"
    key: ClassVar[tuple[str, ...]] = ("reject_id",)

    reject_id: str = added("Run and running number")
    run_id: str | None = added("The run that met it, as in bronze.load_runs")
    resource: str | None = added("The resource that met it")
    kind: str | None = added("request (no answer could be used) or row")
    location_id: str | None = added("The place")
    endpoint: str | None = added("The API's path")
    rejected_at: Moment | None = added("When, UTC")
    error_class: str | None = added("What went wrong, in one word; the README lists them")
    http_status: Integer | None = added("HTTP status, where there was an answer")
    field: str | None = added("The field at fault, where a row is")
    message: str | None = added("What went wrong, in a sentence, without secrets")
    payload: str | None = added("The first 1,000 characters of what came, without secrets")
    window_start: Moment | None = added("First hour asked for, for history")
    window_end: Moment | None = added("Last hour asked for, for history")


class LoadRun(Contract):
    """One resource in one run: what came and what became of it. ``rows_fetched = rows_loaded + rows_rejected``."""

    table: ClassVar[str] = "load_runs"
    key: ClassVar[tuple[str, ...]] = ("run_id", "resource")

    run_id: str = added("The run")
    resource: str = added("The resource")
    command: str | None = added("load or replay")
    status: str | None = added("running, ok, partial (something was rejected), failed or interrupted")
    started_at: Moment | None = added("When the resource began, UTC")
    finished_at: Moment | None = added("When this row was written, UTC")
    seconds: Measure | None = added("Time spent on the resource up to the load, seconds")
    calls: Integer | None = added("HTTP calls made, retries included: what the plan counts")
    requests: Integer | None = added("Requests that ended, well or not")
    requests_failed: Integer | None = added("Requests that ended without a usable answer")
    rows_fetched: Integer | None = added("Rows that came, plus one for each failed request")
    rows_loaded: Integer | None = added("Rows written to bronze, new or renewed")
    rows_rejected: Integer | None = added("Rows written to rejects")
    new_columns: str | None = added("Columns that the API added in this run, separated by commas")
    error: str | None = added("Why the run stopped, where it did")

"""Contracts of the tables that this source writes about its work: locations, raw answers, rejects, runs."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

from dlt_sources.weather.contracts.base import LOCATIONS, Contract, Integer, Measure, Moment, added

# why a request has no usable answer
RequestErrorClass = Literal[
    "key_refused",
    "blocked",  # a 403 that is not the API's: a firewall's page
    "rate_limited",
    "not_found",
    "bad_request",
    "redirected",
    "server_error",
    "timeout",
    "connection",
    "too_large",
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
# why an answer whose rows are loaded may not be about what was asked for
Doubt = Literal[
    "wrong_place",  # its coordinates are far from those asked for
    "outdated",  # it is more than a day old, though the present was asked for
]
ERROR_CLASSES: tuple[str, ...] = (*get_args(RequestErrorClass), *get_args(RowErrorClass))


class Location(Contract):
    """Location that the user asked for, resolved once."""

    table: ClassVar[str] = LOCATIONS
    key: ClassVar[tuple[str, ...]] = ("location_id",)

    location_id: str = added("Stable id of the location, made from the user's entry")
    query: str | None = added("The location as the user wrote it")
    name: str | None = added("Name: the user's, else the geocoder's")
    lat: Measure | None = added("Latitude used in every call, degrees north")
    lon: Measure | None = added("Longitude used in every call, degrees east")
    country: str | None = added("ISO 3166 country code")
    state: str | None = added("State, if the geocoder names one")
    matches: Integer | None = added("Number of matches that the geocoder offered (at most 5); the first was taken")
    resolved_by: str | None = added("Way of resolving: coordinates, direct, zip or id")
    fetched_at: Moment | None = added("Moment the location was resolved, UTC")


class WeatherRaw(Contract):
    """Verbatim answer that cannot be requested again; the tables can be rebuilt from it."""

    table: ClassVar[str] = "weather_raw"
    key: ClassVar[tuple[str, ...]] = ("location_id", "endpoint", "fetched_at")

    location_id: str = added("The location, as in bronze.locations")
    endpoint: str = added("Resource that the answer belongs to")
    fetched_at: Moment | None = added("Moment the answer was received, UTC")
    units: str | None = added("Units requested: standard, metric or imperial")
    run_id: str | None = added("Run that received the answer, as in bronze.load_runs")
    body: str | None = added("Body of the answer, verbatim except for links that hold the key")


class Reject(Contract):
    """Request or row that could not be loaded."""

    table: ClassVar[str] = "rejects"
    key: ClassVar[tuple[str, ...]] = ("reject_id",)

    reject_id: str = added(
        "run_id, resource and a number that counts the rejects of both; of an entry of the user's list that is no "
        "location or that the API does not know: locations and a digest of the entry, which has one row that each run "
        "updates"
    )
    run_id: str | None = added("Run that rejected it, as in bronze.load_runs; of a row that is updated, the newest")
    resource: str | None = added("Resource that rejected it")
    kind: str | None = added("request (it ended without a usable answer) or row")
    location_id: str | None = added(
        "The location, as in bronze.locations; null for an invalid entry of the user's list"
    )
    query: str | None = added("The location as the user wrote it, if it could not be looked up or is no location")
    endpoint: str | None = added("Path of the request")
    rejected_at: Moment | None = added("Moment of the rejection, UTC")
    error_class: str | None = added(f"Class of the error: {', '.join(ERROR_CLASSES)}")
    http_status: Integer | None = added("HTTP status; null if there was no response")
    field: str | None = added("Field that is invalid, for a row")
    message: str | None = added("Description of the error in one sentence, without secrets")
    payload: str | None = added("First 1,000 characters of the answer or row, without secrets")
    window_start: Moment | None = added("First hour of the request's window, UTC, for history")
    window_end: Moment | None = added("Last hour of the request's window, UTC, for history")
    times: Integer | None = added("Number of refused look-ups of a location that the API does not know")
    first_rejected_at: Moment | None = added("Moment of the first of them, UTC")
    asked_again_at: Moment | None = added("Moment from which on the location is looked up again, UTC")


class LoadRun(Contract):
    """Result of one resource in one run; ``rows_fetched = rows_loaded + rows_rejected``."""

    table: ClassVar[str] = "load_runs"
    key: ClassVar[tuple[str, ...]] = ("run_id", "resource")

    run_id: str = added("Id of the run, which sorts by time")
    resource: str = added("Name of the resource")
    command: str | None = added("Command: load or replay")
    orchestrator_run: str | None = added(
        "Run of the orchestrator that made the load, such as Dagster's; null for the command line and dlt pipelines"
    )
    since: str | None = added("Begin of the range that the user named for a history; null for an ordinary load")
    until: str | None = added("End of that range; null if it is the present")
    shard: str | None = added("Shard of the run, such as 1/4; null for a run of all locations")
    status: str | None = added(
        "running, ok, partial (something was rejected, or a budget was spent), failed, interrupted (asked and not "
        "finished, or the run was killed) or not_reached (the run ended before it)"
    )
    started_at: Moment | None = added("Moment the resource started in the run, UTC")
    finished_at: Moment | None = added("Moment this row was written, UTC")
    seconds: Measure | None = added("Seconds spent on the resource, without the load into the destination")
    calls: Integer | None = added("HTTP calls made, retries included, as the subscription counts them")
    requests: Integer | None = added("Requests that ended, with or without a usable answer")
    requests_failed: Integer | None = added("Requests that ended without a usable answer")
    rows_fetched: Integer | None = added("Rows received, plus one per failed request")
    rows_loaded: Integer | None = added("Rows written to bronze, new or updated")
    rows_rejected: Integer | None = added("Rows written to rejects")
    merge_strategy: str | None = added(
        "Way in which rows were written: upsert or delete-insert, which replace rows by key; or append, where the "
        "destination can replace none"
    )
    new_columns: str | None = added("Columns that the API added in this run, separated by commas")
    other_fields: str | None = added(
        "Fields of the answers that no column holds, separated by commas: in other_fields of their rows, or not kept"
    )
    answers_doubtful: Integer | None = added(
        "Answers whose rows are loaded though they are for another place (wrong_place) or, where the present was asked "
        "for, more than a day old (outdated)"
    )
    database_bytes: Integer | None = added(
        "Size of the database when the run began; null where the destination does not tell it, and for a replay"
    )
    error: str | None = added(
        "Reason the resource ended early, or what was rejected and the commonest cause with its count, or the "
        "first doubtful answers; null if neither"
    )

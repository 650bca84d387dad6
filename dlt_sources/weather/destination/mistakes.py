"""Sentences about settings of a destination that cannot work; none shows a value that may hold a secret."""

from __future__ import annotations

from importlib.metadata import version

from dlt.common.destination.exceptions import UnknownDestinationModule


def unknown_destination(name: str, error: UnknownDestinationModule) -> str:
    """Say that dlt knows neither a destination nor the type that is configured for it."""
    if "." in name:
        return f"dlt knows no destination {name!r}: {' '.join(str(error).split())}"
    setting = (
        f"{_setting(name, 'destination_type')}, or destination_type of [destination.{name}] in .dlt/config.toml, "
        "to postgres, duckdb or another type that dlt knows"
    )
    if error.destination_type:
        return f"dlt knows no destination type {error.destination_type!r}, which is set for {name}. Set {setting}."
    return f"dlt knows no destination {name!r}. If that is a name of your choice, set {setting}."


def no_credentials(name: str) -> str:
    """Say that the credentials are missing, or that dlt cannot read them."""
    return (
        f"The credentials of {name} are missing or wrong. Set {_setting(name, 'credentials')}, or [destination.{name}] "
        "in .dlt/secrets.toml."
    )


def ambiguous_url(name: str) -> str:
    """Say that a part of the password was read as the host."""
    return (
        f"The URL in {_setting(name, 'credentials')} has more than one @. Write special characters of the password as "
        "%40 (@), %3A (:), %2F (/), %23 (#), %3F (?), %25 (%)."
    )


def no_file(name: str) -> str:
    """Say that a DuckDB would be gone after the run."""
    return (
        "A DuckDB in memory, or in a working directory (:memory:, :pipeline:), is gone after the run. Set the path of "
        f"a file in {_setting(name, 'credentials')}, or [destination.{name}] in .dlt/secrets.toml."
    )


def newer_file(path: str) -> str:
    """Say that a DuckDB file cannot be read by the DuckDB that is installed."""
    return (
        f"{path} was written by a newer DuckDB than the {version('duckdb')} that is installed, which cannot read it; "
        'nothing was changed. "Files of DuckDB 2" in docs/operations.md has the command that converts it.'
    )


def _setting(destination: str, key: str) -> str:
    return f"DESTINATION__{destination}__{key}".upper()

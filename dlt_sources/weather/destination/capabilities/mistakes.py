"""Sentences about settings of a destination that cannot work; none shows a value that may hold a secret."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from importlib.metadata import metadata, version
from typing import Any

import dlt.destinations
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.common.destination import Destination
from dlt.common.destination.exceptions import UnknownDestinationModule

from dlt_sources.weather.common.configuration import nearest
from dlt_sources.weather.common.configuration.names import how_to_set, variable_of

# types that merge by one column only, though they declare upsert (dlt 1.31)
SINGLE_KEY = frozenset({"lance", "lancedb"})
# types that dlt reads with no SQL
UNREADABLE = frozenset({"qdrant", "weaviate", "dummy", "destination"})


def unknown_destination(name: str, error: UnknownDestinationModule) -> str:
    """Say that dlt knows neither a destination nor the type that is configured for it."""
    if "." in name:
        return f"dlt knows no destination {name!r}: {' '.join(str(error).split())}"
    setting = f"{_how(name, 'destination_type')}: postgres, duckdb or another type that dlt knows"
    if error.destination_type:
        return f"dlt knows no destination type {error.destination_type!r}, which is set for {name}. Set {setting}."
    near = get_close_matches(name.casefold(), dlt.destinations.__all__, n=3)
    said = f"; did you mean {' or '.join(near)}?" if near else "."
    return f"dlt knows no destination {name!r}{said} If that is a name of your choice, set {setting}."


def missing_packages(name: str, kind: str, error: BaseException) -> str:
    """Say which packages a destination needs, and how they are installed.

    Args:
        name: the destination.
        kind: its type, or the format of its tables.
        error: the failed import, or an error that it caused.
    """
    modules = [one.name for one in _causes(error) if isinstance(one, ModuleNotFoundError) and one.name]
    extras = metadata("dlt").get_all("Provides-Extra") or ()
    # SQLAlchemy is there; what is missing is the database's driver, which no extra of dlt names
    driver = modules[-1] if modules and kind == "sqlalchemy" else None
    package = driver or (f"dlt[{kind}]" if kind in extras else modules[-1] if modules else "")
    if not package:
        return f"The destination {name} cannot be used: {' '.join(str(error).split())}"
    return (
        f"The destination {name} needs packages that are not installed. Install them with `uv pip install '{package}'` "
        f"or `pip install '{package}'`."
    )


def unfit(name: str, kind: str, *, is_readable: bool) -> str | None:
    """Say why a destination cannot keep each row once; None if it can.

    Args:
        name: the destination.
        kind: its type.
        is_readable: whether dlt reads it with SQL.
    """
    if kind in SINGLE_KEY:
        problem = "merges rows by a key of one column, and the tables here have keys of several, place and hour"
    elif kind in UNREADABLE or not is_readable:
        problem = "cannot be read with SQL, so a load could not continue where the last one stopped"
    else:
        return None
    return f"{name} {problem}: rows would be refused or doubled. Choose a destination of docs/destinations.md."


def unknown_table_format(name: str, table_format: object, supported: Collection[str]) -> str:
    """Say which formats of tables a destination has."""
    said = nearest(str(table_format), supported) if supported else "it has no formats to choose from."
    return f"{name} has no table format {table_format!r}, which {_setting(name, 'table_format')} names: {said}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def no_credentials(name: str) -> str:
    """Say that the credentials are missing, or that dlt cannot read them."""
    return f"The credentials of {name} are missing or wrong. Set {_how(name, 'credentials', secret=True)}."


def missing_setting(destination: Destination[Any, Any], kind: str, error: ConfigFieldMissingException) -> str:
    """Say which setting a destination, or the one that keeps its files, lacks; before it, that a driver is missing.

    Args:
        destination: the destination.
        kind: its type.
        error: dlt's, which names the fields that have no value.
    """
    name = destination.destination_name
    try:
        # dlt imports some drivers only after it has read the settings
        _ = destination.client_class
    except ImportError as missing:
        return missing_packages(name, kind, missing)
    # athena and dremio load by way of a filesystem, whose bucket may be what is missing
    name = getattr(error.config, "destination_name", None) or name
    field = error.fields[0]
    if field == "credentials":
        return no_credentials(name)
    return f"{name} has no {field}. Set {_how(name, field)}."


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
        f"a file in {_how(name, 'credentials', secret=True)}."
    )


def newer_file(path: str) -> str:
    """Say that a DuckDB file cannot be read by the DuckDB that is installed."""
    return (
        f"{path} was written by a newer DuckDB than the {version('duckdb')} that is installed, which cannot read it; "
        'nothing was changed. "Files of DuckDB 2" in docs/operations.md has the command that converts it.'
    )


def _setting(destination: str, key: str) -> str:
    return variable_of("destination", destination, key)


def _how(destination: str, key: str, *, secret: bool = False) -> str:
    return how_to_set("destination", destination, key, secret=secret)


def no_shards(name: str) -> str:
    """Return what is wrong with a shard that loads into a destination other than PostgreSQL."""
    return (
        f"shard needs PostgreSQL, where shards take turns to write and share one budget of calls; {name} has neither. "
        "Leave shard out, or use --destination postgres."
    )

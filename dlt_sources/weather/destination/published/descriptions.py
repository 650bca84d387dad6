"""Descriptions of tables and columns as comments: from the contracts, and of dlt's and the ledger's tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.contracts.units import described_in

# begins the comment of a column that schema evolution added; another comment on it is its user's
NOT_DESCRIBED = "Field of the API that is not described yet: "
# ends the comment of a table that a load wrote, this release or an earlier one; another one is its user's
_OWN_COMMENT = re.compile(r" Key: \w+(, \w+)*\.$")
# columns that dlt adds to any table
_ADDED_BY_DLT = {
    "_dlt_load_id": "Load package that wrote the row last, as in _dlt_loads: a Unix time that sorts as text",
    "_dlt_id": "Unique id that dlt gives the row",
    "_dlt_parent_id": "_dlt_id of the row of the parent table",
    "_dlt_root_id": "_dlt_id of the row of the root table",
    "_dlt_list_idx": "Position in the list of the parent row, from 0",
}
# as of dlt 1.31 (dlthub.com/docs/general-usage/destination-tables), and budget/ledger.py
_BOOKKEEPING: dict[str, tuple[str, dict[str, str]]] = {
    "_dlt_loads": (
        "dlt's record of load packages: a package is complete when its row is here.",
        {
            "load_id": "Id of the package: a Unix time that sorts as text; _dlt_load_id of its rows",
            "schema_name": "Name of dlt's schema",
            "status": "0: the package was loaded completely",
            "inserted_at": "Moment the package was loaded, UTC",
            "schema_version_hash": "Version of the schema that the package was loaded with, as in _dlt_version",
        },
    ),
    "_dlt_pipeline_state": (
        "dlt's state of the pipeline after each load that changed it.",
        {
            "version": "Number of the state, counted up",
            "engine_version": "Version of dlt's format of states",
            "pipeline_name": "Name of the pipeline",
            "state": "The state: JSON, compressed, in base64",
            "created_at": "Moment the state was stored, UTC",
            "version_hash": "Hash of the state, by which dlt sees a change",
        },
    ),
    "_dlt_version": (
        "dlt's schema of the tables, one row a version.",
        {
            "version": "Number of the version, counted up",
            "engine_version": "Version of dlt's format of schemas",
            "inserted_at": "Moment the version was stored, UTC",
            "schema_name": "Name of the schema",
            "version_hash": "Hash of the schema, by which dlt finds it",
            "schema": "The schema: tables, columns and hints, as JSON",
        },
    ),
    "_weather_calls": (
        "Ledger of calls: those of each hour for two months, and those that runs have leased in the last minute.",
        {
            "account": "Digest of the API's address and key",
            "product": "free, or one_call, which is counted and billed apart",
            "purpose": "Purpose of the calls: snapshot, history or backfill",
            "kind": "hour: the calls of an hour; lease: the calls of a moment",
            "moment": "Begin of the hour, or the moment, in milliseconds since 1970, UTC",
            "calls": "Number of calls",
        },
    ),
}


def table_comment(table: str, current: str | None = None) -> str | None:
    """Return the comment of a table; None for one that is to be left as it is: another's table, or its user's comment.

    Args:
        table: name of the table.
        current: the present comment.
    """
    if table in _BOOKKEEPING:
        return _BOOKKEEPING[table][0]
    contract = TABLES.get(table)
    if contract is None or (current and not _OWN_COMMENT.search(current)):
        return None
    text = " ".join((contract.__doc__ or "").split("\n\n")[0].replace("``", "").split())
    return f"{text} Key: {', '.join(contract.key)}."


def column_comment(
    table: str, column: str, current: str | None, *, units: str, schema: Mapping[str, Any], path_hint: str
) -> str | None:
    """Return the comment of a column; None for one that is to be left as it is.

    Args:
        table: name of the table.
        column: name of the column.
        current: the present comment.
        units: the setting ``units``, which decides the unit of temperatures and speeds.
        schema: dlt's columns of the table, by name.
        path_hint: the hint of a column with the path of the API's field that it holds.
    """
    contract = TABLES.get(table)
    known = {one.name: one for one in contract.columns()} if contract else {}
    if column in known:
        return described_in(known[column], units)
    described = {**_ADDED_BY_DLT, **_BOOKKEEPING.get(table, ("", {}))[1]}
    if column in described:
        return described[column]
    if column not in schema or (current and not current.startswith(NOT_DESCRIBED)):
        return None
    return str(schema[column].get("description") or f"{NOT_DESCRIBED}{schema[column].get(path_hint) or column}")

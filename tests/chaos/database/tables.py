"""Tables that are emptied, dropped or those of an older release."""

from __future__ import annotations

import json
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.destination.target import Target
from tests.chaos.rounds.world import Round

Client = SqlClientBase[Any]


def state(round_: Round) -> None:
    """The tables that dlt keeps for itself are emptied or dropped."""
    tables = ["_dlt_pipeline_state", "_dlt_version", "_dlt_loads"]
    for _ in range(2):
        round_.load()
        lost = round_.random.sample(tables, round_.random.randint(1, 3))
        empty = round_.random.random() < 0.5
        with _client(round_) as client:
            for table in lost:
                name = client.make_qualified_table_name(table)
                client.execute_sql(f"DELETE FROM {name}" if empty else f"DROP TABLE {name} CASCADE")
        for table in lost:
            round_.found.note(f"{table} {'emptied' if empty else 'dropped'}")
        round_.pass_time()
    round_.finish()


def older_release(round_: Round) -> None:
    """The tables are those of an older release: without some columns, tables and indexes of this one."""
    round_.load()
    chosen = round_.random
    with _client(round_) as client:
        columns = {
            ("load_runs", "new_columns"),
            ("load_runs", "command"),
            ("rejects", "payload"),
            ("locations", "matches"),
            ("current_weather", "units"),
            ("current_weather", "visibility"),
            ("air_pollution", "nh3"),
            ("weather_raw", "run_id"),
        }
        gone_columns = chosen.sample(sorted(columns), 3)
        gone_table = chosen.choice(["rejects", "weather_raw", "load_runs", None])
        _forget_in_schema(client, gone_columns, gone_table)
        existing = {name for (name,) in client.execute_sql(_TABLES, client.dataset_name) or []}
        for table, column in gone_columns:
            if table in existing and table != gone_table:
                _drop_column(client, table, column)
        if round_.destination == "postgres":
            name = client.make_qualified_table_name(f"{chosen.choice(['air_pollution', 'current_weather'])}_key")
            client.execute_sql(f"DROP INDEX {name}")
        if gone_table in existing:
            client.execute_sql(f"DROP TABLE {client.make_qualified_table_name(gone_table)} CASCADE")
    round_.found.note("columns gone", len(gone_columns))
    round_.found.note(f"{gone_table} gone" if gone_table else "no table gone")
    round_.pass_time()
    round_.load()
    round_.pass_time()
    round_.finish()


_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type = 'BASE TABLE'"


def _drop_column(client: Client, table: str, column: str) -> None:
    name = client.make_qualified_table_name(table)
    client.execute_sql(f"ALTER TABLE {name} DROP COLUMN {client.escape_column_name(column)} CASCADE")


def _forget_in_schema(client: Client, columns: list[tuple[str, str]], table: str | None) -> None:
    """Write the schema that dlt keeps in the destination as the older release would have."""
    version = client.make_qualified_table_name("_dlt_version")
    rows = client.execute_sql(f"SELECT version_hash, schema FROM {version} WHERE schema_name = 'weather'") or []
    for before, text in rows:
        tables = json.loads(text)["tables"]
        for name, column in columns:
            tables.get(name, {}).get("columns", {}).pop(column, None)
        if table:
            tables.pop(table, None)
        schema = dlt.Schema.from_dict(json.loads(text) | {"tables": tables}, bump_version=True)
        client.execute_sql(
            f"UPDATE {version} SET schema = %s, version_hash = %s WHERE version_hash = %s",
            json.dumps(schema.to_dict()),
            schema.version_hash,
            before,
        )


def _client(round_: Round) -> Client:
    return Target(round_.destination).pipeline(round_.folder / "look").sql_client()

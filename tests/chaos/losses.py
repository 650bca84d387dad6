"""What surrounds the tables is lost or spoilt: working directories, dlt's own tables, pending packages, columns."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.destination.target import Target
from tests.chaos.accounts import left_behind, set_aside
from tests.chaos.world import Round

Client = SqlClientBase[Any]


def directory(round_: Round) -> None:
    """The working directories are lost, after a load or with a package in them."""
    round_.load()
    round_.pass_time()
    if round_.random.random() < 0.5:
        round_.end_of(round_.start("load:1"), -signal.SIGKILL)
        round_.found.note("with a package")
        round_.pass_time()
    shutil.rmtree(os.environ["DLT_DATA_DIR"])
    # the target remembers that it made its folder
    round_.target = Target(round_.destination)
    round_.finish()


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
                client.execute_sql(f"DELETE FROM {name}" if empty else f"DROP TABLE {name}")
        for table in lost:
            round_.found.note(f"{table} {'emptied' if empty else 'dropped'}")
        round_.pass_time()
    round_.finish()


def package(round_: Round) -> None:
    """Files of a pending package are cut short, filled with rubbish or deleted."""
    round_.load()
    before = list(round_.observed)
    for _ in range(round_.random.randint(1, 2)):
        round_.pass_time()
        point = round_.random.choice(["normalize:1", "after-normalize:1", "load:1", "complete-job:3"])
        # a spoilt package of the turn before may keep it from getting so far
        round_.end_of(round_.start(point), 0, -signal.SIGKILL)
        files = [file for run in left_behind(round_.target) for file in _files(round_.target.root / run)]
        for file in round_.random.sample(files, min(len(files), round_.random.randint(1, 3))):
            how = round_.random.choice(list(SPOIL))
            SPOIL[how](file)
            round_.found.note(f"{file.suffix or file.name} {how}")
    # a spoilt package may be tried three times; every load loads what is new all the same
    for _ in range(4):
        round_.pass_time()
        round_.load()
    round_.pass_time()
    del round_.observed[: len(before)]
    round_.load()
    # what was spoilt is kept for whoever wants to look
    for run in set_aside(round_.target):
        shutil.rmtree(round_.target.root / "set_aside" / run)
        round_.found.note("set aside")
    round_.examine()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


SPOIL: dict[str, Callable[[Path], Any]] = {
    "cut short": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "rubbish": lambda path: path.write_bytes(b"\x00\xffrubbish" * 99),
    "deleted": lambda path: path.unlink(),
}


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
            client.execute_sql(f"DROP TABLE {client.make_qualified_table_name(gone_table)}")
    round_.found.note("columns gone", len(gone_columns))
    round_.found.note(f"{gone_table} gone" if gone_table else "no table gone")
    round_.pass_time()
    round_.load()
    round_.pass_time()
    round_.finish()


_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"


def _drop_column(client: Client, table: str, column: str) -> None:
    name = client.make_qualified_table_name(table)
    client.execute_sql(f"ALTER TABLE {name} DROP COLUMN {client.escape_column_name(column)}")


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

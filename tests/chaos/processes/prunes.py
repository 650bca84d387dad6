"""SIGKILL at random moments of a pruning that archives, with loads going on: nothing lost, nothing there twice."""

from __future__ import annotations

import os
import re
import signal
import time
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import duckdb
import pyarrow as pa

from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.reader import DestinationReader
from tests.chaos.rounds.world import LONGEST_SECONDS, Round
from tests.helpers.processes import forkserver, prune_worker

HOUR = timedelta(hours=1)
TABLE = "forecast"
KEY = TABLES[TABLE].key
ISSUE_HOURS = (0, 6, 12, 18)
THIN_AFTER, DROP_AFTER = timedelta(days=14), timedelta(days=30)
RESOURCES = ["locations", "current_weather", "forecast", "air_pollution"]
Key = tuple[str, datetime, datetime]


def killed(round_: Round) -> None:
    """Kill prunings that archive, with loads beside them: archive and table together have every row, none twice."""
    os.environ["SOURCES__WEATHER__RETENTION__FORECAST_DAYS"] = str(DROP_AFTER.days)
    os.environ["SOURCES__WEATHER__RETENTION__ARCHIVE"] = "archive"
    round_.load(resources=RESOURCES)
    everything = _age(round_)
    for _ in range(round_.random.randint(3, 6)):
        pruning = start(round_)
        load = round_.start(resources=RESOURCES) if round_.random.random() < 0.5 else None
        _wait_for_files(round_, pruning, round_.random.randint(0, 8))
        pruning.kill()
        code = round_.end_of(pruning, 0, -signal.SIGKILL)
        round_.found.note("prunings killed" if code else "prunings ended before")
        if load is not None:
            round_.end_of(load, 0)
            round_.found.note("loads beside them")
        there = keys(round_)
        round_.found.note("killed half done", int(bool(code) and len(everything - there) > 0))
        everything |= there
        _hold_to_account(round_, everything)
        if round_.random.random() < 0.5:
            round_.pass_time()
    round_.end_of(start(round_), 0)
    round_.finish(resources=RESOURCES)
    everything |= keys(round_)
    _hold_to_account(round_, everything)
    midnight = round_.clock().replace(hour=0, minute=0, second=0, microsecond=0)
    oldest = midnight - DROP_AFTER
    if round_.destination == "postgres":
        # whole months are dropped
        oldest = oldest.replace(day=1)
    if wrong := {key for key in keys(round_) if not _is_kept(key, oldest, midnight - THIN_AFTER, everything)}:
        round_.found.problems.append(f"{len(wrong)} rows of forecasts stayed that had to go, such as {min(wrong)}")


def _wait_for_files(round_: Round, pruning: BaseProcess, number: int) -> None:
    """Wait until a pruning has written so many files to the archive, and a moment longer."""
    folder, deadline = round_.folder / "archive", time.monotonic() + LONGEST_SECONDS
    before = len(list(folder.rglob("*")))
    while pruning.is_alive() and time.monotonic() < deadline and len(list(folder.rglob("*"))) < before + number:
        time.sleep(0.002)
    time.sleep(round_.random.choice([0.0, round_.random.uniform(0.0, 0.3)]))


def start(round_: Round, chunk: int = 150) -> BaseProcess:
    """Start a pruning in a process of its own, which reads, archives and deletes few rows at a time."""
    given = round_.settings()
    arguments = (round_.destination, given, round_.clock(), dict(os.environ), str(Path.cwd()), chunk)
    worker = forkserver.Process(target=prune_worker.work, args=arguments, daemon=True)
    worker.start()
    return worker


def _age(round_: Round) -> set[Key]:
    """Copy the forecasts into the past, and return the keys of all."""
    hours = sorted(round_.random.sample(range(1, 40 * 24), 40))
    with round_.target.connection() as client:
        reader = DestinationReader(client)
        names = sorted(reader.columns(TABLE) - {"dt", "issued_at"})
        table = client.make_qualified_table_name(TABLE)
        chosen = ", ".join(f'"{name}"' for name in names)
        for hour in hours:
            client.execute_sql(
                f"INSERT INTO {table} (dt, issued_at, {chosen}) SELECT dt - INTERVAL '{hour} hours',"
                f" issued_at - INTERVAL '{hour} hours', {chosen} FROM {table} WHERE issued_at = %s",
                round_.clock().replace(minute=0, second=0, microsecond=0),
            )
    return keys(round_)


def keys(round_: Round) -> set[Key]:
    """Return the keys of the table."""
    with round_.target.reader() as reader:
        rows = reader.rows(f"SELECT {', '.join(KEY)} FROM {{t}}", t=TABLE)
    return {(place, utc(dt), utc(issued)) for place, dt, issued in rows}


def _hold_to_account(round_: Round, everything: set[Key]) -> None:
    """Read the archive and the table by the documented query: every row is there, and none twice."""
    with round_.target.reader() as reader:
        rows = reader.rows(f"SELECT {', '.join(KEY)}, _dlt_load_id FROM {{t}}", t=TABLE)
    both = read_together(round_.folder, rows)
    round_.found.expected += len(everything)
    round_.found.found += len(everything & set(both))
    round_.found.doubled += len(both) - len(set(both))
    if strays := set(both) - everything:
        round_.found.problems.append(f"{len(strays)} rows are in the archive that never were in the table")


def read_together(folder: Path, rows: list[tuple[object, ...]]) -> list[Key]:
    """Return the keys that the documented query finds, with these rows in the table's place."""
    text = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    (sql,) = [one for one in re.findall(r"```sql\n(.*?)```", text, re.DOTALL) if "read_parquet" in one]
    sql = sql.partition(";")[2].replace("weather.bronze.forecast", "live")
    if not list((folder / "archive").rglob("*.parquet")):
        return [(str(row[0]), utc(row[1]), utc(row[2])) for row in rows]  # type: ignore[arg-type]
    live = pa.table({name: [row[number] for row in rows] for number, name in enumerate([*KEY, "_dlt_load_id"])})
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("live", live)
        found = connection.execute(sql).to_arrow_table()
    return [(row["location_id"], utc(row["dt"]), utc(row["issued_at"])) for row in found.select(KEY).to_pylist()]


def _is_kept(key: Key, oldest: datetime, thinned: datetime, everything: set[Key]) -> bool:
    """Whether retention keeps a row, counted without SQL."""
    place, _, issued = key
    if issued >= thinned:
        return True
    if issued < oldest:
        return False
    first = issued.replace(hour=max(hour for hour in ISSUE_HOURS if hour <= issued.hour))
    issues = {one for of_place, _, one in everything if of_place == place and first <= one < first + 6 * HOUR}
    return issued == min(issues)

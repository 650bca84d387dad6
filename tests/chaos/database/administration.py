"""What an administrator does to a database: take a permission away, drop a table, add a constraint and remove it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from dlt_sources.weather.common.errors import DestinationError
from dlt_sources.weather.contracts import TABLES
from tests.chaos.rounds.accounts import left_behind, set_aside
from tests.chaos.rounds.world import Round
from tests.helpers.command import run
from tests.helpers.support import query, tables

# more loads than a package that the destination refuses is tried
TRIES = 3
REVOKED = (
    "INSERT ON bronze.current_weather",
    "UPDATE ON bronze.air_pollution",
    "SELECT ON bronze.weather_raw",
    "ALL ON bronze.load_runs",
    "ALL ON bronze._dlt_loads",
    "USAGE ON SCHEMA bronze",
    "CREATE ON SCHEMA bronze",
    "ALL ON SCHEMA bronze_staging",
)


def permissions(round_: Round) -> None:
    """A permission is taken away for some hours, and given back: no package is set aside, and all are loaded."""
    server = round_.world.server
    assert server is not None
    with _role(round_) as role:
        round_.load()
        round_.pass_time()
        what = round_.random.choice(REVOKED)
        database = urlsplit(os.environ["DESTINATION__POSTGRES__CREDENTIALS"]).path.lstrip("/")
        server.psql(database, f"REVOKE {what} FROM {role}")
        for _ in range(TRIES + 2):
            error = round_.load_or_error()
            if error is not None and not isinstance(error, DestinationError):
                round_.found.problems.append(f"without {what}: {type(error).__name__}: {error}")
            round_.found.note(f"loads ended with {error.exit_code if error else 0}")
            round_.pass_time()
        if aside := set_aside(round_.target):
            round_.found.problems.append(f"without {what}, packages were set aside: {aside}")
        server.psql(database, f"GRANT {what} TO {role}")
        round_.found.note(f"without {what}")
        round_.finish_recorded()
        round_.observed.clear()
        round_.examine()


@contextmanager
def _role(round_: Round) -> Iterator[str]:
    """Load as a role that may do in its database what it needs and no more."""
    server = round_.world.server
    assert server is not None
    url = os.environ["DESTINATION__POSTGRES__CREDENTIALS"]
    database = urlsplit(url).path.lstrip("/")
    role = f"role_of_{database}"
    server.psql(database, f'CREATE ROLE "{role}" LOGIN')
    server.psql(database, f'GRANT CREATE ON DATABASE "{database}" TO "{role}"')
    os.environ["DESTINATION__POSTGRES__CREDENTIALS"] = url.replace("//postgres:", f"//{role}:")
    try:
        yield role
    finally:
        os.environ["DESTINATION__POSTGRES__CREDENTIALS"] = url
        server.psql(database, f'DROP OWNED BY "{role}" CASCADE')
        server.psql(database, f'DROP ROLE "{role}"')


def dropped(round_: Round) -> None:
    """A table is dropped, while a package waits or none: it comes back, and what is loaded from then on is in it."""
    round_.load()
    round_.pass_time()
    if waiting := round_.random.random() < 0.5:
        round_.end_of(round_.start(round_.random.choice(["load:1", "convert:3"])), 0, -signal.SIGKILL)
        round_.pass_time()
    for table in round_.random.sample(sorted(tables(round_.target) & TABLES.keys()), round_.random.randint(1, 2)):
        query(round_.target, f"DROP TABLE {table} CASCADE")
        round_.found.note(f"{table} dropped, {'one package waits' if waiting else 'nothing waits'}")
    # what was in the table is gone; what waits is not
    round_.observed.clear()
    round_.recorder.sent.clear()
    round_.finish()
    round_.pass_time()
    round_.finish_recorded()
    round_.examine()


def retried(round_: Round) -> None:
    """A package is refused until it is set aside; once that is put right, `weather packages --retry` brings it back."""
    round_.load()
    round_.pass_time()
    refused_at = round_.clock()
    round_.end_of(round_.start("load:1"), -signal.SIGKILL)
    (run_id,) = left_behind(round_.target)
    _refuse(round_)
    for _ in range(TRIES):
        round_.pass_time()
        round_.load()
    if set_aside(round_.target) != [run_id]:
        round_.found.problems.append(f"set aside are {set_aside(round_.target)}, not {run_id}")
    _put_right(round_)
    listed = run("packages", "--destination", round_.destination)
    brought = run("packages", "--destination", round_.destination, "--retry")
    if listed.code or brought.code or run_id not in listed.said or "Traceback" in listed.said + brought.said:
        round_.found.problems.append(f"weather packages: {listed.said} {brought.said}")
    round_.observed.append(refused_at)
    round_.pass_time()
    round_.finish()
    round_.examine_answers()


def _refuse(round_: Round) -> None:
    """Have the destination refuse the package that waits, and no other."""
    if round_.destination == "postgres":
        moment = round_.clock().isoformat()
        sql = "ALTER TABLE current_weather ADD CONSTRAINT refused CHECK (fetched_at <> '{}'::timestamptz) NOT VALID"
        query(round_.target, sql.format(moment))
        return
    for file in round_.target.root.glob("*/weather/load/normalized/*/new_jobs/current_weather.*.parquet"):
        file.rename(file.with_suffix(".kept"))
        file.write_bytes(b"no parquet")


def _put_right(round_: Round) -> None:
    if round_.destination == "postgres":
        query(round_.target, "ALTER TABLE current_weather DROP CONSTRAINT refused")
    for file in (round_.target.root / "set_aside").rglob("*.kept"):
        for spoilt in (round_.target.root / "set_aside").rglob(f"{file.stem.rsplit('.', 1)[0]}.*.parquet"):
            spoilt.unlink()
        file.rename(file.with_suffix(".parquet"))

"""Three days on one dataset under the limits of a key: loaders, a backfill and the schedule of Dagster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone

from dlt_sources.openweather_simulator import Limits
from tests.chaos.budgets.api import MINUTE, CountedCalls
from tests.chaos.budgets.play import (
    A_DAY,
    A_MONTH,
    BACKFILLED,
    SCHEDULED,
    SNAPSHOTS,
    Play,
    listed,
    patient_settings,
    shifted,
)
from tests.chaos.budgets.programs import HOUR, Loader, ShiftedDagster
from tests.chaos.budgets.verdicts import examine
from tests.chaos.rounds.world import Round
from tests.helpers.postgres import PostgresServer

KILL_SHARE = 0.4
BACKFILL = "weather_history_backfill"
LAUNCH_BACKFILL = """mutation($names: [String!]!, $path: [String!]!) {
  launchPartitionBackfill(backfillParams: {partitionNames: $names, assetSelection: [{path: $path}]}) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""


def days(round_: Round) -> None:
    """Loaders, a Dagster backfill and its schedule under limits a minute, day and month, three days, some killed."""
    hours = 1 if round_.world.long else 3
    with _play(round_, hours) as play:
        play.go()
        play.stop()
        examine(play)


@contextmanager
def _play(round_: Round, hours: int) -> Iterator[Play]:
    begins = _last_days_of_a_month()
    simulator = round_.simulator
    with ExitStack() as stack:
        clock, server = stack.enter_context(shifted(round_, begins - timedelta(hours=1, minutes=5)))
        calls = CountedCalls(simulator, clock)
        simulator.one_call_keys, simulator.one_call_version = "all", 4
        # a call beyond it is refused, and counted all the same
        simulator.limits = {"one_call": Limits(per_day=A_DAY)}
        play = Play(round_, clock, calls, begins, hours)
        play.environment = clock.environment | patient_settings(round_.world.api) | _budget()
        if server:
            server.create_database("dagster")
            play.environment |= _dagster_settings(server, hours)
        stack.callback(play.stop)
        _add_loaders(play)
        if round_.destination == "postgres":
            play.dagster = ShiftedDagster(round_.folder / "dagster", play.environment)
            play.dagster.begin()
            # places that have no row of this hour yet would be loaded from the backfill's last hour on
            play.planned.append((begins.timestamp() + 30 * MINUTE, lambda: _launch_backfill(play)))
        yield play


def _last_days_of_a_month() -> datetime:
    """Return the last day but two of a month, in the future: files have their times from the machine's clock."""
    first = datetime.now(timezone.utc).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while True:
        first = (first + timedelta(days=32)).replace(day=1)
        if first - timedelta(days=4) > datetime.now(timezone.utc):
            return first - timedelta(days=3)


def _budget() -> dict[str, str]:
    prefix = "SOURCES__WEATHER__"
    return {
        f"{prefix}PLAN": "free",
        f"{prefix}ONE_CALL__CALLS_PER_DAY": str(A_DAY),
        f"{prefix}ONE_CALL__CALLS_PER_MONTH": str(A_MONTH),
        f"{prefix}CHUNK_SECONDS": "600",
    }


def _dagster_settings(server: PostgresServer, hours: int) -> dict[str, str]:
    resources = '["locations", "current_weather", "one_call_current", "weather_history"]'
    return {
        "SOURCES__WEATHER__RESOURCES": resources,
        "SOURCES__WEATHER__LOCATIONS": str(SCHEDULED).replace("'", '"'),
        "SOURCES__WEATHER__HISTORY_DAYS": "1",
        "SOURCES__WEATHER__SCHEDULE": f"0 */{hours} * * *",
        "WEATHER_DESTINATION": "postgres",
        "DAGSTER_POSTGRES_HOST": "127.0.0.1",
        "DAGSTER_POSTGRES_PORT": str(server.port),
        "DAGSTER_POSTGRES_DB": "dagster",
        "DAGSTER_POSTGRES_USER": "postgres",
        "DAGSTER_POSTGRES_PASSWORD": "not-a-real-password",
    }


def _add_loaders(play: Play) -> None:
    """Add four loaders of history, shards where these may fetch at once, and one of snapshots where Dagster is not."""
    first = play.begins.timestamp()
    for number in range(1, 5):
        given = ["--resources", "weather_history", "--since", "2022-01-01"]
        if play.has_dagster:
            given += [*listed(BACKFILLED), "--shard", f"{number}/4"]
        else:
            given += listed(BACKFILLED[(number - 1) * 2 : number * 2])
        _add_loader(play, f"loader-{number}", given, every=3 * HOUR, first=first + 60.0 * number, kill_share=KILL_SHARE)
    if not play.has_dagster:
        given = ["--resources", ",".join(["locations", *SNAPSHOTS]), *listed(SCHEDULED)]
        _add_loader(play, "scheduled", given, every=play.hours * HOUR, first=first - HOUR, kill_share=0.0)


def _add_loader(play: Play, name: str, given: list[str], *, every: float, first: float, kill_share: float) -> None:
    play.loaders.append(
        Loader(
            name,
            play.round_.folder,
            ["--destination", play.round_.destination, *given],
            every=every,
            first=first,
            kill_share=kill_share,
            chosen=play.round_.random,
        )
    )


def _launch_backfill(play: Play) -> None:
    """Ask for two years of history in Dagster; months that are not complete when a budget is spent have to wait."""
    assert play.dagster is not None
    names = [f"{year}-{month:02}-01" for year in (2020, 2021) for month in range(1, 13)]
    answer = play.dagster.ask(LAUNCH_BACKFILL, names=names, path=["bronze", BACKFILL])
    if answer["launchPartitionBackfill"]["__typename"] != "LaunchBackfillSuccess":
        play.round_.found.problems.append(f"the backfill was not launched: {answer}")

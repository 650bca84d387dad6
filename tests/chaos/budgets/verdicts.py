"""The accounts of a play of days: no limit passed, a day's calls used, every snapshot there, no hand needed."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import Any

from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.destination.target import Target
from tests.chaos.budgets.play import A_DAY, A_MINUTE, A_MONTH, BACKFILLED, SCHEDULED, SNAPSHOTS, Play
from tests.chaos.budgets.programs import DAY
from tests.chaos.inputs.secrets import files_with, tables_with
from tests.chaos.rounds.accounts import count_doubled, count_unaccounted
from tests.helpers.clock import SENTINEL_KEY

LEAST_SHARE = 0.98


def examine(play: Play) -> None:
    """Hold a play to account, and write into its round's findings what is wrong."""
    found, calls = play.round_.found, play.calls
    _hold_limits(play)
    for day in (1, 2):
        moment = play.begins + timedelta(days=day)
        for who, places in (("loaders", BACKFILLED), ("dagster", SCHEDULED if play.has_dagster else [])):
            _note_resumption(play, who, places, moment)
    _note_resumption(play, "all", [*BACKFILLED, *SCHEDULED], play.begins + timedelta(days=3))
    refused = play.round_.simulator.stats.by_status[429]
    if refused:
        found.problems.append(f"{refused} calls were refused by the API")
    for loader in play.loaders:
        found.note(f"runs of {loader.name} killed", len(loader.killed))
        found.note(f"runs of {loader.name} ended", len(loader.ended))
        if wrong := [code for code in loader.ended if code]:
            found.problems.append(f"{loader.name} ended with {wrong}: {loader.said()}")
    found.note("calls", len(calls.arrivals))
    found.note("seconds the clock stood still", int(play.clock.stood_still))
    with Target(play.round_.destination).reader() as tables:
        for table in SNAPSHOTS:
            _count_snapshots(play, table, tables.rows("SELECT location_id, fetched_at FROM {t}", t=table))
        count_doubled(tables, found)
        count_unaccounted(tables, found)
    _search_key(play)


def _search_key(play: Play) -> None:
    """Search for the key, which the links of answers hold, in all files, tables and Dagster's records."""
    places = list(files_with(SENTINEL_KEY, play.round_.folder))
    places += tables_with(SENTINEL_KEY, Target(play.round_.destination))
    if play.has_dagster:
        weather = os.environ["DESTINATION__POSTGRES__CREDENTIALS"]
        os.environ["DESTINATION__POSTGRES__CREDENTIALS"] = weather.rpartition("/")[0] + "/dagster"
        places += [f"Dagster's {name}" for name in tables_with(SENTINEL_KEY, Target("postgres"))]
        os.environ["DESTINATION__POSTGRES__CREDENTIALS"] = weather
    if places:
        play.round_.found.problems.append(f"the key is in {places[:5]}")


def _hold_limits(play: Play) -> None:
    """Hold the API's count of each minute, day and month against the limits, and what of a day was left unused."""
    found, calls = play.round_.found, play.calls
    most, began = calls.fullest_minute()
    found.note("calls in the fullest minute", most)
    if most > A_MINUTE:
        when = datetime.fromtimestamp(began, timezone.utc)
        found.problems.append(f"{most} calls within 60 s from {when}, where {A_MINUTE} are allowed")
    by_day, by_month = calls.by_day("one_call"), calls.by_month("one_call")
    for day, number in sorted(by_day.items()):
        found.note(f"calls of One Call on {day}", number)
        if number > A_DAY:
            found.problems.append(f"{number} calls on {day}, where {A_DAY} are allowed")
    month = by_month[f"{play.begins:%Y-%m}"]
    found.note("calls of One Call in the month", month)
    if month > A_MONTH:
        found.problems.append(f"{month} calls in a month, where {A_MONTH} are allowed")
    for what, number, limit in (
        *((f"{moment:%Y-%m-%d}", by_day[f"{moment:%Y-%m-%d}"], A_DAY) for moment in _whole_days(play)),
        ("the month", month, A_MONTH),
    ):
        if number < LEAST_SHARE * limit:
            found.problems.append(f"only {number} of {limit} calls of {what} were used, though work was left")


def _whole_days(play: Play) -> list[datetime]:
    return [play.begins, play.begins + timedelta(days=1)]


def _note_resumption(play: Play, who: str, places: list[str], midnight: datetime) -> None:
    if not places:
        return
    begin = midnight.timestamp()
    moments = [
        one.moment
        for one in play.calls.arrivals
        if begin <= one.moment < begin + DAY and one.place in places and one.is_history
    ]
    if moments:
        minutes = int(min(moments) - begin) // 60
        play.round_.found.note(f"minutes after 00:00 until {who} went on, {midnight:%d}", minutes)
    else:
        play.round_.found.problems.append(f"{who} did not go on after {midnight}")


def _count_snapshots(play: Play, table: str, rows: list[Any]) -> None:
    """Count the ticks whose observation of a place is in a table."""
    found, step = play.round_.found, timedelta(hours=play.hours)
    there = {(place, utc(fetched_at)) for place, fetched_at in rows}
    tick = play.begins
    missing = []
    while tick + step <= play.clock.now():
        for place in SCHEDULED:
            found.expected += 1
            if any(one == place and tick <= moment < tick + step for one, moment in there):
                found.found += 1
            else:
                missing.append(f"{place} {tick:%d %H:%M}")
        tick += step
    if missing:
        found.problems.append(f"{table} lacks {len(missing)} snapshots: {', '.join(missing[:5])}")

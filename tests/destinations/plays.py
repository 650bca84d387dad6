"""What each destination has to do: first load, same again, late location, new field, status, replay, kill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from dlt_sources.openweather_simulator import Fault, Simulator
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.replay import replay
from dlt_sources.weather.status.late import late_by_resource
from dlt_sources.weather.status.report import read_status
from tests.helpers.clock import Clock
from tests.helpers.processes import load_and_die

DAY = 25  # hours from a day ago to now, both included
CURRENT = "/data/2.5/weather"


class Play(NamedTuple):
    """One destination and the world around it.

    Attributes:
        destination: dlt's name.
        settings: makes settings for the simulated API.
        clock: the clock of all.
        simulator: the API.
    """

    destination: str
    settings: Callable[..., WeatherSettings]
    clock: Clock
    simulator: Simulator

    @property
    def target(self) -> Target:
        """The target, as a process that has just begun knows it."""
        return Target(self.destination)

    def load(self, **given: object) -> None:
        """Load, with each row accounted for."""
        report = load(self.target, self.settings(history_days=1, **given), now=self.clock)
        assert report.error is None, report.error
        assert report.rows_rejected == 0

    def expect(self, **rows: int) -> None:
        """Hold the tables to numbers of rows, and to one row a key."""
        with self.target.reader() as reader:
            found = {table.table: table.rows for table in read_status(reader, self.clock()).tables}
            for table in found:
                key = ", ".join(TABLES[table].key)
                twice = f"SELECT {key} FROM {{t}} GROUP BY {key} HAVING count(*) > 1 LIMIT 1"
                assert not reader.rows(twice, t=table), table
        assert {table: found.get(table) for table in rows} == rows


def first_load(play: Play) -> None:
    """Load into nothing."""
    play.expect()
    play.load()
    play.expect(
        locations=2, current_weather=2, forecast=80, air_pollution=2 * DAY, air_pollution_forecast=192, load_runs=5
    )


def same_again(play: Play) -> None:
    """Load the same hour again: no row more but the runs' own."""
    play.load()
    play.expect(
        locations=2, current_weather=2, forecast=80, air_pollution=2 * DAY, air_pollution_forecast=192, load_runs=9
    )


def late_location(play: Play) -> None:
    """Add a place an hour later: it gets its day of history, the others their hour."""
    play.clock.pass_time(hours=1)
    play.load(locations=[*play.settings().locations, "Paris,FR"])
    play.expect(locations=3, current_weather=5, air_pollution=2 * (DAY + 1) + DAY)


def schema_evolution(play: Play) -> None:
    """Let the API add a field: it becomes a column, null in older rows."""
    play.clock.pass_time(hours=1)
    play.simulator.inject(Fault(path=CURRENT, set={"main.uv_index": 4.5}))
    play.load(resources=["current_weather"])
    play.simulator.clear_faults()
    with play.target.reader() as reader:
        assert "main_uv_index" in reader.columns("current_weather")
        sql = "SELECT main_uv_index, count(*) FROM {t} GROUP BY main_uv_index"
        assert sorted(reader.rows(sql, t="current_weather"), key=str) == [(4.5, 2), (None, 5)]


def status(play: Play) -> None:
    """Read everything that `weather status` shows."""
    with play.target.reader() as reader:
        found = read_status(reader, play.clock())
        late = late_by_resource(reader, play.settings(resources=["current_weather"]), play.clock())
    assert {run.status for run in found.runs} == {"ok"}
    assert len(found.conditions) == 3
    assert found.missing_hours == 0
    assert late == {}


def replayed(play: Play) -> None:
    """Convert all kept answers again: no row more, no row less."""
    report = replay(play.target, play.settings())
    assert report.metrics_by_resource["current_weather"].rows_loaded == 7
    play.expect(locations=3, current_weather=7, air_pollution=2 * (DAY + 1) + DAY)


def kill(play: Play) -> None:
    """Kill a load in the middle of its package: the next one completes it."""
    play.clock.pass_time(hours=1)
    choice = dict(play.settings(history_days=1))
    load_and_die(play.target, "load:1", choice, play.clock())
    play.load()
    play.expect(locations=3, current_weather=9, air_pollution=2 * (DAY + 3) + DAY)


CELLS: Mapping[str, Callable[[Play], None]] = {
    "first load": first_load,
    "same again": same_again,
    "late location": late_location,
    "schema evolution": schema_evolution,
    "status": status,
    "replay": replayed,
    "kill": kill,
}

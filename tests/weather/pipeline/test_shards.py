"""Shards: several runs load a part of the places each, side by side, into one dataset and within one budget."""

from collections import defaultdict
from threading import Thread
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_sources.openweather_simulator import Fault, Simulator, serve
from dlt_sources.weather.common.errors import ConfigurationError, WriterBusyError
from dlt_sources.weather.common.shards import MOST_SHARDS, Shard, parse_shard
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.writer_lock import writer_lock
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.plan import plan
from dlt_sources.weather.pipeline.working_directories import directories, lock_directory
from tests.helpers.command import run
from tests.helpers.processes import load_and_die, start_worker
from tests.helpers.support import assert_no_duplicates, columns, count, load_accounted, query, tables

PLACES = [f"{lat}.0000,{lon}.0000" for lat in range(4) for lon in range(5)]
FOUR = [f"{number}/4" for number in range(1, 5)]
CURRENT = "/data/2.5/weather"
SLOW = pytest.mark.slow


@given(st.text(), st.integers(1, MOST_SHARDS))
def test_every_place_is_in_exactly_one_shard(place, of):
    assert sum(Shard(number, of).has(place) for number in range(1, of + 1)) == 1


def test_a_place_stays_in_its_shard_on_every_machine_and_release():
    of_four = {place: next(n for n in range(1, 5) if Shard(n, 4).has(place)) for place in ("madrid,es", "51.5,0", "")}
    assert of_four == {"madrid,es": 3, "51.5,0": 2, "": 1}


def test_shards_are_about_equal():
    sizes = [sum(Shard(number, 4).has(f"place {n}") for n in range(20_000)) for number in range(1, 5)]
    assert sum(sizes) == 20_000
    assert all(4_750 < size < 5_250 for size in sizes)


@pytest.mark.parametrize("text", ["0/4", "5/4", "2", "2/", "a/b", "-1/4", "1/1001", "1.5/2", "1/0"])
def test_what_is_no_shard_is_refused_in_a_sentence(settings, text):
    with pytest.raises(ConfigurationError, match=f"shard '{text}' is invalid: it must be written like 2/4"):
        settings(shard=text)


def test_a_destination_that_shards_cannot_share_is_refused_before_anything_is_asked(duckdb, settings, clock, simulator):
    with pytest.raises(ConfigurationError, match="shard needs PostgreSQL"):
        load(duckdb, settings(shard="1/2"), now=clock)
    with pytest.raises(ConfigurationError, match="duckdb has neither"):
        plan(duckdb, settings(shard="1/2"), clock())
    assert simulator.stats.calls == 0


def test_the_command_line_takes_a_shard(postgres, api):
    places = [option for place in PLACES for option in ("--location", place)]
    planned = [run("plan", "--destination", "postgres", "--shard", one, *places, api=api) for one in ("1/2", "2/2")]
    calls = [int(one.out.partition(" to look up. ")[2].partition(" calls")[0]) for one in planned]
    assert sum(calls) == len(PLACES) * 4
    assert min(calls) > 0
    loaded = run("--destination", "postgres", "--shard", "1/2", *places, api=api)
    assert loaded.code == 0, loaded.said
    assert count(postgres, "current_weather") == calls[0] / 4
    refused = run("--shard", "3/2", api=api)
    assert refused.code == 2
    assert refused.err.startswith("Error: shard '3/2' is invalid")


def test_the_shards_together_load_what_a_whole_run_loads_and_reject_it_once(postgres, settings, clock):
    choice = {"locations": [*PLACES, "91,0", "Nowhere at all,ZZ"], "history_days": 1}
    reports = [load_accounted(postgres, settings(shard=one, **choice), clock) for one in FOUR]
    rows = {table: count(postgres, table) for table in sorted(tables(postgres) & TABLES.keys())}
    calls = sum(metrics.calls for report in reports for metrics in report.metrics_by_resource.values())
    assert rows["current_weather"] == len(PLACES)
    assert rows["air_pollution"] == len(PLACES) * 25
    assert rows["rejects"] == 2
    assert calls == len(PLACES) * 4 + 1
    whole = load_accounted(postgres, settings(**choice), clock)
    assert whole.metrics_by_resource["air_pollution"].rows_fetched == 0, "the shards left nothing out"
    for table, number in rows.items():
        if table not in ("rejects", "load_runs", "weather_raw"):
            assert count(postgres, table) == number, table


def test_shards_share_a_dataset_and_take_turns_with_themselves_and_with_a_whole_run(postgres, settings, clock):
    with writer_lock(postgres, "the-holder", 0, parse_shard("1/2")):
        load_accounted(postgres, settings(shard="2/2", lock_wait_seconds=0), clock)
        assert query(postgres, "SELECT DISTINCT shard FROM load_runs") == [("2/2",)]
        for other in (None, "1/2"):
            with pytest.raises(WriterBusyError, match="weather run the-holder, shard 1/2 from"):
                load(postgres, settings(shard=other, lock_wait_seconds=0), now=clock)
    with (
        writer_lock(postgres, "the-holder", 0),
        pytest.raises(WriterBusyError, match="weather run the-holder from"),
    ):
        load(postgres, settings(shard="2/2", lock_wait_seconds=0), now=clock)


def test_shards_write_in_the_order_in_which_they_ask(postgres):
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    order = []
    with (
        writer_lock(postgres, "first", 30, Shard(1, 2)) as first,
        writer_lock(postgres, "second", 30, Shard(2, 2)) as second,
    ):

        def write():
            with second.exclusive():
                order.append("second")

        thread = Thread(target=write)
        with first.exclusive():
            thread.start()
            deadline = monotonic() + 20
            while query(postgres, waiting) != [(1,)] and monotonic() < deadline:
                pass
        # at once, before another that looks from time to time would have looked
        with first.exclusive():
            order.append("first")
        thread.join()
    assert order == ["second", "first"]


def test_a_shard_that_does_not_get_to_write_in_time_keeps_its_package(postgres, settings, clock, monkeypatch):
    choice = settings(shard="1/1", resources=["current_weather"], locations=PLACES, lock_wait_seconds=1)
    prepare = "dlt_sources.weather.pipeline.writer.prepare_package"
    with writer_lock(postgres, "the-writer", 0, parse_shard("2/2")) as hold, monkeypatch.context() as patch:
        from dlt_sources.weather.pipeline.packages import prepare_package  # noqa: PLC0415

        writer = hold.exclusive()

        def then_somebody_writes(pipeline, source):
            prepare_package(pipeline, source)
            writer.__enter__()

        patch.setattr(prepare, then_somebody_writes)
        with pytest.raises(WriterBusyError, match="the-writer"):
            load(postgres, choice, now=clock)
        writer.__exit__(None, None, None)
    assert count(postgres, "current_weather") == 0
    clock.pass_time(hours=1)
    assert load_accounted(postgres, choice, clock).finished_before == 1
    assert count(postgres, "current_weather") == len(PLACES) * 2


@pytest.mark.process
@pytest.mark.parametrize("point", [pytest.param("load:1", marks=SLOW), "complete-job:1", "complete-package:1"])
def test_a_killed_shards_package_is_finished_by_another(postgres, settings, clock, point):
    choice = {"resources": ["current_weather"], "locations": PLACES}
    killed_at = clock()
    load_and_die(postgres, point, dict(settings(shard="1/2", **choice)), killed_at)
    clock.pass_time(hours=1)
    report = load_accounted(postgres, settings(shard="2/2", **choice), clock)
    assert report.finished_before == 1
    kept = {
        row[0] for row in query(postgres, "SELECT location_id FROM current_weather WHERE fetched_at = %s", killed_at)
    }
    assert kept == {place for place in PLACES if Shard(1, 2).has(place)}
    assert count(postgres, "current_weather") == len(PLACES)
    assert directories(postgres.root) == []


@pytest.mark.process
def test_the_directory_of_a_run_that_lives_is_left_alone(postgres, settings, clock):
    choice = {"resources": ["current_weather"], "locations": PLACES}
    load_and_die(postgres, "load:1", dict(settings(shard="1/2", **choice)), clock())
    (directory,) = directories(postgres.root)
    with lock_directory(directory) as free:
        assert free
        assert load_accounted(postgres, settings(shard="2/2", **choice), clock).finished_before == 0
    assert directories(postgres.root) == [directory]
    assert load_accounted(postgres, settings(shard="2/2", **choice), clock).finished_before == 1


@pytest.mark.process
@pytest.mark.parametrize("new_column", [pytest.param(False, marks=SLOW), True])
def test_four_shards_at_once_lose_and_double_nothing(postgres, settings, clock, new_column):
    simulator = Simulator(latency=0.3, clock=lambda: clock().timestamp())
    if new_column:
        load_accounted(postgres, settings(locations=PLACES[:4], resources=["current_weather"]), clock)
        simulator.inject(Fault(path=CURRENT, set={"main.uv_index": 4, "station": {"name": "Retiro"}}))
        clock.pass_time(hours=1)
    with serve(simulator) as url:
        # several packages each, and rounds of history long enough for all four to be under way
        choice = {
            "base_url": url,
            "locations": PLACES,
            "history_days": 4,
            "history_days_per_call": 1,
            "chunk_rows": 200,
        }
        workers = [start_worker(postgres, "end", dict(settings(shard=one, **choice)), clock()) for one in FOUR]
        for worker in workers:
            worker.join(200)
    assert [worker.exitcode for worker in workers] == [0] * 4
    for table in sorted(tables(postgres) & TABLES.keys()):
        assert_no_duplicates(postgres, table, *TABLES[table].key)
    assert query(postgres, "SELECT count(*) FROM current_weather WHERE fetched_at = %s", clock()) == [(len(PLACES),)]
    hours = query(postgres, "SELECT location_id, count(*) FROM air_pollution GROUP BY 1")
    assert dict(hours) == dict.fromkeys(PLACES, 4 * 24 + 1)
    assert query(postgres, "SELECT 1 FROM load_runs WHERE rows_fetched <> rows_loaded + rows_rejected") == []
    assert simulator.stats.calls == len(PLACES) * (3 + 5)
    assert_all_were_under_way(simulator)
    if new_column:
        assert {"main_uv_index", "station_name"} <= columns(postgres, "current_weather").keys()
        found = query(postgres, "SELECT main_uv_index, station_name, count(*) FROM current_weather GROUP BY 1, 2")
        assert sorted(found, key=str) == [(4.0, "Retiro", len(PLACES)), (None, None, 4)]


def assert_all_were_under_way(simulator):
    """Assert that there was a moment at which each shard had asked, and had more to ask."""
    came = defaultdict(list)
    for request in simulator.requests:
        place = f"{float(request.params['lat']):.4f},{float(request.params['lon']):.4f}"
        came[next(n for n in range(1, 5) if Shard(n, 4).has(place))].append(request.received_at)
    assert len(came) == 4
    assert max(min(times) for times in came.values()) < min(max(times) for times in came.values())

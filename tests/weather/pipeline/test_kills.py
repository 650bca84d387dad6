"""Loads that are killed, at every point of their work: the next ones complete the tables."""

import shutil
import time
from collections.abc import Iterator

import pytest

from dlt_sources.openweather_simulator import Simulator, serve
from tests.helpers.processes import finish, load_and_die, start, start_worker
from tests.helpers.support import load_accounted, query
from tests.weather.pipeline.accounts import (
    HISTORY,
    OSLO,
    PLACES,
    SMALL,
    assert_each_key_once,
    assert_no_hour_missing,
    assert_whole,
    current_weather_at,
    folders,
    hour,
)

pytestmark = pytest.mark.db
# before anything is asked
EARLY = ["ask:1"]
# with the current weather of the hour in the journal, and no package yet; the third call is for air pollution
ASKED = ["ask:3", "convert:1", "convert:3"]
# with a package in the working directory that holds the current weather of the hour, and nothing in the destination
EXTRACTED = ["normalize:1", "after-commit-package:1", "after-normalize:1"]
# while the destination takes the package, or after it; what is there then depends on the destination
LOADING = [
    "update-schema:1",
    "complete-job:1",
    "complete-job:7",
    "start-job:8",
    "complete-package:1",
    "extract:2",
    "load:2",
    "check-accounts:1",
]
# between two others; tests.chaos kills there too, at random
IN_BETWEEN = {"convert:1", "after-commit-package:1", "after-normalize:1", "complete-job:7", "start-job:8", "extract:2"}
# next to a job that is complete and to a complete package, where PostgreSQL's loads are killed, too
NEXT_TO_OTHERS = {("postgres", "update-schema:1"), ("postgres", "check-accounts:1")}


def kill_points() -> Iterator[object]:
    """Destination and point of each kill."""
    points = [("duckdb", point) for point in [*EARLY, *ASKED, *EXTRACTED]]
    points += [(destination, point) for destination in ("duckdb", "postgres") for point in LOADING]
    for destination, point in points:
        far = point in IN_BETWEEN or (destination, point) in NEXT_TO_OTHERS
        yield pytest.param(destination, point, id=f"{destination}-{point}", marks=[pytest.mark.slow] if far else [])


@pytest.mark.process
@pytest.mark.parametrize(("target", "point"), list(kill_points()), indirect=["target"])
def test_a_load_that_is_killed_is_completed_by_the_next(target, settings, clock, point):
    since = hour(clock()) - HISTORY
    killed_at = clock()
    load_and_die(target, point, dict(settings(**SMALL)), killed_at)
    clock.pass_time(hours=1)
    report = load_accounted(target, settings(**SMALL), clock)
    assert report.error is None
    assert_whole(target, hour(clock()), since=since)
    if point not in EARLY:
        assert current_weather_at(target, killed_at) == len(PLACES), "observations that cannot be asked for again"
    assert current_weather_at(target, clock()) == len(PLACES)


@pytest.mark.process
@pytest.mark.slow
def test_kills_at_any_moment_one_after_another_lose_nothing(postgres, settings, clock):
    target = postgres
    since = hour(clock()) - HISTORY
    given = dict(settings(**SMALL))
    began = time.monotonic()
    worker = start_worker(target, "end", given, clock())
    worker.join(120)
    whole_load = time.monotonic() - began
    assert worker.exitcode == 0
    killed = 0
    for fraction in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        clock.pass_time(hours=1)
        worker = start_worker(target, "end", given, clock())
        worker.join(whole_load * fraction)
        if worker.exitcode is None:
            worker.kill()
            worker.join()
            killed += 1
    assert killed > 0
    clock.pass_time(hours=1)
    load_accounted(target, settings(**SMALL), clock)
    assert_whole(target, hour(clock()), since=since)


@pytest.mark.process
def test_a_kill_that_loses_the_working_directory_too_leaves_no_gap(target, settings, clock):
    since = hour(clock()) - HISTORY
    load_and_die(target, "complete-job:4", dict(settings(**SMALL)), clock())
    shutil.rmtree(target.root)
    target.root.mkdir()
    clock.pass_time(hours=1)
    load_accounted(target, settings(**SMALL), clock)
    assert_no_hour_missing(target, hour(clock()), since=since)
    assert_each_key_once(target)


@pytest.mark.process
def test_a_package_left_behind_is_loaded_before_anything_new(duckdb, settings, clock):
    target = duckdb
    load_and_die(target, "normalize:1", dict(settings(**SMALL)), clock())
    (left,) = folders(target)
    clock.pass_time(hours=1)
    report = load_accounted(target, settings(**SMALL), clock)
    assert report.finished_before == 1
    loads = query(target, "SELECT run_id FROM load_runs WHERE resource = 'current_weather' ORDER BY _dlt_load_id")
    assert loads == [(left,), (report.run_id,)]
    assert load_accounted(target, settings(**SMALL), clock).finished_before == 0


@pytest.mark.process
def test_a_load_that_is_killed_while_it_finishes_another_loses_neither(target, settings, clock):
    since = hour(clock()) - HISTORY
    killed_at = clock()
    load_and_die(target, "load:1", dict(settings(**SMALL)), killed_at)
    for point in ("start-job:7", "complete-job:1"):
        clock.pass_time(minutes=20)
        load_and_die(target, point, dict(settings(**SMALL)), clock())
    clock.pass_time(minutes=20)
    load_accounted(target, settings(**SMALL), clock)
    assert_whole(target, hour(clock()), since=since)
    assert current_weather_at(target, killed_at) == len(PLACES)


@pytest.mark.process
def test_a_command_that_is_killed_leaves_nothing_in_the_temporary_folder(duckdb, tmp_path):  # noqa: ARG001
    folder = tmp_path / "temporary"
    folder.mkdir()
    simulator = Simulator(latency=30)
    with serve(simulator) as api:
        process = start("--location", OSLO, api=api, TMPDIR=str(folder))
        while not simulator.stats.by_path["/data/2.5/weather"]:
            assert process.poll() is None, finish(process).said
            time.sleep(0.05)
        process.kill()
        process.wait()
    assert list(folder.iterdir()) == []

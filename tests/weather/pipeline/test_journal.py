"""Answers that cannot be asked for again, whatever ends the load that they came to: the next one loads them."""

import errno
import os

import dlt
import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.common.errors import DestinationError
from dlt_sources.weather.extract.endpoint import Extraction
from dlt_sources.weather.journal import journal_files
from dlt_sources.weather.journal.records import RecordWriter
from dlt_sources.weather.pipeline.load import load
from tests.helpers.support import count, load_accounted, query
from tests.weather.pipeline.accounts import OSLO, PLACES, assert_each_key_once, current_weather_at, folders

pytestmark = pytest.mark.db
CHOICE = {"resources": ["current_weather", "forecast", "air_pollution_forecast"], "locations": ["Madrid,ES", *PLACES]}
# few calls in flight, and no room for another once one is made
MANY_PACKAGES = {
    "resources": ["current_weather"],
    "locations": [f"{latitude},10" for latitude in range(24)],
    "calls_per_minute": 60,
    "chunk_seconds": 0,
}
NOT_FOUND = Fault(path="/data/2.5/forecast", where={"lat": "59.9139"}, status=404)
STEPS = {
    "convert": (Extraction, "_remaining"),
    "normalize": (dlt.Pipeline, "normalize"),
    "load": (dlt.Pipeline, "load"),
}
# up to the load, nothing has reached the destination: with DuckDB, that is played each time
ENDS = [
    pytest.param(
        name, step, id=f"{name}-{step}", marks=[pytest.mark.slow] if name == "postgres" and step != "load" else []
    )
    for name in ("duckdb", "postgres")
    for step in STEPS
]


def end_early(target, choice, clock, monkeypatch, step, times=1):  # noqa: PLR0917
    """Load until a step is taken for the n-th time, which raises; return the run's id."""
    owner, name = STEPS[step]
    original = getattr(owner, name)
    calls = []

    def failing(*args, **kwargs):
        calls.append(None)
        if len(calls) >= times:
            raise RuntimeError("a fault of the test")
        return original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, failing)
        with pytest.raises(Exception, match=r"a fault of the test|did not take the rows"):
            load(target, choice, now=clock)
    (run_id,) = folders(target)
    return run_id


def answers_kept(target):
    sql = "SELECT endpoint, location_id, fetched_at FROM weather_raw"
    return {(endpoint, location, moment.timestamp()) for endpoint, location, moment in query(target, sql)}


@pytest.mark.parametrize(("target", "step"), ENDS, indirect=["target"])
def test_whatever_ends_a_load_the_next_one_loads_what_had_arrived(  # noqa: PLR0917 - fixtures
    target, settings, clock, simulator, monkeypatch, step
):
    simulator.inject(NOT_FOUND)
    began = clock()
    # the last of the three endpoints, so that the answers of all have arrived
    run_id = end_early(target, settings(**CHOICE), clock, monkeypatch, step, times=3 if step == "convert" else 1)
    clock.pass_time(hours=1)
    report = load_accounted(target, settings(**CHOICE), clock)
    assert report.finished_before == 1
    assert folders(target) == []
    assert current_weather_at(target, began) == current_weather_at(target, clock()) == 3
    for moment in (began, clock()):
        for endpoint, places in {"current_weather": 3, "forecast": 2, "air_pollution_forecast": 3}.items():
            kept = [one for one in answers_kept(target) if one[0] == endpoint and one[2] == moment.timestamp()]
            assert len(kept) == places
    assert count(target, "forecast") == 2 * 2 * 40
    assert count(target, "air_pollution_forecast") == 2 * 3 * 96
    assert_each_key_once(target)
    runs = query(
        target,
        "SELECT resource, requests, requests_failed, rows_fetched, rows_loaded, rows_rejected, calls FROM load_runs"
        " WHERE run_id = %s AND resource <> 'locations' ORDER BY resource",
        run_id,
    )
    assert runs == [
        ("air_pollution_forecast", 3, 0, 288, 288, 0, 3),
        ("current_weather", 3, 0, 3, 3, 0, 3),
        ("forecast", 3, 1, 81, 80, 1, 3),
    ]
    rejects = query(target, "SELECT resource, location_id, error_class FROM rejects WHERE run_id = %s", run_id)
    assert rejects == [("forecast", OSLO, "not_found")]
    if step == "convert":
        states = query(target, "SELECT DISTINCT status, error IS NULL FROM load_runs WHERE run_id = %s", run_id)
        assert states == [("interrupted", False)]


def test_a_look_up_that_had_arrived_is_not_paid_for_again(duckdb, settings, clock, simulator, monkeypatch):
    end_early(duckdb, settings(**CHOICE), clock, monkeypatch, "convert")
    clock.pass_time(hours=1)
    load_accounted(duckdb, settings(**CHOICE), clock)
    assert simulator.stats.by_path["/geo/1.0/direct"] == 1
    assert count(duckdb, "locations") == 3


def test_the_counts_of_earlier_packages_stay_in_those_of_an_interrupted_run(
    duckdb, settings, clock, simulator, monkeypatch
):
    for latitude in range(0, 24, 2):
        simulator.inject(Fault(path="/data/2.5/weather", status=404, where={"lat": f"{latitude}.0000"}))
    run_id = end_early(duckdb, settings(**MANY_PACKAGES), clock, monkeypatch, "convert", times=2)
    sql = "SELECT rows_fetched, rows_rejected, status FROM load_runs WHERE resource = 'current_weather'"
    ((fetched, rejected_before, status),) = query(duckdb, sql)
    assert status == "running"
    clock.pass_time(hours=1)
    load_accounted(duckdb, settings(**MANY_PACKAGES), clock)
    sql = "SELECT rows_fetched, rows_loaded, rows_rejected, status FROM load_runs WHERE run_id = %s"
    counts = query(duckdb, f"{sql} AND resource = 'current_weather'", run_id)
    in_tables = query(duckdb, "SELECT count(*) FROM weather_raw WHERE run_id = %s", run_id)[0][0]
    rejected = query(duckdb, "SELECT count(*) FROM rejects WHERE run_id = %s", run_id)[0][0]
    assert in_tables + rejected > fetched
    assert rejected > rejected_before > 0
    assert counts == [(in_tables + rejected, in_tables, rejected, "interrupted")]


def test_a_disk_that_takes_no_answers_ends_the_load_in_a_sentence_and_keeps_those_before(
    target, settings, clock, monkeypatch
):
    began = clock()
    append = RecordWriter.append
    taken = []

    def full_after_four(self, payload):
        if len(taken) == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken.append(payload)
        append(self, payload)

    with monkeypatch.context() as patch:
        patch.setattr(RecordWriter, "append", full_after_four)
        with pytest.raises(DestinationError, match=r"No space left on device.*kept and loaded by the next run"):
            load(target, settings(**CHOICE), now=clock)
    clock.pass_time(hours=1)
    load_accounted(target, settings(**CHOICE), clock)
    # the look-up and the current weather of three places
    assert current_weather_at(target, began) == 3


@pytest.mark.parametrize("damage", ["torn", "middle"])
def test_a_journal_that_is_damaged_is_read_as_far_as_possible_and_said(  # noqa: PLR0917 - fixtures
    duckdb, settings, clock, monkeypatch, caplog, damage
):
    began = clock()
    run_id = end_early(duckdb, settings(**CHOICE), clock, monkeypatch, "convert")
    (file,) = journal_files(duckdb.root / run_id)
    data = bytearray(file.read_bytes())
    # the look-up, then the current weather of three places
    if damage == "torn":
        del data[-7:]
    else:
        data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    clock.pass_time(hours=1)
    load_accounted(duckdb, settings(**CHOICE), clock)
    assert current_weather_at(duckdb, began) == 2
    if damage == "torn":
        assert "ends in an incomplete answer, as a kill leaves it" in caplog.text
        assert "after 3 answers" in caplog.text
        assert not (duckdb.root / "set_aside").exists()
    else:
        assert "3 answers could be read" in caplog.text
        assert journal_files(duckdb.root / "set_aside" / run_id)[0].read_bytes() == data
    assert folders(duckdb) == []


def test_the_journal_of_a_package_is_gone_once_its_rows_are_in_the_tables(duckdb, settings, clock, monkeypatch):
    seen = []
    append = RecordWriter.append

    def watched(self, payload):
        append(self, payload)
        seen.append(len(list(duckdb.root.glob("*/journal/*"))))

    monkeypatch.setattr(RecordWriter, "append", watched)
    report = load_accounted(duckdb, settings(**MANY_PACKAGES), clock)
    assert report.packages > 1
    assert set(seen) == {1}, "one file a package"
    assert folders(duckdb) == []

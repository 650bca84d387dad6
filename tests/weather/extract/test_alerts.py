"""Warnings of One Call 4.0: each text is asked once, and every location that it concerns has a row."""

from __future__ import annotations

import time

import dlt
import orjson
import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.openweather_simulator.world.alerts import alert_of, alerts_at
from dlt_sources.weather import weather_source
from dlt_sources.weather.extract.endpoint import Extraction
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.plan import plan
from dlt_sources.weather.pipeline.replay import replay
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.support import load_accounted, query
from tests.weather.pipeline.accounts import assert_each_key_once, folders

pytestmark = pytest.mark.db
# two places of a region with three warnings at the clock's time, and one without any
STORMY = ["44.5000,2.5000", "43.5000,1.5000"]
CALM = "40.4168,-3.7038"
BOTH = {"resources": ["one_call_current", "one_call_alerts"], "locations": [*STORMY, CALM]}
ALONE = BOTH | {"resources": ["one_call_alerts"]}
TEXT, CURRENT = "/data/4.0/onecall/alert/", "/data/4.0/onecall/current"


@pytest.fixture(autouse=True)
def subscribed(simulator):
    simulator.one_call_keys, simulator.one_call_version = "all", 4
    assert len(in_force(simulator)) == 3
    return simulator


def in_force(simulator):
    ids = alerts_at(44.5, 2.5, int(simulator.now()))
    assert ids == alerts_at(43.5, 1.5, int(simulator.now()))
    assert alerts_at(40.4168, -3.7038, int(simulator.now())) == []
    return ids


def asked(simulator, prefix):
    return sorted(request.path for request in simulator.requests if request.path.startswith(prefix))


def rows(target):
    sql = (
        "SELECT location_id, alert_id, sender_name, event, CAST(extract(epoch FROM start) AS BIGINT),"
        ' CAST(extract(epoch FROM "end") AS BIGINT), description, tags FROM one_call_alerts'
    )
    return sorted(query(target, sql))


def expected(ids, places=STORMY):
    return sorted((place, *alert_of(alert_id), None) for place in places for alert_id in ids)


def test_a_text_is_asked_once_however_many_places_and_rows_name_it(target, settings, clock, simulator):
    ids = in_force(simulator)
    load_accounted(target, settings(**BOTH), clock)
    assert rows(target) == expected(ids)
    clock.pass_time(minutes=5)
    # rows of the present hour name the warnings of another run
    load_accounted(target, settings(**ALONE), clock)
    assert len(asked(simulator, CURRENT)) == 3
    clock.pass_time(minutes=50)
    load_accounted(target, settings(**BOTH), clock)
    assert len(asked(simulator, CURRENT)) == 2 * 3
    assert asked(simulator, TEXT) == sorted(TEXT + one for one in ids)
    assert rows(target) == expected(ids)
    assert_each_key_once(target)
    named = query(target, "SELECT alerts FROM one_call_current WHERE location_id = %s", STORMY[0])
    assert {tuple(orjson.loads(one) if isinstance(one, str) else one) for (one,) in named} == {tuple(ids)}


def test_without_rows_of_the_hour_the_present_weather_names_the_warnings(target, settings, clock, simulator):
    ids = in_force(simulator)
    report = load_accounted(target, settings(**ALONE), clock)
    assert len(asked(simulator, CURRENT)) == 3
    assert rows(target) == expected(ids)
    metrics = report.metrics_by_resource["one_call_alerts"]
    assert (metrics.requests, metrics.calls, metrics.rows_loaded) == (6, 6, 6)
    assert query(target, "SELECT DISTINCT endpoint FROM weather_raw") == [("one_call_alerts",)]


def test_a_new_place_has_the_rows_of_texts_that_are_loaded_and_a_replay_rebuilds_all(
    target, settings, clock, simulator
):
    ids = in_force(simulator)
    load_accounted(target, settings(**BOTH | {"locations": STORMY[:1]}), clock)
    clock.pass_time(minutes=50)
    load_accounted(target, settings(**BOTH), clock)
    assert len(asked(simulator, TEXT)) == len(ids)
    assert rows(target) == expected(ids)
    query(target, "DELETE FROM one_call_alerts")
    replay(target, settings(**BOTH), ["one_call_alerts"])
    assert rows(target) == expected(ids)


def test_a_text_that_fails_is_a_reject_and_is_asked_again(duckdb, settings, clock, simulator):
    failing, *others = in_force(simulator)
    simulator.inject(Fault(path=TEXT + failing, status=404))
    report = load_accounted(duckdb, settings(**BOTH), clock)
    assert rows(duckdb) == expected(others)
    assert report.error is None
    rejected = query(duckdb, "SELECT endpoint, error_class, location_id FROM rejects")
    assert rejected == [(TEXT + failing, "not_found", STORMY[0])]
    simulator.clear_faults()
    clock.pass_time(minutes=50)
    load_accounted(duckdb, settings(**BOTH), clock)
    assert len(asked(simulator, TEXT)) == 4
    assert rows(duckdb) == expected([failing, *others])


def test_an_answer_without_a_text_is_a_reject(duckdb, settings, clock, simulator):
    for alert_id, body in zip(in_force(simulator), (b'{"data":[]}', b'{"data":"x"}', b"[]"), strict=True):
        simulator.inject(Fault(path=TEXT + alert_id, body=body))
    load_accounted(duckdb, settings(**BOTH), clock)
    assert query(duckdb, "SELECT error_class FROM rejects") == [("unexpected_answer",)] * 3


def test_a_text_inside_of_data_or_without_its_id_is_read_too(duckdb, settings, clock, simulator):
    first, second, _ = ids = in_force(simulator)
    simulator.inject(Fault(path=TEXT + first, body=orjson.dumps({"data": [alert_of(first)._asdict()]})))
    simulator.inject(Fault(path=TEXT + second, remove=("id",)))
    load_accounted(duckdb, settings(**BOTH), clock)
    assert rows(duckdb) == expected(ids)


def test_texts_that_had_arrived_before_a_kill_are_not_asked_again(duckdb, settings, clock, simulator, monkeypatch):
    ids = in_force(simulator)
    with monkeypatch.context() as patch:
        patch.setattr(Extraction, "_remaining", lambda _: 1 / 0)
        with pytest.raises(Exception, match="division"):
            load(duckdb, settings(**ALONE), now=clock)
    assert len(folders(duckdb)) == 1
    clock.pass_time(minutes=50)
    load_accounted(duckdb, settings(**ALONE), clock)
    assert rows(duckdb) == expected(ids)
    assert len(asked(simulator, TEXT)) == len(ids)
    assert_each_key_once(duckdb)


@pytest.mark.parametrize(("choice", "calls"), [(BOTH, 0), (ALONE, 3)], ids=["with others", "alone"])
def test_a_plan_has_calls_for_ids_only_where_no_other_answer_names_them(duckdb, settings, choice, calls):
    (step,) = [step for step in plan(duckdb, settings(**choice)).steps if step.resource == "one_call_alerts"]
    assert step.calls == calls


def test_a_plain_pipeline_asks_no_place_twice(api, simulator, tmp_path):
    simulator.set_clock(now=time.time())
    source = weather_source(
        resources=["one_call_alerts", "one_call_current", "one_call_minutely"],
        locations=[*STORMY, CALM],
        base_url=api,
        api_key=SENTINEL_KEY,
        calls_per_minute=30_000,
    )
    pipeline = dlt.pipeline("own", destination=dlt.destinations.duckdb(str(tmp_path / "own.duckdb")))
    pipeline.run(source, loader_file_format="parquet")
    assert len(asked(simulator, CURRENT)) == 3
    alone = source.with_resources("one_call_alerts")
    assert len(list(alone)) >= 1

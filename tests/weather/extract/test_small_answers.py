"""Many small answers are converted together; each row keeps the facts of its own answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import orjson
import pyarrow as pa

from dlt_sources.weather.api.endpoints import BY_NAME
from dlt_sources.weather.api.responses import Request, classify
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.convert.converter import Converter
from dlt_sources.weather.extract.counts import LoadMetrics
from dlt_sources.weather.extract.endpoint import BATCH_BYTES, Extraction
from dlt_sources.weather.extract.limits import PackageLimits
from dlt_sources.weather.extract.requests import RequestWindow
from dlt_sources.weather.extract.requests.alerts import text_request
from dlt_sources.weather.locations.model import ResolvedLocation

NOW = datetime(2026, 5, 20, 12, 20, tzinfo=timezone.utc)
CURRENT = BY_NAME["one_call_current"]


def answer(number, temperatures):
    location = ResolvedLocation(f"place {number}", "", 0.0, float(number))
    rows = [{"dt": 1_000_000_000 + step, "temp": temp} for step, temp in enumerate(temperatures)]
    body = orjson.dumps({"timezone": f"Zone/{number}", "timezone_offset": 3600 * number, "data": rows})
    request = Request(CURRENT.name, CURRENT.path, {"units": "metric"}, RequestWindow(location))
    return classify(request, 200, body, None, NOW + timedelta(seconds=number))


def converted(*answers):
    metrics = LoadMetrics(CURRENT.name, "run", "load", NOW)
    package = PackageLimits(WeatherSettings(), lambda: 0, bounded=False)
    extraction = Extraction(CURRENT, metrics, package, Converter, lambda: NOW)
    tables = {}
    for item in (item.data for item in extraction.items(answers, lambda *_: None)):
        kind = "rows" if "temp" in item.schema.names else "raw" if "body" in item.schema.names else "rejects"
        tables[kind] = pa.concat_tables([tables[kind], item]) if kind in tables else item
    return metrics, tables


def test_each_row_keeps_the_place_the_zone_and_the_moment_of_its_answer():
    sizes = {1: [1.5, 2.5], 2: [], 3: [3.5], 4: [4.5, 5.5, 6.5]}
    metrics, tables = converted(*(answer(number, temperatures) for number, temperatures in sizes.items()))
    expected = [
        (f"place {number}", f"Zone/{number}", 3600 * number, NOW + timedelta(seconds=number), "metric", temp)
        for number, temperatures in sizes.items()
        for temp in temperatures
    ]
    names = ("location_id", "timezone", "timezone_offset", "fetched_at", "units", "temp")
    assert [tuple(row[name] for name in names) for row in tables["rows"].to_pylist()] == expected
    assert (metrics.rows_fetched, metrics.rows_loaded, metrics.rows_rejected, metrics.requests) == (6, 6, 0, 4)


def test_rows_of_several_batches_are_one_item_while_they_are_few():
    metrics = LoadMetrics(CURRENT.name, "run", "load", NOW)
    package = PackageLimits(WeatherSettings(), lambda: 0, bounded=False)
    extraction = Extraction(CURRENT, metrics, package, Converter, lambda: NOW)
    # each fills a batch, and the last has a field that the API has added
    answers = [answer(number, [1.5]) for number in range(3)]
    grown = answer(3, [1.5])
    body = grown.body.replace(b'"temp"', b'"newest":7,"temp"')
    answers.append(replace(grown, body=body, data=orjson.loads(body)))
    answers = [replace(one, body=one.body + b" " * BATCH_BYTES) for one in answers]
    items = [item.data for item in extraction.items(answers, lambda *_: None)]
    (rows,) = [item for item in items if "temp" in item.schema.names]
    assert rows["location_id"].to_pylist() == [f"place {number}" for number in range(4)]
    assert rows["newest"].to_pylist() == [None, None, None, 7]
    assert metrics.rows_fetched == metrics.rows_loaded == 4


def test_an_invalid_row_among_small_answers_is_rejected_with_its_place():
    metrics, tables = converted(answer(1, [1.5]), answer(2, [2.5, "warm", 3.5]), answer(3, [4.5]))
    rows = [(row["location_id"], row["timezone"], row["temp"]) for row in tables["rows"].to_pylist()]
    assert rows == [
        ("place 1", "Zone/1", 1.5),
        ("place 2", "Zone/2", 2.5),
        ("place 2", "Zone/2", 3.5),
        ("place 3", "Zone/3", 4.5),
    ]
    (reject,) = tables["rejects"].to_pylist()
    assert (reject["location_id"], reject["field"], reject["error_class"]) == ("place 2", "temp", "wrong_type")
    assert (metrics.rows_fetched, metrics.rows_loaded, metrics.rows_rejected) == (5, 4, 1)


def test_a_key_that_repeats_in_a_small_answer_counts_once():
    repeated = answer(1, [1.5, 2.5])
    repeated.data["data"][1]["dt"] = repeated.data["data"][0]["dt"]
    metrics, tables = converted(repeated, answer(2, [3.5]))
    assert [row["temp"] for row in tables["rows"].to_pylist()] == [2.5, 3.5]
    assert [row["error_class"] for row in tables["rejects"].to_pylist()] == ["repeated_key"]
    assert metrics.rows_fetched == metrics.rows_loaded + metrics.rows_rejected == 3


def test_answers_of_one_place_at_one_moment_are_different_raw_answers():
    forecast = BY_NAME["one_call_quarter_hourly"]
    location = ResolvedLocation("a", "", 0.0, 0.0)
    metrics = LoadMetrics(forecast.name, "run", "load", NOW)
    package = PackageLimits(WeatherSettings(), lambda: 0, bounded=False)
    extraction = Extraction(forecast, metrics, package, Converter, lambda: NOW)
    request = Request(forecast.name, forecast.path, {"units": "metric"}, RequestWindow(location))
    answers = [
        classify(request, 200, orjson.dumps({"data": [{"dt": 1_000_000_000 + 900 * n, "temp": n}]}), None, NOW)
        for n in range(3)
    ]
    items = [item.data for item in extraction.items(answers, lambda *_: None)]
    (raw,) = [item for item in items if "body" in item.schema.names]
    assert len(set(raw["fetched_at"].to_pylist())) == 3
    (rows,) = [item for item in items if "temp" in item.schema.names]
    assert rows["fetched_at"].to_pylist() == raw["fetched_at"].to_pylist()
    assert set(rows["issued_at"].to_pylist()) == {NOW.replace(minute=0)}


def test_a_long_warning_that_concerns_many_places_is_written_a_few_places_at_a_time():
    alerts = BY_NAME["one_call_alerts"]
    places = [ResolvedLocation(f"place {number}", "", 0.0, 0.0) for number in range(30)]
    metrics = LoadMetrics(alerts.name, "run", "load", NOW)
    package = PackageLimits(WeatherSettings(), lambda: 0, bounded=False)
    extraction = Extraction(alerts, metrics, package, Converter, lambda: NOW)
    text = {"event": "Storm", "start": 1_000_000_000, "end": 1_000_003_600, "description": "s" * 500_000}
    answer = classify(text_request("an id", places), 200, orjson.dumps(text), None, NOW)
    items = [item.data for item in extraction.items([answer], lambda *_: None)]
    rows = [item for item in items if "description" in item.schema.names]
    raw = [item for item in items if "body" in item.schema.names]
    assert sum(item.num_rows for item in rows) == sum(item.num_rows for item in raw) == metrics.rows_loaded == 30
    assert max(item.num_rows for item in rows + raw) <= 5

"""Conversion of whole answers by Arrow's reader: the same rows as record by record, or not used."""

from __future__ import annotations

import json
from datetime import timedelta

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlt_sources.weather.api import one_call
from dlt_sources.weather.api.endpoints.model import Part
from dlt_sources.weather.api.responses import Answer, Request
from dlt_sources.weather.contracts import AirPollution, Forecast, WeatherHistory
from dlt_sources.weather.convert.around_rows import added_columns
from dlt_sources.weather.convert.batch import Batch
from dlt_sources.weather.convert.converter import Converter
from dlt_sources.weather.extract.requests import RequestWindow
from dlt_sources.weather.locations.model import ResolvedLocation
from tests.weather.contracts.records import AIR, ALERT_IDS, CONDITION, DT, HOUR, MOMENT, STEP, VALID, changed

PLACES = [ResolvedLocation(f"place{number}", "Oslo", f"Oslo {number}", 59.9, 10.75) for number in range(3)]
SNOW = {"id": 601, "main": "Snow", "description": "заснеженная «улица»", "icon": "13n"}
UNUSUAL = [
    pytest.param({"newest": 1}, id="an unknown field"),
    pytest.param({"newest": {"a": [1]}}, id="an unknown object"),
    pytest.param({"temp": "12"}, id="a text for a number"),
    pytest.param({"temp": True}, id="a bool for a number"),
    pytest.param({"temp": None}, id="null where a value is required"),
    pytest.param({"temp": 2**63}, id="a whole number beyond 64 bits"),
    pytest.param({"humidity": -(2**63)}, id="the least whole number of 64 bits"),
    pytest.param({"dt": DT + 0.5}, id="half a second"),
    pytest.param({"dt": 5_000_000_000}, id="a time after 2100"),
    pytest.param({"dt": f"{DT}"}, id="a text for a time"),
    pytest.param({"rain": 3}, id="a number for an object"),
    pytest.param({"weather": CONDITION}, id="an object for a list"),
    pytest.param({"weather": ["rain"]}, id="a text for an object"),
    pytest.param({"weather": [CONDITION, None]}, id="null among the conditions"),
    pytest.param({"weather": [{**CONDITION, "id": None}]}, id="a condition without a code"),
    pytest.param({"weather": [{**CONDITION, "id": 500.5}]}, id="a broken code"),
    pytest.param({"weather": [{"id": 500}]}, id="a condition with a code only"),
    pytest.param({"weather": [{**CONDITION, "description": 'a "wet" day\n'}]}, id="characters with an escape"),
    pytest.param({"alerts": [1, 2]}, id="numbers for ids"),
    pytest.param({"alerts": [None]}, id="null for an id"),
    pytest.param({"alerts": {"id": "x"}}, id="an object for the ids"),
]
USUAL = [
    pytest.param({}, id="as it is"),
    pytest.param({"temp": -0.0, "humidity": 71.5, "visibility": 10000}, id="whole numbers and others"),
    pytest.param({"weather": [SNOW, CONDITION]}, id="two conditions, in another script"),
    pytest.param({"weather": []}, id="no condition"),
    pytest.param({"weather": None}, id="null for the conditions"),
    pytest.param({"alerts": ALERT_IDS * 2}, id="ids of warnings"),
    pytest.param({"alerts": []}, id="no warning"),
    pytest.param({"dt": float(DT)}, id="a time as 1.0"),
    pytest.param({"rain": {"1h": 1}, "snow": None}, id="rain"),
    pytest.param({"rain": {}}, id="an empty object"),
]


def batch_of(*answers, member="data", is_whole=True, outlined=False):
    """A batch of answers, each a list of records."""
    batch = Batch()
    for number, records in enumerate(answers):
        request = Request("weather_history", "/", {"units": "metric"}, RequestWindow(PLACES[number % 3]))
        answer = {"lat": 59.9, "timezone": "Europe/Oslo", member: records, "cnt": len(records)}
        # orjson writes no whole numbers beyond 64 bits
        body = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
        outline = one_call.outline(f"{one_call.TIMELINES}1h", body) if outlined else None
        data = outline or orjson.loads(body)
        at = MOMENT + timedelta(seconds=number)
        batch.add(data[member], Answer(request, body, data, at, outline is not None), is_whole=is_whole)
    return batch


def by_record(batch, part):
    """The batch as the converter converts its records one by one."""
    return Converter(part.contract).convert(batch.records, added_columns(part, batch.answers, batch.sizes))


@pytest.fixture
def records_converted(monkeypatch):
    """The batches that were converted from records."""
    converted = []
    convert = Converter.convert
    monkeypatch.setattr(Converter, "convert", lambda self, *arguments: converted.append(1) or convert(self, *arguments))
    return converted


@pytest.mark.parametrize("change", USUAL)
def test_usual_answers_are_converted_as_their_records_are_without_them(change, records_converted):
    part = Part(WeatherHistory, "data", around=(("timezone", "timezone"),))
    batch = batch_of([HOUR, changed(HOUR, dt=DT + 3600)], [], [HOUR | change])
    table, invalid_rows = batch.convert(part, Converter(WeatherHistory))
    assert (records_converted, invalid_rows) == ([], [])
    expected, _ = by_record(batch, part)
    assert table.equals(expected)
    assert table["location_id"].to_pylist() == ["place0", "place0", "place2"]
    assert table["timezone"].to_pylist() == ["Europe/Oslo"] * 3


@pytest.mark.parametrize("change", UNUSUAL)
def test_unusual_answers_are_converted_from_their_records(change):
    part = Part(WeatherHistory, "data")
    batch = batch_of([HOUR], [HOUR | change, HOUR])
    table, invalid_rows = batch.convert(part, Converter(WeatherHistory))
    expected, expected_invalid = by_record(batch, part)
    assert (table.to_pylist(), invalid_rows) == (expected.to_pylist(), expected_invalid)
    assert table.schema == expected.schema


@pytest.mark.parametrize("change", [*USUAL, *UNUSUAL])
def test_outlines_of_answers_are_converted_as_the_whole_answers_are(change):
    part = Part(WeatherHistory, "data", around=(("timezone", "timezone"),))
    answers = [HOUR, changed(HOUR, dt=DT + 3600)], [], [HOUR | change, HOUR]
    whole, outlines = batch_of(*answers), batch_of(*answers, outlined=True)
    expected, expected_invalid = whole.convert(part, Converter(WeatherHistory))
    table, invalid_rows = outlines.convert(part, Converter(WeatherHistory))
    assert outlines.answers[0].is_outline
    assert (table.to_pylist(), invalid_rows) == (expected.to_pylist(), expected_invalid)
    assert [outlines.records[one.position] for one in invalid_rows] == [
        whole.records[one.position] for one in invalid_rows
    ]


@pytest.mark.parametrize("number", ["1e999", "9" * 400])
def test_a_number_beyond_all_floats_costs_its_row_only(number):
    part = Part(WeatherHistory, "data")
    batch = batch_of([HOUR], [HOUR | {"temp": 12.75}])
    body = batch.answers[1].body.replace(b"12.75", number.encode())
    outline = one_call.outline(f"{one_call.TIMELINES}1h", body)
    assert outline
    batch.answers[1] = Answer(batch.answers[1].request, body, outline, MOMENT, is_outline=True)
    table, (invalid_row,) = batch.convert(part, Converter(WeatherHistory))
    assert (table.num_rows, invalid_row.position, invalid_row.field) == (1, 1, "temp")


def test_answers_whose_records_are_not_all_kept_are_converted_from_those_that_are(records_converted):
    part = Part(WeatherHistory, "data")
    batch = batch_of([HOUR, HOUR], is_whole=False)
    del batch.records[0]
    batch.sizes[0] = 1
    table, _ = batch.convert(part, Converter(WeatherHistory))
    assert (table.num_rows, records_converted) == (1, [1])


@pytest.mark.parametrize(("contract", "record"), VALID)
def test_each_table_has_the_rows_that_its_records_give(contract, record):
    part = Part(contract, "data")
    batch = batch_of([record], [record, record])
    table, invalid_rows = batch.convert(part, Converter(contract))
    expected, _ = by_record(batch, part)
    assert (table.equals(expected), invalid_rows) == (True, [])


@pytest.mark.parametrize(
    ("contract", "record"),
    [(WeatherHistory, HOUR), (AirPollution, AIR), (Forecast, STEP)],
    ids=lambda one: str(one)[:20],
)
def test_the_largest_tables_are_converted_without_their_records(contract, record, records_converted):
    batch_of([record] * 3).convert(Part(contract, "data"), Converter(contract))
    assert records_converted == []


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.lists(st.one_of(st.none(), st.integers(0, 9), st.text(max_size=3)), max_size=3),
    st.dictionaries(st.sampled_from(["1h", "id", "main", "new"]), st.one_of(st.integers(0, 9), st.text(max_size=3))),
)
NAMES = st.sampled_from(["dt", "temp", "rain", "weather", "alerts", "visibility", "other", 'we"ird'])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=2), min_size=1, max_size=3))
def test_no_answer_is_converted_otherwise_than_its_records(changes):
    part = Part(WeatherHistory, "data")
    batch = batch_of([HOUR | change for change in changes])
    table, invalid_rows = batch.convert(part, Converter(WeatherHistory))
    expected, expected_invalid = by_record(batch, part)
    assert (table.to_pylist(), invalid_rows) == (expected.to_pylist(), expected_invalid)

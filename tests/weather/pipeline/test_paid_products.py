"""One Call 4.0 and the forecasts of larger plans: every leaf of every answer is in the tables, the key nowhere."""

from __future__ import annotations

from datetime import datetime, timezone

import orjson
import pytest

from dlt_sources.weather.api.endpoints import BY_NAME
from dlt_sources.weather.pipeline.replay import replay
from tests.helpers.support import columns, load_accounted, query, tables
from tests.weather.pipeline.accounts import assert_each_key_once

pytestmark = pytest.mark.db
# shorter than any key, so that redaction by value would leave it
KEY = "k7Zq"
MADRID, QUITO = "40.4168,-3.7038", "-0.1807,-78.4678"
# rows a place: the present step and those up to 48 h; of days, all of the two pages that 15 of them need
SNAPSHOTS = {
    "forecast_daily": 16,
    "forecast_hourly": 96,
    "forecast_climate": 30,
    "one_call_current": 1,
    "one_call_minutely": 60,
    "one_call_quarter_hourly": 193,
    "one_call_hourly_forecast": 49,
    "one_call_daily_forecast": 20,
}
CHOICE = {
    "resources": list(SNAPSHOTS),
    "locations": [MADRID, QUITO],
    "plan": "expert",
    "api_key": KEY,
    "one_call": {"daily_forecast_days": 15},
}
# sun and moon that do not rise or set
NEVER = datetime(1970, 1, 1, tzinfo=timezone.utc)
TIMES = ("dt", "sunrise", "sunset", "moonrise", "moonset")
# columns named after what they hold, and not after the path in the answer
RENAMED = {"speed": "wind_speed", "deg": "wind_deg", "gust": "wind_gust", "clouds_all": "clouds", "sys_pod": "pod"}
ADDED = {
    *("location_id", "issued_at", "fetched_at", "units", "timezone", "timezone_offset", "other_fields"),
    *("city_name", "country", "population"),
}


def leaves(record, parent=""):
    """Yield the column and the value of every leaf of a record."""
    for name, value in record.items():
        if name == "weather":
            yield "weather", value
            yield from ((f"weather_{inner}", one) for inner, one in value[0].items())
        elif name == "alerts":
            yield "alerts", value
        elif isinstance(value, dict):
            yield from leaves(value, f"{parent}{name}_")
        elif name != "dt_txt":
            column = (parent + name).removeprefix("main_")
            is_time = name in TIMES
            yield RENAMED.get(column, column), datetime.fromtimestamp(value, timezone.utc) if is_time else value


def stored(value):
    """A value of a table as JSON has it."""
    if isinstance(value, str) and value[:1] in "[{":
        return orjson.loads(value)
    return value.astimezone(timezone.utc) if isinstance(value, datetime) else value


def rows(target, table):
    names = [name for name in columns(target, table) if not name.startswith("_dlt")]
    listed = ", ".join('"' + name + '"' for name in names)
    found = query(target, f"SELECT {listed} FROM {table}")
    return {
        (row["location_id"], row["dt"]): row
        for values in found
        for row in [dict(zip(names, map(stored, values), strict=True))]
    }


@pytest.fixture
def answers(simulator):
    """The answers that the simulator has sent: path, latitude, body."""
    simulator.keys, simulator.plan = {KEY}, "expert"
    simulator.one_call_keys, simulator.one_call_version = "all", 4
    sent = []
    simulator.on_sent = lambda path, params, answer: sent.append((path, float(params["lat"]), answer.body))
    return sent


def expected(answers, resource):
    endpoint = BY_NAME[resource]
    (part,) = endpoint.parts
    found = {}
    for path, lat, body in answers:
        if path == endpoint.path:
            place = MADRID if lat > 0 else QUITO
            for record in orjson.loads(body)[part.member]:
                row = {name: value for name, value in leaves(record) if value is not None and value != NEVER}
                found[place, row["dt"]] = row
    return found


def leaves_compared(target, answers):
    """The number of leaves that are equal in the answers and the tables; asserts that all are."""
    compared = 0
    for resource, number in SNAPSHOTS.items():
        table = BY_NAME[resource].parts[0].contract.table
        loaded, sent = rows(target, table), expected(answers, resource)
        assert len(loaded) == 2 * number, table
        for key, row in loaded.items():
            given = {name: value for name, value in row.items() if value is not None and name not in ADDED}
            assert given == sent[key], (table, key)
            compared += len(given)
    return compared


def texts(target):
    for table in tables(target):
        for row in query(target, f"SELECT * FROM {table}"):
            yield from (value for value in row if isinstance(value, str | dict | list))


def test_each_leaf_of_each_answer_is_in_the_tables_and_the_key_of_the_links_nowhere(
    target, settings, clock, answers, caplog
):
    report = load_accounted(target, settings(**CHOICE), clock)
    assert report.error is None
    assert any(KEY.encode() in body for _, _, body in answers), "the links hold the key"
    assert leaves_compared(target, answers) > 10_000
    assert_each_key_once(target)
    assert [text for text in texts(target) if KEY in str(text)] == []
    assert KEY not in caplog.text
    assert KEY.encode() not in b"".join(path.read_bytes() for path in target.root.rglob("*") if path.is_file())
    paged = ["one_call_quarter_hourly", "one_call_daily_forecast"]
    before = [rows(target, table) for table in paged]
    for table in paged:
        query(target, f"DELETE FROM {table}")
    replay(target, settings(**CHOICE), paged)
    assert [rows(target, table) for table in paged] == before

"""Answers that change their form: new fields become columns, and a field that changes its type costs only its rows."""

import orjson
import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.contracts import TABLES, AirPollution, CurrentWeather, Forecast
from dlt_sources.weather.pipeline.replay import replay
from tests.helpers.support import columns, count, load_accounted, query, tables

MADRID = "40.4168,-3.7038"
OSLO = "59.9139,10.7522"
AIR = "/data/2.5/air_pollution/history"
CURRENT = "/data/2.5/weather"
FORECAST = "/data/2.5/forecast"
# what each destination calls dlt's types
DOUBLE = {"duckdb": "DOUBLE", "postgres": "double precision"}
TEXT = {"duckdb": "VARCHAR", "postgres": "character varying"}
BOOL = {"duckdb": "BOOLEAN", "postgres": "boolean"}
JSON = {"duckdb": "JSON", "postgres": "json"}


@pytest.fixture
def current(settings):
    """Settings for the current weather of two places."""
    return settings(resources=["current_weather"], locations=[MADRID, OSLO])


def announced(target, report):
    return query(
        target, "SELECT new_columns FROM load_runs WHERE run_id = %s AND resource = 'current_weather'", report.run_id
    )[0][0]


def test_a_field_that_appears_in_the_middle_of_a_series_becomes_a_column(duckdb, settings, clock, simulator):
    choice = settings(resources=["air_pollution"], locations=[OSLO], history_days_per_call=2)
    since = int(clock().replace(minute=0).timestamp()) - 7 * 86400
    # from the third window on
    for window in (2, 3):
        start = {"start": str(since + window * 2 * 86400)}
        simulator.inject(Fault(path=AIR, where=start, set={"list.*.components.detail.pollen": window}))
    report = load_accounted(duckdb, choice, clock)
    assert report.rows_rejected == 0
    assert report.metrics_by_resource["air_pollution"].new_columns == {"air_pollution.components_detail_pollen"}
    assert columns(duckdb, "air_pollution")["components_detail_pollen"] == DOUBLE[duckdb.destination]
    found = query(duckdb, "SELECT components_detail_pollen, count(*) FROM air_pollution GROUP BY 1 ORDER BY 2")
    assert sorted(found, key=str) == sorted([(2.0, 48), (3.0, 25), (None, 96)], key=str)


@pytest.mark.db
def test_a_new_field_is_announced_once_and_kept_from_then_on(target, current, clock, simulator):
    report = load_accounted(target, current, clock)
    assert announced(target, report) is None
    clock.pass_time(hours=1)
    simulator.inject(Fault(path=CURRENT, set={"main.uv_index": 4, "station": {"name": "Retiro", "roof": True}}))
    report = load_accounted(target, current, clock)
    names = {"current_weather.main_uv_index", "current_weather.station_name", "current_weather.station_roof"}
    assert report.metrics_by_resource["current_weather"].new_columns == names
    assert announced(target, report) == ",".join(sorted(names))
    clock.pass_time(hours=1)
    report = load_accounted(target, current, clock)
    assert report.metrics_by_resource["current_weather"].new_columns == set()
    simulator.clear_faults()
    clock.pass_time(hours=1)
    assert load_accounted(target, current, clock).rows_rejected == 0
    types = columns(target, "current_weather")
    assert (types["main_uv_index"], types["station_name"], types["station_roof"]) == (
        DOUBLE[target.destination],
        TEXT[target.destination],
        BOOL[target.destination],
    )
    assert query(
        target,
        "SELECT main_uv_index, station_name, station_roof, count(*) FROM current_weather"
        " WHERE station_name IS NOT NULL GROUP BY 1, 2, 3",
    ) == [(4.0, "Retiro", True, 4)]
    assert count(target, "current_weather") == 8


def test_a_whole_number_that_gets_a_fraction_stays_one_column(duckdb, current, clock, simulator):
    for value in (285, 285.25):
        simulator.clear_faults()
        simulator.inject(Fault(path=CURRENT, set={"main.temp": value, "main.new": value}))
        report = load_accounted(duckdb, current, clock)
        assert report.rows_rejected == 0
        clock.pass_time(hours=1)
    types = columns(duckdb, "current_weather")
    assert {name for name in types if name.startswith(("temp", "main_new"))} == {
        "temp",
        "temp_min",
        "temp_max",
        "main_new",
    }
    assert (types["temp"], types["main_new"]) == (DOUBLE[duckdb.destination],) * 2
    assert query(duckdb, "SELECT temp, main_new, count(*) FROM current_weather GROUP BY 1, 2 ORDER BY 1") == [
        (285.0, 285.0, 2),
        (285.25, 285.25, 2),
    ]


def test_a_number_that_turns_into_text_costs_its_row_and_no_other(duckdb, current, clock, simulator):
    simulator.inject(Fault(path=CURRENT, where={"lat": "59.9139"}, set={"main.humidity": "high"}))
    report = load_accounted(duckdb, current, clock)
    assert report.error is None
    ((error_class, field, message, place, payload),) = query(
        duckdb, "SELECT error_class, field, message, location_id, payload FROM rejects"
    )
    assert (error_class, field, place) == ("wrong_type", "main.humidity", OSLO)
    assert "high" in message
    assert '"humidity":"high"' in payload
    assert query(duckdb, "SELECT location_id FROM current_weather") == [(MADRID,)]
    assert "humidity__v_text" not in columns(duckdb, "current_weather")


def deep(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


# an unknown field that changes its type, more of them than a table takes columns, and what no database type holds
ODD_FIELDS = {
    "main.uv_index": "very high",
    "wind.uv_index": [1, "a", None],
    "newField": 1,
    "new_field": "two",
    "station": deep(200),
    "serial": 2**64 - 1,
    "risk": {"a": {"b": {"c": {"d": {"e": [{"f": '\u202eمدينة 😀 "quoted"'}]}}}}},
    **{f"novel{number}": number for number in range(120)},
}


def test_unknown_fields_never_cost_a_row(target, current, clock, simulator, caplog):
    simulator.inject(Fault(path=CURRENT, set={"main.uv_index": 4}))
    load_accounted(target, current, clock)
    simulator.clear_faults()
    clock.pass_time(hours=1)
    simulator.inject(Fault(path=CURRENT, where={"lat": "59.9139"}, set=ODD_FIELDS))
    report = load_accounted(target, current, clock)
    assert "rejects" not in tables(target), query(target, "SELECT error_class, message FROM rejects")
    assert (report.error, report.rows_rejected, count(target, "current_weather")) == (None, 0, 4)
    types = columns(target, "current_weather")
    assert types["main_uv_index"] == DOUBLE[target.destination], "a column keeps its type"
    assert types["other_fields"] == JSON[target.destination]
    newest = f"location_id = '{OSLO}' AND fetched_at = (SELECT max(fetched_at) FROM current_weather)"
    sql = f"SELECT temp IS NOT NULL, CAST(other_fields AS text), new_field FROM current_weather WHERE {newest}"
    ((has_temp, text, new_field),) = query(target, sql)
    others = orjson.loads(text)
    assert (has_temp, new_field, others["main"]["uv_index"], others["serial"]) == (True, "two", "very high", 2**64 - 1)
    assert len([name for name in types if name.startswith("novel")]) < 100
    told = "current_weather.main.uv_index"
    assert told in caplog.text
    assert (
        told
        in query(
            target,
            f"SELECT other_fields FROM load_runs WHERE run_id = '{report.run_id}' AND resource = 'current_weather'",
        )[0][0]
    )
    clock.pass_time(hours=1)
    assert load_accounted(target, current, clock).rows_rejected == 0


def test_fields_around_the_rows_have_columns_and_others_are_announced_once_a_run(
    duckdb, settings, clock, simulator, caplog
):
    choice = settings(resources=["forecast", "air_pollution_forecast"], locations=[MADRID, OSLO])
    city = {"name": "Riga", "country": "LV", "timezone": 7200, "population": 742572, "elevation": 6}
    simulator.inject(Fault(path=FORECAST, where={"lat": "40.4168"}, set={"city": city, "advice": [1, {"a": "x"}]}))
    nowhere = {"name": "", "country": "", "timezone": 0, "population": "many", "elevation": None}
    simulator.inject(Fault(path=FORECAST, where={"lat": "59.9139"}, set={"city": nowhere, "advice": 7}))
    report = load_accounted(duckdb, choice, clock)
    assert (report.error, report.rows_rejected) == (None, 0)
    sql = "SELECT location_id, city_name, country, timezone, population, count(*) FROM forecast GROUP BY ALL ORDER BY 1"
    loaded = [(MADRID, "Riga", "LV", 7200, 742572, 40), (OSLO, None, None, 0, None, 40)]
    assert query(duckdb, sql) == loaded
    told = "forecast.advice, forecast.city.elevation"
    assert [line for line in caplog.messages if "forecast.advice" in line] == [
        f"The API has added fields that stand outside the rows of an answer and are in no table: {told}"
    ]
    assert [line for line in caplog.messages if "forecast.city.population" in line] != []
    assert query(duckdb, "SELECT resource, other_fields FROM load_runs WHERE other_fields IS NOT NULL") == [
        ("forecast", f"{told}, forecast.city.population")
    ]
    query(duckdb, "DELETE FROM forecast")
    replay(duckdb, choice, ["forecast"])
    assert query(duckdb, sql) == loaded


def test_columns_have_the_types_of_their_contracts_and_every_row_its_load(target, settings, clock):
    load_accounted(target, settings(locations=[MADRID, "Nowhere at all,ZZ", OSLO]), clock)
    moments, measures = 0, 0
    for contract in (AirPollution, CurrentWeather, Forecast, *TABLES.values()):
        if contract.table not in tables(target):
            continue
        types = columns(target, contract.table)
        for column in contract.columns():
            found = types[column.name]
            if str(column.type).startswith("timestamp"):
                moments += 1
                assert found.upper() == "TIMESTAMP WITH TIME ZONE", column.name
            elif str(column.type) == "double":
                measures += 1
                assert found == DOUBLE[target.destination], column.name
    assert moments > 10
    assert measures > 40
    assert columns(target, "current_weather")["weather"] == JSON[target.destination]
    for table in sorted(tables(target)):
        assert query(
            target,
            f"SELECT count(*) FROM {table} t LEFT JOIN _dlt_loads l ON l.load_id = t._dlt_load_id"
            " WHERE l.load_id IS NULL",
        ) == [(0,)], table
    assert {"locations", "rejects", "load_runs", "weather_raw", "forecast"} <= tables(target)

"""Contracts of the bronze tables: which values a record may have, and what becomes of odd ones."""

from __future__ import annotations

import copy

import orjson
import pyarrow as pa
import pytest

from dlt_sources.weather import contracts
from dlt_sources.weather.contracts import (
    AirPollution,
    CurrentWeather,
    OneCallAlerts,
    OneCallDaily,
    OneCallHourly,
    OneCallMinutely,
)
from dlt_sources.weather.convert.invalid_rows import explain
from tests.weather.contracts.records import (
    ABSENT,
    AIR,
    ALERT,
    CONDITION,
    CURRENT,
    DAY,
    DT,
    HOUR,
    MINUTE,
    MOMENT,
    TABLES,
    VALID,
    as_received,
    changed,
    convert,
    invalid_row,
    row,
)


@pytest.mark.parametrize(("contract", "record"), VALID)
def test_a_record_as_the_reference_shows_it_is_a_row_without_new_columns(contract, record):
    found = row(contract, record)
    assert set(found) == set(contract.arrow_schema().names)
    assert explain(contract, record) is None


def test_an_observation_keeps_its_values_under_readable_names():
    found = row(CurrentWeather, CURRENT)
    assert found["dt"] == MOMENT
    assert found["temp"] == 17.4
    assert found["pressure"] == 1013.0
    assert found["rain_1h"] == 0.4
    assert found["wind_gust"] == 6.5
    assert found["clouds"] == 75.0
    assert (found["coord_lat"], found["coord_lon"]) == (43.77, 11.25)
    assert (found["city_id"], found["city_name"], found["country"]) == (3176959, "Florence", "IT")
    assert (found["weather_id"], found["weather_main"], found["weather_icon"]) == (500, "Rain", "10d")


OPTIONAL = ["coord", "base", "visibility", "wind", "rain", "clouds", "sys", "timezone", "id", "name", "cod", "weather"]


@pytest.mark.parametrize("name", OPTIONAL)
@pytest.mark.parametrize("value", [ABSENT, None], ids=["missing", "null"])
def test_an_optional_field_may_be_missing_or_null(name, value):
    found = row(CurrentWeather, changed(CURRENT, **{name: value}))
    assert found["temp"] == 17.4


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        pytest.param({"rain": ABSENT}, "rain_1h", None, id="no rain"),
        pytest.param({"rain": {}}, "rain_1h", None, id="rain {}"),
        pytest.param({"rain": None}, "rain_1h", None, id="rain null"),
        pytest.param({"rain": {"1h": None}}, "rain_1h", None, id="rain.1h null"),
        pytest.param({"rain": {"3h": 2}}, "rain_3h", 2.0, id="rain.3h of old answers"),
        pytest.param({"wind__deg": ABSENT}, "wind_deg", None, id="wind without direction"),
        pytest.param({"visibility": None}, "visibility", None, id="visibility null"),
        pytest.param({"sys": ABSENT}, "sunrise", None, id="sys missing"),
        pytest.param({"sys__sunrise": 0, "sys__sunset": 0}, "sunrise", None, id="sunrise 0 at polar night"),
        pytest.param({"sys__sunrise": 0, "sys__sunset": 0}, "sunset", None, id="sunset 0 at polar night"),
        pytest.param({"sys__sunrise": 0.0}, "sunrise", None, id="sunrise 0.0"),
        pytest.param({"sys__sunrise": DT}, "sunrise", MOMENT, id="sunrise"),
        pytest.param({"sys__country": ""}, "country", None, id="country empty"),
        pytest.param({"id": 0}, "city_id", None, id="id 0"),
        pytest.param({"name": ""}, "city_name", None, id="name empty"),
        pytest.param({"name": "Москва"}, "city_name", "Москва", id="name in Cyrillic"),
        pytest.param({"coord": [43.77, 11.25]}, "coord_lat", 43.77, id="coord as array"),
        pytest.param({"coord": [43.77, 11.25]}, "coord_lon", 11.25, id="coord as array, longitude"),
        pytest.param({"coord": {}}, "coord_lat", None, id="coord {}"),
        pytest.param({"main__temp": 285}, "temp", 285.0, id="int for float"),
        pytest.param({"main__temp": 0}, "temp", 0.0, id="0 is a temperature"),
        pytest.param({"main__temp": -9999}, "temp", -9999.0, id="-9999 is no sentinel of temperatures"),
        pytest.param({"timezone": 7200.0}, "timezone", 7200, id="float for int"),
        pytest.param({"dt": float(DT)}, "dt", MOMENT, id="dt as whole float"),
        pytest.param({"weather": []}, "weather", "[]", id="no condition"),
        pytest.param({"weather": []}, "weather_id", None, id="no condition, primary"),
        pytest.param({"weather": [None]}, "weather_id", None, id="condition null"),
        pytest.param({"weather": None}, "weather", None, id="weather null"),
        pytest.param({"weather": [{"id": 800.0}]}, "weather_id", 800, id="condition code as whole float"),
        pytest.param({"cod": "200"}, "temp", 17.4, id="cod as string"),
        pytest.param({"message": 0.0187}, "temp", 17.4, id="message of old answers"),
        pytest.param({"sys__message": 0.0187}, "temp", 17.4, id="sys.message of old answers"),
    ],
)
def test_an_odd_observation_has_a_defined_value(change, column, value):
    record = changed(CURRENT, **change)
    found = row(CurrentWeather, record)
    assert found[column] == value
    assert set(found) == set(CurrentWeather.arrow_schema().names)
    assert explain(CurrentWeather, record) is None


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        pytest.param({"main__aqi": 4.0}, "aqi", 4, id="aqi 4.0"),
        pytest.param({"main__aqi": 0}, "aqi", None, id="aqi 0"),
        pytest.param({"main__aqi": 0.0}, "aqi", None, id="aqi 0.0"),
        pytest.param({"components__co": -9999}, "co", None, id="-9999"),
        pytest.param({"components__co": -0.01}, "co", None, id="a negative concentration"),
        pytest.param({"components__co": 0}, "co", 0.0, id="0 is a concentration"),
        pytest.param({"components__co": None}, "co", None, id="null"),
        pytest.param({"components__nh3": ABSENT}, "nh3", None, id="missing"),
        pytest.param({"components": {}}, "pm10", None, id="components {}"),
        pytest.param({"components": None}, "pm10", None, id="components null"),
        pytest.param({"components": ABSENT}, "pm10", None, id="components missing"),
        pytest.param({"components__pm10": 8}, "pm10", 8.0, id="int for float"),
    ],
)
def test_an_odd_hour_of_air_has_a_defined_value(change, column, value):
    record = changed(AIR, **change)
    assert row(AirPollution, record)[column] == value
    assert explain(AirPollution, record) is None


@pytest.mark.parametrize(
    ("contract", "record", "field"),
    [
        pytest.param(CurrentWeather, changed(CURRENT, dt=str(DT)), "dt", id="dt as string"),
        pytest.param(CurrentWeather, changed(CURRENT, dt=DT * 1000), "dt", id="dt in milliseconds"),
        pytest.param(CurrentWeather, changed(CURRENT, dt=0), "dt", id="dt 0"),
        pytest.param(CurrentWeather, changed(CURRENT, dt=-1), "dt", id="dt before 1970"),
        pytest.param(CurrentWeather, changed(CURRENT, dt=None), "dt", id="dt null"),
        pytest.param(CurrentWeather, changed(CURRENT, dt=ABSENT), "dt", id="dt missing"),
        pytest.param(CurrentWeather, changed(CURRENT, dt=DT + 0.5), "dt", id="dt with a fraction"),
        pytest.param(CurrentWeather, changed(CURRENT, dt=True), "dt", id="dt true"),
        pytest.param(CurrentWeather, changed(CURRENT, dt=1e300), "dt", id="dt 1e300"),
        pytest.param(CurrentWeather, changed(CURRENT, dt={}), "dt", id="dt {}"),
        pytest.param(CurrentWeather, changed(CURRENT, main=None), "main.temp", id="main null"),
        pytest.param(CurrentWeather, changed(CURRENT, main=ABSENT), "main.temp", id="main missing"),
        pytest.param(CurrentWeather, changed(CURRENT, main={}), "main.temp", id="main {}"),
        pytest.param(CurrentWeather, changed(CURRENT, main=5), "main", id="main a number"),
        pytest.param(CurrentWeather, changed(CURRENT, main=[]), "main", id="main a list"),
        pytest.param(CurrentWeather, changed(CURRENT, main__temp="warm"), "main.temp", id="temp a text"),
        pytest.param(CurrentWeather, changed(CURRENT, main__temp="17.4"), "main.temp", id="temp a number in quotes"),
        pytest.param(CurrentWeather, changed(CURRENT, main__temp=True), "main.temp", id="temp true"),
        pytest.param(CurrentWeather, changed(CURRENT, main__temp=None), "main.temp", id="temp null"),
        pytest.param(CurrentWeather, changed(CURRENT, main__temp={"day": 1}), "main.temp", id="temp an object"),
        pytest.param(CurrentWeather, changed(CURRENT, main__temp=[17.4]), "main.temp", id="temp a list"),
        pytest.param(CurrentWeather, changed(CURRENT, visibility={"m": 9}), "visibility", id="visibility an object"),
        pytest.param(CurrentWeather, changed(CURRENT, visibility={}), "visibility", id="visibility {}"),
        pytest.param(CurrentWeather, changed(CURRENT, name={"en": "Rome"}), "name", id="name an object"),
        pytest.param(CurrentWeather, changed(CURRENT, name=7), "name", id="name a number"),
        pytest.param(CurrentWeather, changed(CURRENT, timezone=True), "timezone", id="bool where int"),
        pytest.param(CurrentWeather, changed(CURRENT, timezone=7200.5), "timezone", id="fraction where int"),
        pytest.param(CurrentWeather, changed(CURRENT, id=2**63), "id", id="int beyond 64 bits"),
        pytest.param(CurrentWeather, changed(CURRENT, id=2.0**63), "id", id="whole float beyond 64 bits"),
        pytest.param(CurrentWeather, changed(CURRENT, visibility=2**63), "visibility", id="measure beyond 64 bits"),
        pytest.param(CurrentWeather, changed(CURRENT, sys__sunrise=-5), "sys.sunrise", id="sunrise before 1979"),
        pytest.param(CurrentWeather, changed(CURRENT, wind=[]), "wind", id="list where object"),
        pytest.param(CurrentWeather, changed(CURRENT, rain=0.4), "rain", id="rain a number"),
        pytest.param(CurrentWeather, changed(CURRENT, coord=[43.77]), "coord", id="coord of one number"),
        pytest.param(CurrentWeather, changed(CURRENT, weather="rain"), "weather", id="weather a text"),
        pytest.param(CurrentWeather, changed(CURRENT, weather=["rain"]), "weather", id="weather a list of texts"),
        pytest.param(CurrentWeather, changed(CURRENT, weather=[{"id": "500"}]), "weather.id", id="code in quotes"),
        pytest.param(AirPollution, changed(AIR, main__aqi=4.5), "main.aqi", id="aqi 4.5"),
        pytest.param(AirPollution, changed(AIR, main__aqi=True), "main.aqi", id="aqi true"),
        pytest.param(AirPollution, changed(AIR, main=ABSENT), "main.aqi", id="no aqi"),
        pytest.param(AirPollution, changed(AIR, components__co="1"), "components.co", id="co in quotes"),
        pytest.param(OneCallHourly, changed(HOUR, rain=0.4), "rain", id="hourly rain a number"),
        pytest.param(OneCallDaily, changed(DAY, rain={"1h": 2}), "rain", id="daily rain an object"),
        pytest.param(OneCallDaily, changed(DAY, temp=14.5), "temp", id="daily temp a number"),
        pytest.param(OneCallMinutely, changed(MINUTE, precipitation=None), "precipitation", id="precipitation null"),
        pytest.param(OneCallAlerts, changed(ALERT, start=ABSENT), "start", id="alert without a start"),
    ],
)
def test_a_record_that_breaks_its_contract_is_left_out_with_the_field_named(contract, record, field):
    found = invalid_row(contract, record)
    assert (found.position, found.field) == (0, field)
    assert found.message
    assert explain(contract, record).field == field


def test_the_message_names_field_and_value():
    assert invalid_row(CurrentWeather, changed(CURRENT, main__temp="warm")).message == (
        "main.temp: Input should be a valid number, got 'warm'"
    )


def test_a_long_wrong_value_is_cut_short_in_the_message():
    assert len(invalid_row(CurrentWeather, changed(CURRENT, main__temp="w" * 10_000)).message) < 200


@pytest.mark.parametrize("neighbour", [10000, 9999.5, None], ids=["int", "float", "null"])
def test_true_is_no_number_whatever_stands_beside_it(neighbour):
    beside = changed(CURRENT, visibility=neighbour)
    table, invalid_rows = convert(CurrentWeather, beside, changed(CURRENT, visibility=True), beside)
    assert [(m.position, m.field) for m in invalid_rows] == [(1, "visibility")]
    assert table["visibility"].to_pylist() == [neighbour, neighbour]


def test_several_conditions_are_kept_as_json_and_the_first_is_flat():
    second = {"id": 701, "main": "Mist", "description": "mist", "icon": "50d"}
    found = row(CurrentWeather, changed(CURRENT, weather=[CONDITION, second]))
    assert orjson.loads(found["weather"]) == [CONDITION, second]
    assert found["weather_description"] == "light rain"


def test_rain_of_a_day_is_a_number_and_of_an_hour_an_object():
    assert row(OneCallDaily, DAY)["rain"] == 2.5
    assert row(OneCallHourly, {**HOUR, "rain": {"1h": 0.25}, "snow": {"1h": 1}})["rain_1h"] == 0.25


def test_a_day_without_a_moonrise_has_null():
    assert row(OneCallDaily, DAY)["moonrise"] is None


def test_a_warning_keeps_its_id_however_often_and_with_whatever_tags_it_comes():
    first = row(OneCallAlerts, ALERT)["alert_id"]
    assert row(OneCallAlerts, as_received(ALERT))["alert_id"] == first
    assert row(OneCallAlerts, changed(ALERT, tags=ABSENT))["alert_id"] == first


@pytest.mark.parametrize("field", ["sender_name", "event", "start", "end", "description"])
def test_warnings_that_differ_have_different_ids(field):
    other = ALERT[field] + (1 if isinstance(ALERT[field], int) else "!")
    assert row(OneCallAlerts, {**ALERT, field: other})["alert_id"] != row(OneCallAlerts, ALERT)["alert_id"]


@pytest.mark.parametrize(
    ("tags", "stored"),
    [(["Wind", "Extreme"], '["Wind","Extreme"]'), ([], "[]"), (None, None), ("Wind", '"Wind"')],
    ids=["several", "none", "null", "one text"],
)
def test_tags_are_kept_as_json(tags, stored):
    assert row(OneCallAlerts, changed(ALERT, tags=tags))["tags"] == stored


def test_a_record_is_not_changed_by_converting_it():
    records = [copy.deepcopy(CURRENT), copy.deepcopy(ALERT)]
    row(CurrentWeather, records[0])
    row(OneCallAlerts, records[1])
    assert records == [CURRENT, ALERT]


@pytest.mark.parametrize("contract", TABLES)
def test_every_column_is_described(contract):
    assert [column.name for column in contract.columns() if not column.description.strip()] == []


@pytest.mark.parametrize("contract", TABLES)
def test_keys_come_first_and_are_never_null_and_all_else_may_be(contract):
    schema = contract.arrow_schema()
    assert tuple(schema.names[: len(contract.key)]) == contract.key
    assert {name for name in schema.names if not schema.field(name).nullable} == set(contract.key)


@pytest.mark.parametrize("contract", TABLES)
def test_schema_and_hints_name_the_same_columns(contract):
    hints = contract.hints()
    assert list(hints) == contract.arrow_schema().names == [hint["name"] for hint in hints.values()]
    assert {hint["description"] for hint in hints.values()} == {column.description for column in contract.columns()}
    for name, hint in hints.items():
        if hint.get("data_type") == "json":
            assert contract.arrow_schema().field(name).type == pa.string()


def test_lists_that_are_kept_whole_are_json_columns():
    assert CurrentWeather.hints()["weather"]["data_type"] == "json"
    assert OneCallAlerts.hints()["tags"]["data_type"] == "json"
    assert "data_type" not in CurrentWeather.hints()["temp"]


def test_every_contract_has_a_table_of_its_own():
    assert all(contract.table == table for table, contract in contracts.TABLES.items())
    named = {getattr(contracts, name) for name in contracts.__all__ if name not in ("Contract", "TABLES")}
    assert named == set(contracts.TABLES.values())

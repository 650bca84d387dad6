"""From JSON records to typed rows: every known oddity of the API's answers has an outcome, and no answer has none."""

from __future__ import annotations

import copy
import math
from datetime import datetime, timezone

import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dlt_sources.weather import contracts
from dlt_sources.weather.contracts import (
    AirPollution,
    AirPollutionForecast,
    CurrentWeather,
    Forecast,
    OneCallAlerts,
    OneCallDaily,
    OneCallHourly,
    OneCallMinutely,
)
from dlt_sources.weather.convert.converter import MOST_NEW_COLUMNS, Converter
from dlt_sources.weather.convert.invalid_rows import explain

DT = 1_790_503_211
MOMENT = datetime(2026, 9, 27, 10, 0, 11, tzinfo=timezone.utc)
CONDITION = {"id": 500, "main": "Rain", "description": "light rain", "icon": "10d"}
CURRENT = {
    "coord": {"lon": 11.25, "lat": 43.77},
    "weather": [CONDITION],
    "base": "stations",
    "main": {"temp": 17.4, "feels_like": 17.1, "pressure": 1013, "humidity": 70, "sea_level": 1013},
    "visibility": 10000,
    "wind": {"speed": 3.2, "deg": 210, "gust": 6.5},
    "rain": {"1h": 0.4},
    "clouds": {"all": 75},
    "dt": DT,
    "sys": {"type": 2, "id": 2003, "country": "IT", "sunrise": DT - 20_000, "sunset": DT + 20_000},
    "timezone": 7200,
    "id": 3176959,
    "name": "Florence",
    "cod": 200,
}
STEP = {
    "dt": DT,
    "main": {"temp": 9.5, "temp_kf": -0.5, "humidity": 71},
    "weather": [CONDITION],
    "clouds": {"all": 20},
    "wind": {"speed": 1.5, "deg": 11},
    "pop": 0.2,
    "rain": {"3h": 0.8},
    "sys": {"pod": "n"},
    "dt_txt": "2026-09-27 10:00:11",
}
AIR = {
    "main": {"aqi": 2},
    "components": {
        "co": 210.5,
        "no": 0,
        "no2": 6.1,
        "o3": 70.2,
        "so2": 2.5,
        "pm2_5": 6.0,
        "pm10": 8,
        "nh3": 0.3,
    },
    "dt": DT,
}
HOUR = {"dt": DT, "temp": 12, "feels_like": 11.5, "wind_speed": 2, "weather": [CONDITION], "pop": 0}
DAY = {"dt": DT, "temp": {"day": 14.5, "min": 9, "max": 16.2}, "weather": [CONDITION], "moonrise": 0, "rain": 2.5}
MINUTE = {"dt": DT, "precipitation": 0}
ALERT = {
    "sender_name": "Met Office",
    "event": "Yellow wind warning",
    "start": DT,
    "end": DT + 7200,
    "description": "Gusts.",
    "tags": ["Wind", "Extreme"],
}
VALID = [
    pytest.param(CurrentWeather, CURRENT, id="current_weather"),
    pytest.param(Forecast, STEP, id="forecast"),
    pytest.param(AirPollution, AIR, id="air_pollution"),
    pytest.param(AirPollutionForecast, AIR, id="air_pollution_forecast"),
    pytest.param(OneCallHourly, HOUR, id="one_call_hourly"),
    pytest.param(OneCallDaily, DAY, id="one_call_daily"),
    pytest.param(OneCallMinutely, MINUTE, id="one_call_minutely"),
    pytest.param(OneCallAlerts, ALERT, id="one_call_alerts"),
]
TABLES = [pytest.param(contract, id=table) for table, contract in contracts.TABLES.items()]
ABSENT = object()


def changed(record, **by_path):
    """Copy a record with values set by path, two underscores standing for a dot; ABSENT takes one out."""
    record = copy.deepcopy(record)
    for path, value in by_path.items():
        *parents, name = path.split("__")
        holder = record
        for parent in parents:
            holder = holder.setdefault(parent, {})
        if value is ABSENT:
            del holder[name]
        else:
            holder[name] = value
    return record


def convert(contract, *records, converter=None):
    """Convert records, each with its position as location_id."""
    ids = [str(position) for position in range(len(records))]
    return (converter or Converter(contract)).convert(list(records), {"location_id": ids})


def row(contract, record):
    """Convert one record that keeps its contract."""
    table, invalid_rows = convert(contract, record)
    assert invalid_rows == []
    (found,) = table.to_pylist()
    return found


def invalid_row(contract, record):
    """Convert one record that breaks its contract."""
    table, invalid_rows = convert(contract, record)
    assert table.num_rows == 0
    (found,) = invalid_rows
    return found


def as_received(record):
    """A record as the client hands it over: parsed from JSON."""
    return orjson.loads(orjson.dumps(record))


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


@pytest.mark.parametrize(
    ("field", "value", "column", "type_", "stored"),
    [
        pytest.param("uv", 7, "uv", pa.float64(), 7.0, id="int"),
        pytest.param("uv", 7.5, "uv", pa.float64(), 7.5, id="float"),
        pytest.param("source", "radar", "source", pa.string(), "radar", id="text"),
        pytest.param("estimated", False, "estimated", pa.bool_(), False, id="bool"),
        pytest.param("snow", {"9h": 1}, "snow_9h", pa.float64(), 1.0, id="snow.9h"),
        pytest.param("wind", {"speed": 1, "var_beg": 200}, "wind_var_beg", pa.float64(), 200.0, id="wind.var_beg"),
        pytest.param("stations", [1], "stations", pa.string(), "[1]", id="list of numbers"),
        pytest.param("stations", [{"a": 1}], "stations", pa.string(), '[{"a":1}]', id="list of objects"),
        pytest.param("stations", [1, "a", None], "stations", pa.string(), '[1,"a",null]', id="list of this and that"),
        pytest.param("stations", [], "stations", pa.string(), "[]", id="empty list"),
        pytest.param("météo", 1, None, None, 1.0, id="accents"),
        pytest.param("Feels Like!", 1, None, None, 1.0, id="spaces and signs"),
        pytest.param("", 1, None, None, 1.0, id="no name at all"),
        pytest.param("风", 1, None, None, 1.0, id="no Latin letter"),
        pytest.param("x" * 500, 1, None, None, 1.0, id="500 letters"),
        pytest.param("_dlt_id", "x", None, pa.string(), "x", id="dlt's own name"),
        pytest.param("location_id", "x", None, pa.string(), "x", id="our own name"),
        pytest.param("temp", 3, None, pa.float64(), 3.0, id="name of a column with another path"),
    ],
)
def test_an_unknown_field_becomes_a_column(field, value, column, type_, stored):
    converter = Converter(CurrentWeather)
    table, invalid_rows = convert(CurrentWeather, CURRENT, changed(CURRENT, **{field: value}), converter=converter)
    assert invalid_rows == []
    (name,) = converter.new_columns
    if column is not None:
        assert name == column
    if type_ is not None:
        assert table.schema.field(name).type == type_
    assert table[name].to_pylist() == [None, stored]
    assert name not in CurrentWeather.model_fields
    assert 0 < len(name) <= 63
    assert table["location_id"].to_pylist() == ["0", "1"]
    assert table["temp"].to_pylist() == [17.4, 17.4]


@pytest.mark.parametrize("value", [None, {}, {"a": None}, {"a": {}}], ids=str)
def test_an_unknown_field_without_a_value_makes_no_column(value):
    assert set(row(CurrentWeather, changed(CURRENT, novel=value))) == set(CurrentWeather.arrow_schema().names)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"Novel": 1, "novel": 2}, id="capitals"),
        pytest.param({"novel": {"one": 1}, "novel_one": 2}, id="nested and flat"),
        pytest.param({"风": 1, "雨": 2}, id="no Latin letters"),
        pytest.param({"novel": 1, "novel!": "two"}, id="of two types"),
    ],
)
def test_two_unknown_fields_never_share_a_column(fields):
    converter = Converter(CurrentWeather)
    table, invalid_rows = convert(CurrentWeather, {**CURRENT, **fields}, converter=converter)
    assert invalid_rows == []
    assert len(converter.new_columns) == 2
    assert len(set(table.schema.names)) == table.num_columns == len(CurrentWeather.columns()) + 2


@pytest.mark.parametrize("value", [[1, "a"], [False, 0], [{"a": 1}, {"a": "x"}], {"b": [1, "a"]}], ids=str)
def test_a_field_that_is_ignored_may_hold_anything(value):
    found = row(CurrentWeather, changed(CURRENT, cod=value, message=value))
    assert found["temp"] == 17.4


def test_what_lies_deep_inside_an_unknown_field_is_kept_as_json():
    deep = {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}
    converter = Converter(CurrentWeather)
    table, invalid_rows = convert(CurrentWeather, {**CURRENT, **deep}, converter=converter)
    assert invalid_rows == []
    (name,) = converter.new_columns
    assert orjson.loads(table[name][0].as_py()) == {"f": 1}


@pytest.mark.parametrize("depth", [100, 300, 1000])
@pytest.mark.parametrize("holder", ["list", "object"])
@pytest.mark.parametrize("field", ["novel", "weather"])
def test_however_deep_an_answer_is_nested_its_row_is_converted_or_left_out(depth, holder, field):
    nested = "1"
    for _ in range(depth):
        nested = f"[{nested}]" if holder == "list" else f'{{"a":{nested}}}'
    deep = {**CURRENT, field: orjson.loads(nested)}
    table, invalid_rows = convert(CurrentWeather, CURRENT, deep, CURRENT)
    assert table.num_rows + len(invalid_rows) == 3
    assert all(m.position == 1 for m in invalid_rows)


def test_an_unknown_int_that_turns_float_stays_in_its_column():
    converter = Converter(CurrentWeather)
    convert(CurrentWeather, changed(CURRENT, uv=7), converter=converter)
    table, invalid_rows = convert(CurrentWeather, changed(CURRENT, uv=7.5), converter=converter)
    assert invalid_rows == []
    assert table["uv"].to_pylist() == [7.5]
    assert converter.new_columns == {"uv": pa.float64()}


@pytest.mark.parametrize("value", ["high", True, [1]], ids=["text", "bool", "list"])
def test_a_new_column_whose_type_flips_rejects_the_row_and_names_the_field(value):
    converter = Converter(CurrentWeather)
    convert(CurrentWeather, changed(CURRENT, uv=7), converter=converter)
    later = [CURRENT, changed(CURRENT, uv=value), changed(CURRENT, uv=8)]
    table, invalid_rows = convert(CurrentWeather, *later, converter=converter)
    assert [(m.position, m.field) for m in invalid_rows] == [(1, "uv")]
    assert table["uv"].to_pylist() == [None, 8.0]
    assert table["location_id"].to_pylist() == ["0", "2"]


def test_a_new_column_keeps_the_type_that_the_table_has():
    converter = Converter(CurrentWeather, {"uv": pa.string()})
    table, invalid_rows = convert(CurrentWeather, changed(CURRENT, uv=7), converter=converter)
    assert (table.num_rows, invalid_rows[0].field) == (0, "uv")


def test_as_many_unknown_fields_as_allowed_are_columns_and_one_more_is_rejected():
    many = {f"novel{number}": number for number in range(MOST_NEW_COLUMNS)}
    converter = Converter(CurrentWeather)
    table, invalid_rows = convert(CurrentWeather, {**CURRENT, **many}, converter=converter)
    assert invalid_rows == []
    table, invalid_rows = convert(CurrentWeather, {**CURRENT, **many}, {**CURRENT, "straw": 1}, converter=converter)
    assert (table.num_rows, [m.position for m in invalid_rows]) == (1, [1])
    assert str(MOST_NEW_COLUMNS) in invalid_rows[0].message
    assert len(converter.new_columns) == MOST_NEW_COLUMNS


@pytest.mark.parametrize("bad", [[0], [1], [2500], [4999], [17, 18, 3000]], ids=str)
def test_bad_rows_among_thousands_are_left_out_alone_and_nothing_shifts(bad):
    records = [changed(AIR, dt=DT + 3600 * number) for number in range(5000)]
    for position in bad:
        records[position]["components"]["o3"] = "much"
    table, invalid_rows = convert(AirPollution, *records)
    assert [m.position for m in invalid_rows] == bad
    kept = [position for position in range(5000) if position not in bad]
    assert table["location_id"].to_pylist() == [str(position) for position in kept]
    assert table["dt"].cast(pa.int64()).to_pylist() == [(DT + 3600 * position) * 1_000_000 for position in kept]


def test_nothing_converts_to_an_empty_table():
    table, invalid_rows = convert(CurrentWeather)
    assert (table.num_rows, invalid_rows) == (0, [])
    assert table.schema == CurrentWeather.arrow_schema()


def test_only_bad_rows_convert_to_an_empty_table():
    table, invalid_rows = convert(CurrentWeather, {}, {"dt": "x"})
    assert (table.num_rows, len(invalid_rows)) == (0, 2)
    assert table.schema.names == CurrentWeather.arrow_schema().names


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


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([0, -9999, DT, DT * 1000, 2**53 + 1, 1e300, -1e-300, 4.0, "", "warm", "10", "\u202eمدينة", "😀"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=5),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["1h", "3h", "temp", "id", "dt", "a"]), inner, max_size=3),
    ),
    max_leaves=5,
)
NOVEL = ["novel", "Novel", "novel!", "风", "", "temp", "_dlt_id", "rain_1h"]
KNOWN_RECORDS = {
    CurrentWeather: CURRENT,
    Forecast: STEP,
    AirPollution: AIR,
    OneCallHourly: HOUR,
    OneCallDaily: DAY,
    OneCallMinutely: MINUTE,
    OneCallAlerts: ALERT,
}


def paths_of(record):
    """The paths of everything in a record, objects included."""
    for name, value in record.items():
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, *rest) for rest in paths_of(value))


@st.composite
def mutated(draw, contract, *, novel=True):
    """A valid record in which a few things are missing, of another type, nested, or new."""
    record = copy.deepcopy(KNOWN_RECORDS[contract])
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(sorted(paths_of(record))))
        holder = record
        for step in path[:-1]:
            holder = holder[step]
        if draw(st.integers(0, 3)) == 0:
            del holder[path[-1]]
        else:
            holder[path[-1]] = draw(VALUES)
        if not record:
            break
    if novel and draw(st.booleans()):
        record[draw(st.sampled_from(["novel", "Novel", "novel!", "风", "", "temp", "_dlt_id", "rain_1h"]))] = draw(
            VALUES
        )
    return as_received(record)


HURRIED = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@HURRIED
@given(data=st.data())
@pytest.mark.parametrize("contract", KNOWN_RECORDS, ids=lambda contract: contract.table)
def test_whatever_comes_every_record_is_a_row_or_left_out_in_order(contract, data):
    records = data.draw(st.lists(mutated(contract), max_size=5))
    table, invalid_rows = convert(contract, *records)
    assert table.num_rows + len(invalid_rows) == len(records)
    left_out = [m.position for m in invalid_rows]
    kept = [str(position) for position in range(len(records)) if position not in left_out]
    assert table["location_id"].to_pylist() == kept
    assert left_out == sorted(set(left_out))
    for m in invalid_rows:
        assert m.message
    for name, values in zip(table.schema.names, table.columns, strict=True):
        if pa.types.is_floating(values.type):
            assert all(value is None or math.isfinite(value) for value in values.to_pylist()), name


@HURRIED
@given(data=st.data())
@pytest.mark.parametrize("contract", KNOWN_RECORDS, ids=lambda contract: contract.table)
def test_converting_by_column_and_by_model_agree_on_every_record(contract, data):
    record = data.draw(mutated(contract, novel=False))
    table, invalid_rows = convert(contract, record)
    explained = explain(contract, record)
    assert (table.num_rows == 1) == (explained is None), explained
    if explained is not None:
        assert invalid_rows[0].field == explained.field


@HURRIED
@given(data=st.data())
@pytest.mark.parametrize("contract", KNOWN_RECORDS, ids=lambda contract: contract.table)
def test_a_record_fares_alike_alone_and_among_others(contract, data):
    records = data.draw(st.lists(mutated(contract, novel=False), min_size=2, max_size=4))
    _, invalid_rows = convert(contract, *records)
    alone = [convert(contract, record) for record in records]
    # a field that stands where it is not known is a new column, and the first decides on its type
    assume(all(table.schema.names == contract.arrow_schema().names for table, _ in alone))
    assert [m.position for m in invalid_rows] == [position for position, (_, found) in enumerate(alone) if found]


def test_every_contract_has_a_table_of_its_own():
    assert all(contract.table == table for table, contract in contracts.TABLES.items())
    named = {getattr(contracts, name) for name in contracts.__all__ if name not in ("Contract", "TABLES")}
    assert named == set(contracts.TABLES.values())

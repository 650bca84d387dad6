"""Conversion of records: unknown fields become columns, bad records are left out alone."""

from __future__ import annotations

import orjson
import pyarrow as pa
import pytest

from dlt_sources.weather.contracts import (
    AirPollution,
    CurrentWeather,
)
from dlt_sources.weather.convert.converter import MOST_NEW_COLUMNS, Converter
from tests.weather.contracts.records import (
    AIR,
    CURRENT,
    DT,
    changed,
    convert,
    row,
)


@pytest.mark.parametrize(
    ("field", "value", "column", "type_", "stored"),
    [
        pytest.param("uv", 7, "uv", pa.float64(), 7.0, id="int"),
        pytest.param("uv", 7.5, "uv", pa.float64(), 7.5, id="float"),
        pytest.param("uv", 2**63, "uv", pa.float64(), 2.0**63, id="int beyond 64 bits"),
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


def test_a_field_that_is_ignored_never_costs_a_row():
    table, invalid_rows = convert(CurrentWeather, changed(CURRENT, cod=2**63))
    assert (table.num_rows, invalid_rows) == (1, [])
    assert table.schema.names == CurrentWeather.arrow_schema().names


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
    assert [m.position for m in invalid_rows] == ([] if field == "novel" else [1] * len(invalid_rows))


def test_an_unknown_int_that_turns_float_stays_in_its_column():
    converter = Converter(CurrentWeather)
    convert(CurrentWeather, changed(CURRENT, uv=7), converter=converter)
    table, invalid_rows = convert(CurrentWeather, changed(CURRENT, uv=7.5), converter=converter)
    assert invalid_rows == []
    assert table["uv"].to_pylist() == [7.5]
    assert converter.new_columns == {"uv": pa.float64()}


@pytest.mark.parametrize("value", ["high", True, [1], 2**53 + 1, {"a": [1, "x"]}], ids=str)
def test_a_value_that_does_not_fit_its_new_column_stands_in_other_fields_and_costs_no_row(value):
    converter = Converter(CurrentWeather)
    convert(CurrentWeather, changed(CURRENT, uv=7, wind={"chill": 1}), converter=converter)
    later = [CURRENT, changed(CURRENT, uv=value, wind={"speed": 3, "chill": value}), changed(CURRENT, uv=8)]
    table, invalid_rows = convert(CurrentWeather, *later, converter=converter)
    assert invalid_rows == []
    assert table["uv"].to_pylist() == [None, None, 8.0]
    assert table["wind_speed"].to_pylist()[1] == 3.0
    others = [text and orjson.loads(text) for text in table["other_fields"].to_pylist()]
    if isinstance(value, dict):
        assert (others, table["uv_a"].to_pylist()) == ([None] * 3, [None, '[1,"x"]', None]), "an object is taken apart"
    else:
        assert others == [None, {"uv": value, "wind": {"chill": value}}, None]
        assert converter.other_fields == {"uv", "wind.chill"}


def test_values_of_mixed_types_in_one_batch_cost_no_row_and_the_first_decides_the_column():
    converter = Converter(CurrentWeather)
    values = [1, "x", [2], None, 2.5, False, {"index": 3}]
    table, invalid_rows = convert(CurrentWeather, *(changed(CURRENT, uv=v) for v in values), converter=converter)
    assert invalid_rows == []
    assert converter.new_columns == {"uv": pa.float64(), "uv_index": pa.float64()}
    assert table["uv"].to_pylist() == [1.0, None, None, None, 2.5, None, None]
    assert table["uv_index"].to_pylist() == [None] * 6 + [3.0]
    others = [text and orjson.loads(text)["uv"] for text in table["other_fields"].to_pylist()]
    assert others == [None, "x", [2], None, None, False, None]


def test_a_new_column_keeps_the_type_that_the_table_has():
    converter = Converter(CurrentWeather, {"uv": pa.string()})
    table, invalid_rows = convert(CurrentWeather, changed(CURRENT, uv=7), converter=converter)
    assert invalid_rows == []
    assert table["other_fields"].to_pylist() == ['{"uv":7}']


def test_as_many_unknown_fields_as_allowed_are_columns_and_more_stand_in_other_fields():
    many = {f"novel{number}": number for number in range(MOST_NEW_COLUMNS)}
    converter = Converter(CurrentWeather)
    convert(CurrentWeather, {**CURRENT, **many}, converter=converter)
    table, invalid_rows = convert(CurrentWeather, {**CURRENT, **many}, {**CURRENT, "straw": 1}, converter=converter)
    assert invalid_rows == []
    assert table["other_fields"].to_pylist() == [None, '{"straw":1}']
    assert len(converter.new_columns) == MOST_NEW_COLUMNS


@pytest.mark.parametrize("names", [("newField", "new_field"), ("a", "b", "a_b"), ("Novel", "novel", "novel!")], ids=str)
def test_fields_whose_names_become_one_have_columns_that_do_not_depend_on_their_order(names):
    paths = [("a", "b"), ("a_b",)] if "a_b" in names else [(name,) for name in names]
    records = [nested(path, number) for number, path in enumerate(paths)]
    homes = []
    for order in (records, records[::-1]):
        converter = Converter(CurrentWeather)
        tables = [convert(CurrentWeather, {**CURRENT, **record}, converter=converter)[0] for record in order]
        tables.append(convert(CurrentWeather, *({**CURRENT, **record} for record in order), converter=converter)[0])
        assert len(converter.new_columns) == len(paths)
        for table in tables:
            for name, path in ((name, path) for name, path in converter.owners.items() if name in table.schema.names):
                assert {value for value in table[name].to_pylist() if value is not None} <= {
                    paths.index(tuple(path.split(".")))
                }
        homes.append(converter.owners)
    if "a_b" not in names:
        assert homes[0] == homes[1], "not even in a table of its own"


def nested(path, value):
    for name in reversed(path):
        value = {name: value}
    return value


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

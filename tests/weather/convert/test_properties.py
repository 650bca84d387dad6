"""Properties of the conversion that hold for whatever the API may send."""

from __future__ import annotations

import copy
import math

import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dlt_sources.weather.contracts import (
    AirPollution,
    CurrentWeather,
    Forecast,
    OneCallAlerts,
    OneCallDaily,
    OneCallDailyForecast,
    OneCallHourly,
    OneCallMinutely,
)
from dlt_sources.weather.contracts.base import OTHER_FIELDS
from dlt_sources.weather.convert.converter import Converter
from dlt_sources.weather.convert.invalid_rows import explain
from dlt_sources.weather.convert.unknown_fields import unknown_leaves
from tests.weather.contracts.records import (
    AIR,
    ALERT,
    ALERT_IDS,
    CURRENT,
    DAY,
    DT,
    HOUR,
    MINUTE,
    STEP,
    as_received,
    convert,
)

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
NOVEL = ["novel", "Novel", "novel!", "风", "", "temp", "_dlt_id", "rain_1h", "other_fields"]
KNOWN_RECORDS = {
    CurrentWeather: CURRENT,
    Forecast: STEP,
    AirPollution: AIR,
    OneCallHourly: HOUR,
    OneCallDaily: DAY,
    OneCallMinutely: MINUTE,
    OneCallAlerts: ALERT,
    OneCallDailyForecast: DAY | {"alerts": ALERT_IDS},
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
        record[draw(st.sampled_from(NOVEL))] = draw(VALUES)
    return as_received(record)


HURRIED = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


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


def widened(data, contract):
    """A valid record with anything in fields that no contract names, at the top and inside its objects."""
    record = copy.deepcopy(KNOWN_RECORDS[contract])
    holders = [record, *(value for value in record.values() if isinstance(value, dict))]
    known = contract.paths() | contract.parents() | {tuple(name.split(".")) for name in contract.ignored}
    for _ in range(data.draw(st.integers(1, 4))):
        number = data.draw(st.integers(0, len(holders) - 1))
        name = data.draw(st.sampled_from(NOVEL))
        if name not in holders[number] and name not in {step for path in known for step in path}:
            holders[number][name] = data.draw(VALUES)
    return as_received(record)


@HURRIED
@given(data=st.data())
@pytest.mark.parametrize("contract", KNOWN_RECORDS, ids=lambda contract: contract.table)
def test_whatever_stands_in_unknown_fields_the_known_ones_are_loaded_unchanged(contract, data):
    records = [widened(data, contract) for _ in range(data.draw(st.integers(1, 4)))]
    plain, _ = convert(contract, *([as_received(KNOWN_RECORDS[contract])] * len(records)))
    converter = Converter(contract)
    for batch in (records, records[::-1]):
        table, invalid_rows = convert(contract, *batch, converter=converter)
        assert invalid_rows == []
        known = [name for name in contract.model_fields if name != OTHER_FIELDS]
        assert table.select(known).to_pylist() == plain.select(known).to_pylist()
        for position, record in enumerate(batch):
            assert_every_value_stands_somewhere(record, table.slice(position, 1).to_pylist()[0], converter, contract)


def assert_every_value_stands_somewhere(record, row, converter, contract):
    """Assert that each unknown value is in the column of its field, or in ``other_fields``, as it was received."""
    others = orjson.loads(row[OTHER_FIELDS] or "{}")
    columns = {path: name for name, path in converter.owners.items()}
    for path, value in unknown_leaves(contract.prepare(record), contract):
        stored = row.get(columns.get(".".join(path)))
        if stored is None:
            for step in path:
                others = others[step]
            assert others == value
            others = orjson.loads(row[OTHER_FIELDS])
        else:
            assert stored == value or orjson.loads(stored) == value


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

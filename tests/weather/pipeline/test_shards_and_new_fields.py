"""A field that the API adds, and that two shards meet as two types before either has written."""

import orjson
import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.common.shards import Shard
from dlt_sources.weather.pipeline.packages import prepare_package
from dlt_sources.weather.pipeline.working_directories import directories, lock_directory
from tests.helpers.processes import load_and_die, start_worker
from tests.helpers.support import assert_no_duplicates, columns, count, load_accounted, query

PLACES = [f"{n}.5000,{n}.5000" for n in range(8)]
OF_SHARD = {number: [place for place in PLACES if Shard(number, 2).has(place)] for number in (1, 2)}
CHOICE = {"resources": ["current_weather"], "locations": PLACES}
# a text of eight bytes is as long as a number, which PostgreSQL would take it for
SLOW = pytest.mark.slow
TYPES = [
    (4, "moderate"),
    pytest.param(4, "very high", marks=SLOW),
    ("moderate", 4),
    pytest.param(True, "moderate", marks=SLOW),
    pytest.param(4, True, marks=SLOW),
]
SUFFIX = {str: "text", int: "number", bool: "bool"}


pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def table_there(postgres, settings, clock):
    """The table as it was before the API added the field, and an hour later."""
    load_accounted(postgres, settings(**CHOICE), clock)
    clock.pass_time(hours=1)


def add_field(simulator, values):
    """Have the API add a field, with one value for the places of each shard."""
    for number, value in values.items():
        for place in OF_SHARD[number]:
            where = {"lat": place.partition(",")[0]}
            simulator.inject(Fault(path="/data/2.5/weather", where=where, set={"main.uv_index": value}))


def values_of(target, moment, column):
    rows = query(target, f"SELECT location_id, {column} FROM current_weather WHERE fetched_at = %s", moment)
    return {place: value for place, value in rows if value is not None}


def assert_all_is_there(target, clock, first, later):
    """Assert that each shard's rows have their values, in a column of their type, and the table all of its rows."""
    beside = f"main_uv_index_as_{SUFFIX[type(later)]}"
    assert {name for name in columns(target, "current_weather") if "uv" in name} == {"main_uv_index", beside}
    assert values_of(target, clock(), "main_uv_index") == dict.fromkeys(OF_SHARD[1], first)
    assert values_of(target, clock(), beside) == dict.fromkeys(OF_SHARD[2], later)
    assert_no_duplicates(target, "current_weather", "location_id", "dt")
    assert count(target, "current_weather") == len(PLACES) * 2
    assert count(target, "rejects") == 0


@pytest.mark.parametrize(("first", "later"), TYPES)
def test_whoever_writes_later_keeps_its_values_in_a_column_beside(  # noqa: PLR0917
    postgres, settings, clock, simulator, monkeypatch, first, later
):
    add_field(simulator, {1: first, 2: later})

    def then_the_other_loads(pipeline, source):
        prepare_package(pipeline, source)
        other = start_worker(postgres, "end", dict(settings(shard="1/2", **CHOICE)), clock())
        other.join(120)
        assert other.exitcode == 0

    with monkeypatch.context() as patch:
        patch.setattr("dlt_sources.weather.pipeline.writer.prepare_package", then_the_other_loads)
        load_accounted(postgres, settings(shard="2/2", **CHOICE), clock)
    assert_all_is_there(postgres, clock, first, later)

    clock.pass_time(hours=1)
    assert load_accounted(postgres, settings(shard="1/2", **CHOICE), clock).rows_rejected == 0
    report = load_accounted(postgres, settings(shard="2/2", **CHOICE), clock)
    assert report.rows_rejected == 0, "from now on the type is known, and the value stands in other_fields"
    assert values_of(postgres, clock(), "other_fields ->> 'main'") == {
        place: f'{{"uv_index":{orjson.dumps(later).decode()}}}' for place in OF_SHARD[2]
    }
    assert values_of(postgres, clock(), "main_uv_index") == dict.fromkeys(OF_SHARD[1], first)


def test_a_dead_shards_package_is_finished_after_another_brought_another_type(postgres, settings, clock, simulator):
    add_field(simulator, {1: "moderate", 2: 4})
    load_and_die(postgres, "load:1", dict(settings(shard="2/2", **CHOICE)), clock())
    (directory,) = directories(postgres.root)
    # as on another machine
    with lock_directory(directory):
        load_accounted(postgres, settings(shard="1/2", **CHOICE), clock)
    assert load_accounted(postgres, settings(shard="1/2", **CHOICE), clock).finished_before == 1
    assert directories(postgres.root) == []
    assert_all_is_there(postgres, clock, "moderate", 4)

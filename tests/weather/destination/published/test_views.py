"""Views appear with their tables, follow them, and never stand in the way of a load."""

import time

import pyarrow as pa
import pytest

from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.contracts.base import TIMESTAMP
from dlt_sources.weather.destination.published.publisher import drop_views
from dlt_sources.weather.destination.published.views import VIEWS
from dlt_sources.weather.destination.published.views.model import LOCAL_TIME
from tests.helpers.support import query
from tests.weather.destination.published.dataset import NOON, comments, hours, make, publish, views

OSLO = {"location_id": "oslo", "name": "Oslo", "lat": 59.9, "lon": 10.7}
TYPES = {
    **dict.fromkeys(("integer", "bigint"), pa.int64()),
    **dict.fromkeys(("double", "double precision"), pa.float64()),
    **dict.fromkeys(("varchar", "character varying", "text"), pa.string()),
    "boolean": pa.bool_(),
    "timestamp with time zone": TIMESTAMP,
    **dict.fromkeys(("timestamp", "timestamp without time zone"), LOCAL_TIME),
}
ROME = {"location_id": "rome", "name": "Rome", "lat": 41.9, "lon": 12.5}


def weather(dt, temp=10.0, **others):
    return {
        "location_id": "oslo",
        "dt": dt,
        "units": "metric",
        "temp": temp,
        "wind_speed": 10.0,
        "timezone": 7200,
        **others,
    }


def air(dt, **others):
    return {"location_id": "oslo", "dt": dt, "aqi": 2, "pm2_5": 7.5, **others}


def read(target, view, *columns, order="1"):
    return query(target, f"SELECT {', '.join(columns)} FROM bronze.{view} ORDER BY {order}")


def test_a_view_has_the_columns_that_are_described_whatever_tables_there_are(target):
    make(target, locations=[OSLO])
    publish(target)
    assert views(target) == set(), "locations alone show no weather"
    make(target, air_pollution=[air(NOON)])
    publish(target)
    assert views(target) == {"latest_weather", "weather_hourly", "air_quality_index"}
    make(target, **{table: [] for table in TABLES.keys() - {"locations", "air_pollution"}})
    publish(target)
    assert views(target) == set(VIEWS)
    sql = (
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position"
    )
    for name, view in VIEWS.items():
        found = [(column, TYPES.get(sql_type.lower())) for column, sql_type in query(target, sql, name)]
        assert found == [(column.name, column.type) for column in view.columns]
        query(target, f"SELECT * FROM bronze.{name}")
        query(target, view.example)


def test_the_newest_observation_stands_with_place_local_time_and_air(target):
    rows = [weather(hours(-1), 5.0), weather(hours(0.2), 10.0)]
    make(target, locations=[OSLO, ROME], current_weather=rows, air_pollution=[air(hours(-1), aqi=4), air(hours(0))])
    publish(target)
    columns = ("name", "lat", "dt", "CAST(local_time AS varchar)", "source", "units", "temp", "air_dt", "aqi", "pm2_5")
    assert read(target, "latest_weather", *columns) == [
        ("Oslo", 59.9, hours(0.2), "2026-05-20 14:12:00", "current_weather", "metric", 10.0, NOON, 2, 7.5),
        ("Rome", 41.9, None, None, None, None, None, None, None, None),
    ]


def test_no_gap_between_the_first_observation_and_the_newest_load_is_hidden(target):
    observed = [
        weather(hours(-4), 1.0),
        weather(hours(-2.9), 2.0),
        weather(hours(-2.6), 3.0),
        weather(hours(-1.4), 4.0),
    ]
    history = [{"location_id": "oslo", "dt": hours(-1), "units": "metric", "temp": temp} for temp in (50.0,)]
    history.append({"location_id": "oslo", "dt": hours(-2), "units": "metric", "temp": 6.0})
    run = {"run_id": "1", "resource": "current_weather", "command": "load", "started_at": hours(1.3)}
    make(target, locations=[OSLO, ROME], current_weather=observed, air_pollution=[air(hours(0))], load_runs=[run])
    publish(target)
    columns = ("hour", "observed", "temp", "pm2_5")
    assert read(target, "weather_hourly", *columns) == [
        (hours(-4), True, 1.0, None),
        (hours(-3), True, 2.0, None),  # 6 minutes away, the other one 24
        (hours(-2), False, None, None),
        (hours(-1), True, 4.0, None),
        (hours(0), False, None, 7.5),
        (hours(1), False, None, None),  # asked, and no answer
    ]
    make(target, weather_history=history)
    publish(target)
    found = read(target, "weather_hourly", "hour", "source", "temp")
    assert found[2:4] == [(hours(-2), "weather_history", 6.0), (hours(-1), "current_weather", 4.0)]
    with_zone = query(target, "SELECT CAST(local_hour AS varchar) FROM bronze.weather_hourly WHERE hour = %s", hours(0))
    assert with_zone == [("2026-05-20 14:00:00",)], "by the newest offset"


@pytest.mark.parametrize(
    ("units", "temp", "speed"), [("metric", 10.0, 4.47), ("standard", 283.15, 4.47), ("imperial", 50.0, 10.0)]
)
def test_rows_of_several_units_stand_in_one(duckdb, units, temp, speed):
    make(
        duckdb,
        locations=[OSLO],
        current_weather=[
            weather(hours(0), 10.0) | {"wind_speed": 4.47},
            weather(hours(1), 283.15) | {"units": "standard", "wind_speed": 4.47},
            weather(hours(2), 50.0) | {"units": "imperial", "wind_speed": 10.0},
        ],
    )
    publish(duckdb, units)
    found = read(duckdb, "weather_hourly", "temp", "wind_speed", "units")
    assert [(pytest.approx(temp), pytest.approx(speed), units)] * 3 == found
    assert comments(duckdb)["weather_hourly", "temp"].endswith({"metric": "°C", "standard": "K"}.get(units, "°F"))


def test_converted_values_have_two_decimals_and_others_are_as_they_were_loaded(target):
    rows = [
        weather(hours(0), 34.6) | {"units": "imperial", "wind_speed": 7.0},
        weather(hours(1), 1.23456),
    ]
    make(target, locations=[OSLO], current_weather=rows)
    publish(target)
    assert read(target, "weather_hourly", "temp", "wind_speed") == [(1.23456, 10.0), (1.44, 3.13)]


def test_views_follow_columns_and_tables_that_go_and_come(target):
    make(target, locations=[OSLO], current_weather=[weather(NOON)], forecast=[], air_pollution=[air(NOON)])
    publish(target)
    query(target, "ALTER TABLE bronze.current_weather ADD COLUMN main_uv_index double precision")
    query(target, "ALTER TABLE bronze.current_weather DROP COLUMN humidity CASCADE")
    query(target, "DROP TABLE bronze.air_pollution CASCADE")
    publish(target)
    assert views(target) == {"latest_weather", "weather_hourly", "forecast_accuracy"}
    assert read(target, "latest_weather", "temp", "humidity", "aqi") == [(10.0, None, None)]
    query(target, "ALTER TABLE bronze.current_weather ADD COLUMN humidity double precision")
    query(target, "UPDATE bronze.current_weather SET humidity = 70")
    make(target, air_pollution=[air(NOON)])
    publish(target)
    assert views(target) == set(VIEWS)
    assert read(target, "latest_weather", "humidity", "aqi") == [(70.0, 2)]


def test_a_view_of_an_earlier_release_is_replaced_and_what_reads_it_is_told(postgres, caplog):
    make(postgres, locations=[OSLO], current_weather=[weather(NOON)])
    query(postgres, "CREATE VIEW bronze.latest_weather AS SELECT location_id, lat AS other FROM bronze.locations")
    query(postgres, "COMMENT ON VIEW bronze.latest_weather IS 'Newest. [definition 00000000]'")
    query(postgres, "CREATE VIEW bronze.reading_it AS SELECT * FROM bronze.latest_weather")
    publish(postgres)
    assert "Views could not be written: latest_weather (cannot drop view" in caplog.text
    assert query(postgres, "SELECT count(other) FROM bronze.latest_weather") == [(1,)], "it is kept"
    query(postgres, "DROP VIEW bronze.reading_it")
    publish(postgres)
    assert read(postgres, "latest_weather", "temp") == [(10.0,)]
    query(postgres, "CREATE ROLE analyst; GRANT SELECT ON bronze.latest_weather TO analyst")
    publish(postgres, "imperial")
    assert read(postgres, "latest_weather", "temp") == [(50.0,)]
    granted = "SELECT has_table_privilege('analyst', 'bronze.latest_weather', 'SELECT')"
    assert query(postgres, granted) == [(True,)], "other units replace the view, and grants stay"
    query(postgres, "DROP OWNED BY analyst; DROP ROLE analyst")


@pytest.mark.parametrize("view", ["latest_weather", "weather_hourly", "air_quality_index", "forecast_accuracy"])
def test_a_view_of_one_place_is_read_by_the_keys_index(postgres, view):
    make(postgres, locations=[OSLO], current_weather=[weather(NOON)], air_pollution=[air(NOON)], forecast=[])
    for table in ("current_weather", "air_pollution", "forecast"):
        key = ", ".join(TABLES[table].key)
        query(postgres, f"CREATE UNIQUE INDEX ON bronze.{table} ({key})")
    publish(postgres)
    # tables of one row are read whole otherwise
    sql = f"SET enable_seqscan = off; EXPLAIN SELECT * FROM bronze.{view} WHERE location_id = 'oslo'"
    plan = "\n".join(line for (line,) in query(postgres, sql))
    assert "Seq Scan on current_weather" not in plan
    assert "Seq Scan on air_pollution" not in plan
    assert plan.count("location_id") >= plan.count("Index Cond") > 0


def test_views_that_are_switched_off_are_dropped_and_a_users_own_stays(target, caplog):
    make(target, locations=[OSLO], current_weather=[weather(NOON)])
    query(target, "CREATE VIEW bronze.weather_hourly AS SELECT 1 AS own")
    publish(target)
    assert views(target) == {"latest_weather", "weather_hourly"}
    assert "weather_hourly is in the dataset already, not made by this pipeline" in caplog.text
    with caplog.at_level("INFO", logger="dlt_sources.weather"):
        publish(target, views=False)
        publish(target, views=False)
    assert caplog.messages.count("Views are dropped, since views = false: latest_weather") == 1
    assert views(target) == {"weather_hourly"}
    assert query(target, "SELECT own FROM bronze.weather_hourly") == [(1,)]


def test_views_are_dropped_before_dlt_drops_tables(postgres):
    make(postgres, locations=[OSLO], current_weather=[weather(NOON)])
    query(postgres, "CREATE VIEW bronze.weather_hourly AS SELECT 1 AS own")
    publish(postgres)
    with postgres.connection() as client:
        drop_views(client, is_postgres=True)
        client.drop_tables("current_weather")
    assert views(postgres) == {"weather_hourly"}


def test_a_readers_open_transaction_holds_up_a_load_for_moments_only(postgres, caplog):
    make(postgres, locations=[OSLO], current_weather=[weather(NOON)])
    publish(postgres)
    with postgres.connection() as reader, reader.begin_transaction():
        reader.execute_sql("SELECT * FROM bronze.latest_weather")
        began = time.monotonic()
        publish(postgres, "imperial")
        assert time.monotonic() - began < 40, "PostgreSQL's own limit is a minute for each statement"
    assert "latest_weather (canceling statement due to lock timeout" in caplog.text
    publish(postgres, "imperial")
    assert read(postgres, "latest_weather", "units") == [("imperial",)]

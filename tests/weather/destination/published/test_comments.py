"""Comments on all tables, views and columns, written only where they differ."""

import logging
import os

import dlt
import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.destination.published import publisher as module
from dlt_sources.weather.destination.published.views import VIEWS
from tests.helpers.support import load_accounted, query, tables
from tests.weather.destination.published.dataset import comments, hours, make, publish, publisher

PLACE = {"location_id": "oslo", "name": "Oslo"}


@pytest.fixture
def statements(monkeypatch):
    """The statements that are sent, other than the query of the catalogue."""
    sent = []
    execute = module._execute

    def record(client, texts):
        sent.extend(texts)
        execute(client, texts)

    monkeypatch.setattr(module, "_execute", record)
    return sent


def test_every_table_view_and_column_of_a_load_has_a_comment(target, settings, clock, simulator, statements):
    places = {"locations": ["59.9139,10.7522", "Nowhere at all,ZZ"], "views": True}
    load_accounted(target, settings(**places), clock)
    found = comments(target)
    assert [key for key, text in found.items() if not text] == []
    assert {"rejects", "weather_raw", "_dlt_loads", "_dlt_pipeline_state", "_dlt_version", *VIEWS} <= {
        r for r, _ in found
    }
    assert found["current_weather", "temp"] == "Air temperature, °C where units is metric"
    assert found["current_weather", "pressure"] == "Air pressure, hPa"
    assert found["latest_weather", "wind_speed"] == "Wind speed, m/s"
    if target.is_postgres:
        assert found["_weather_calls", "moment"]
    first = len(statements)
    clock.pass_time(hours=1)
    load_accounted(target, settings(**places), clock)
    assert statements[first:] == [], "a load with nothing to change writes nothing"
    clock.pass_time(hours=1)
    simulator.inject(Fault(path="/data/2.5/weather", set={"main.uv_index": 4}))
    load_accounted(target, settings(**places, units="imperial"), clock)
    found = comments(target)
    assert [key for key, text in found.items() if not text] == []
    assert found["current_weather", "main_uv_index"] == "Field of the API that is not described yet: main.uv_index"
    assert found["current_weather", "temp"] == "Air temperature, °F where units is imperial"
    assert found["latest_weather", "wind_speed"] == "Wind speed, mph"


def test_comments_that_others_wrote_on_their_own_columns_and_tables_stay(target):
    make(target, locations=[PLACE])
    query(target, "ALTER TABLE bronze.locations ADD COLUMN region varchar")
    query(target, "COMMENT ON COLUMN bronze.locations.region IS 'ours'")
    query(target, "CREATE TABLE bronze.stations (id varchar)")
    query(target, "COMMENT ON TABLE bronze.locations IS 'the offices of the company'")
    publish(target)
    found = comments(target)
    assert found["locations", ""] == "the offices of the company"
    assert found["locations", "region"] == "ours"
    assert (found["stations", ""], found["stations", "id"]) == (None, None)


def test_a_role_that_does_not_own_the_tables_is_told_once_and_the_rest_is_done(postgres, monkeypatch, caplog):
    make(postgres, locations=[PLACE], current_weather=[{"location_id": "oslo", "dt": hours(0), "temp": 1.0}])
    owner = os.environ["DESTINATION__POSTGRES__CREDENTIALS"]
    query(postgres, "CREATE ROLE reader_of_tables LOGIN PASSWORD 'x'")
    query(postgres, "GRANT USAGE ON SCHEMA bronze TO reader_of_tables")
    query(postgres, "GRANT SELECT ON ALL TABLES IN SCHEMA bronze TO reader_of_tables")
    url = owner.replace("postgres:not-a-real-password", "reader_of_tables:x")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)
    one = publisher(postgres)
    with caplog.at_level(logging.WARNING), type(postgres)("postgres").connection() as client:
        for name in ("weather", "of_another_version"):
            one.publish(client, dlt.Schema(name))
    told = [record.getMessage() for record in caplog.records if record.name == module.__name__]
    assert len([text for text in told if "current_weather, locations: this role does not own them" in text]) == 1
    assert len([text for text in told if "Views could not be written: latest_weather (permission denied" in text]) == 1
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", owner)
    assert comments(postgres)["locations", ""] is None
    assert "locations" in tables(postgres)
    query(postgres, "DROP OWNED BY reader_of_tables; DROP ROLE reader_of_tables")

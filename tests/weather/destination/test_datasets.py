"""dlt's datasets: what was loaded, read in Python by a person who knows dlt and not this project."""

import dlt
import pytest

from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.contracts import TABLES
from tests.helpers.support import load_accounted, query


def test_the_tables_are_read_as_rows_and_arrow_and_joined(target, settings, clock):
    load_accounted(target, settings(), clock)
    data = dlt.dataset(target.destination, target.dataset_name)
    loaded = dict(query(target, "SELECT location_id, temp FROM current_weather"))

    assert {"locations", "current_weather", "forecast", "air_pollution"} <= set(data.tables)
    assert dict(data.row_counts().fetchall())["current_weather"] == len(loaded)
    weather = data.table("current_weather").select("location_id", "temp")
    assert dict(weather.fetchall()) == loaded
    assert weather.arrow().schema.names == ["location_id", "temp"]
    assert dict(zip(*weather.arrow().to_pydict().values(), strict=True)) == loaded
    warmest = data("SELECT max(temp) AS temp FROM current_weather").fetchscalar()
    assert warmest == max(loaded.values())
    joined = data.table("air_pollution").join("locations").select("location_id", "locations__location_id").fetchall()
    assert len(joined) == query(target, "SELECT count(*) FROM air_pollution")[0][0]
    assert {*joined} == {(location_id, location_id) for location_id in loaded}


def test_every_table_of_a_place_refers_to_the_locations():
    referring = {name for name, contract in TABLES.items() if contract.references()}
    assert referring == {
        name
        for name, contract in TABLES.items()
        if contract.arrow_schema().names[0] == "location_id" and name not in {"locations", "rejects"}
    }
    assert TABLES["current_weather"].references() == [
        {
            "columns": ["location_id"],
            "referenced_table": "locations",
            "referenced_columns": ["location_id"],
            "cardinality": "many_to_one",
        }
    ]


def test_a_file_of_a_newer_duckdb_is_named_with_what_to_do(duckdb, monkeypatch):
    def refuse(_):
        raise OSError(
            "IO Error: Trying to read a database file with version number 69, but we can only read versions between 64 "
            "and 68.\nThe database file was created with a newer version of DuckDB."
        )

    monkeypatch.setattr("dlt.destinations.impl.duckdb.sql_client.DuckDbSqlClient.open_connection", refuse)
    with (
        pytest.raises(ConfigurationError, match=r"duckdb was written by a newer DuckDB than the .*Files of DuckDB 2"),
        duckdb.connection(),
    ):
        pass

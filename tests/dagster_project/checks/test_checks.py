"""Every asset check passes on good tables, fails on planted bad rows, and lists them."""

import time
from datetime import timedelta

import pytest
from dagster import AssetCheckSeverity, AssetSelection, MarkdownMetadataValue, materialize

from dagster_project.checks.asset_checks import bronze_checks
from dagster_project.checks.queries import MOST_SHOWN, duplicate_keys, out_of_range
from dagster_project.checks.rows import read_rows
from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.contracts import TABLES, CurrentWeather
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from tests.dagster_project.conftest import PLACES, RESOURCES
from tests.helpers.support import query, tables
from tests.weather.extract.series import lat

MADRID, OSLO = PLACES


def rows_of(check):
    return read_rows(check.metadata["rows"].value)


# by the check that must fail: the statement that plants bad rows
PLANTED = {
    ("locations", "no_duplicate_keys"): "INSERT INTO locations SELECT * FROM locations WHERE location_id = '{oslo}'",
    ("locations", "physical_ranges"): "UPDATE locations SET lat = 95 WHERE location_id = '{oslo}'",
    ("locations", "accounting"): "UPDATE load_runs SET rows_loaded = rows_loaded + 1 WHERE resource = 'locations'",
    ("current_weather", "no_duplicate_keys"): (
        "INSERT INTO current_weather SELECT * FROM current_weather WHERE location_id = '{oslo}'"
    ),
    ("current_weather", "physical_ranges"): "UPDATE current_weather SET temp = 80 WHERE location_id = '{oslo}'",
    ("current_weather", "accounting"): (
        "UPDATE load_runs SET rows_fetched = rows_fetched + 100 WHERE resource = 'current_weather'"
    ),
    ("current_weather", "reject_rate"): ("UPDATE load_runs SET rows_rejected = 60 WHERE resource = 'current_weather'"),
    ("forecast", "locations_are_recent"): (
        "UPDATE forecast SET fetched_at = '2026-05-20T09:00:00Z' WHERE location_id = '{oslo}'"
    ),
    ("forecast", "physical_ranges"): "UPDATE forecast SET humidity = 101 WHERE location_id = '{oslo}'",
    ("forecast", "no_duplicate_keys"): "INSERT INTO forecast SELECT * FROM forecast WHERE location_id = '{oslo}'",
    ("air_pollution", "physical_ranges"): "UPDATE air_pollution SET aqi = 6 WHERE location_id = '{oslo}'",
    ("air_pollution", "no_gaps"): (
        "DELETE FROM air_pollution WHERE location_id = '{oslo}' "
        "AND dt IN ('2026-05-20T01:00:00Z', '2026-05-20T02:00:00Z')"
    ),
    ("air_pollution_forecast", "physical_ranges"): (
        "UPDATE air_pollution_forecast SET pm10 = -1 WHERE location_id = '{oslo}'"
    ),
}


@pytest.fixture
def evaluate(environment, instance, monkeypatch):  # noqa: ARG001 - the settings in the environment
    """Run all checks, or those of some assets, and nothing else.

    Returns whether the run succeeded, and the evaluations by asset and name.
    """

    def run(target, *names):
        monkeypatch.setenv("WEATHER_DESTINATION", target.destination)
        checks = bronze_checks(names or RESOURCES)
        selection = AssetSelection.all_asset_checks()
        result = materialize(checks, selection=selection, instance=instance, raise_on_error=False)
        return result.success, {
            (one.asset_key.path[-1], one.check_name): one for one in result.get_asset_check_evaluations()
        }

    return run


def test_checks_pass_on_good_tables_and_name_planted_bad_rows(evaluate, target, settings, clock):
    load(target, settings(locations=PLACES, history_days=2), now=clock)
    success, found = evaluate(target)
    assert success
    assert [name for name, one in found.items() if not one.passed] == []
    if target.is_postgres:
        for table in ("locations", "current_weather", "forecast"):
            query(target, f"DROP INDEX {table}_key")
    for statement in PLANTED.values():
        query(target, statement.format(oslo=OSLO))

    success, found = evaluate(target)
    assert not success, "duplicates block"
    failed = {name for name, one in found.items() if not one.passed}
    # a wrong count of current weather fails both checks that read it
    assert failed == PLANTED.keys()
    for asset, check in PLANTED.keys() - {("locations", "accounting"), ("current_weather", "reject_rate")}:
        rows = rows_of(found[asset, check])
        assert rows[0].get("run_id", rows[0].get("location_id")) in found[asset, check].metadata["at_fault"].value
        assert 0 < len(rows) <= MOST_SHOWN
        if check == "accounting":
            assert rows[0]["run_id"]
        else:
            assert {row["location_id"] for row in rows} == {OSLO}
    assert (
        rows_of(found["current_weather", "physical_ranges"])
        == [
            {
                "location_id": OSLO,
                "dt": rows_of(found["current_weather", "no_duplicate_keys"])[0]["dt"],
                "units": "metric",
                "temp": "80.0",
            }
        ]
        * 2
    )
    assert found["air_pollution", "no_gaps"].metadata["missing_hours"].value == 2
    assert found["forecast", "no_duplicate_keys"].metadata["rows_at_fault"].value == f"more than {MOST_SHOWN}"
    assert found["air_pollution", "no_gaps"].severity == AssetCheckSeverity.WARN
    assert found["forecast", "no_duplicate_keys"].severity == AssetCheckSeverity.ERROR


@pytest.mark.parametrize(
    "row", [("standard", 290.0, True), ("standard", 20.0, False), ("imperial", 140.0, True), ("imperial", 160.0, False)]
)
def test_temperatures_are_judged_in_the_units_of_their_row(duckdb, settings, clock, row):
    units, temperature, passed = row
    load(duckdb, settings(locations=PLACES, resources=["current_weather"], units=units), now=clock)
    query(duckdb, "UPDATE current_weather SET temp = %s", temperature)
    with duckdb.reader() as loaded:
        result = out_of_range(loaded, CurrentWeather)
    assert result.passed == passed
    assert all("temp" in found for found in result.rows)


def test_old_tables_are_reported_stale(evaluate, duckdb, settings, clock):
    load(duckdb, settings(locations=PLACES, history_days=2), now=clock)
    clock.pass_time(hours=2)
    _, found = evaluate(duckdb)
    assert all(found[name, "newest_is_recent"].passed for name in RESOURCES if name != "locations")
    clock.pass_time(hours=2)
    success, found = evaluate(duckdb)
    assert success, "a warning"
    late = [name for name in RESOURCES if name != "locations"]
    assert not any(found[name, "newest_is_recent"].passed for name in late)
    assert found["air_pollution", "newest_is_recent"].metadata["age_hours"].value == pytest.approx(4.33, abs=0.01)


def test_checks_of_tables_that_do_not_exist_yet_do_not_crash(evaluate, duckdb):
    success, found = evaluate(duckdb)
    assert success
    assert {check for (_, check), one in found.items() if not one.passed} == {
        "newest_is_recent",
        "locations_are_recent",
    }


def test_a_location_that_fails_for_good_is_named_with_its_cause_by_every_resource(
    evaluate, target, settings, simulator, clock
):
    load(target, settings(locations=PLACES, history_days=2), now=clock)
    success, found = evaluate(target)
    assert success
    assert all(one.passed for one in found.values())
    simulator.inject(Fault(path="/data/", where={"lat": lat(OSLO)}, status=404))
    clock.pass_time(hours=4)
    load(target, settings(locations=PLACES), now=clock)
    success, found = evaluate(target)
    assert success, "a warning"
    for name in ("current_weather", "forecast", "air_pollution", "air_pollution_forecast"):
        check = found[name, "locations_are_recent"]
        assert not check.passed
        assert check.severity == AssetCheckSeverity.WARN
        since = "12:00" if name == "air_pollution" else "12:20"
        sentence = f"{name}: 1 of 2 places without recent rows: {OSLO} since {since} UTC: city not found (404)."
        assert check.description == sentence
        assert check.metadata["at_fault"].value == sentence, "a run's page shows the metadata alone"
        assert isinstance(check.metadata["rows"], MarkdownMetadataValue)
        (row,) = rows_of(check)
        assert row["location_id"] == OSLO
        assert row["newest"].startswith("2026-05-20T1")
        assert check.metadata["late_places"].value == 1
    assert found["locations", "locations_are_recent"].passed, "it has coordinates"


@pytest.mark.db
def test_a_failed_request_is_one_of_all_places_until_it_is_repeated(evaluate, target, settings, simulator, clock):
    choice = settings(locations=PLACES, resources=["locations", "forecast"], attempts=1)
    # one request of two fails, which is one rejected row beside the forty of the other
    simulator.inject(Fault(path="/data/2.5/forecast", where={"lat": lat(OSLO)}, status=500))
    load(target, choice, now=clock)
    _, found = evaluate(target, "forecast")
    check = found["forecast", "reject_rate"]
    assert not check.passed
    assert check.description.startswith(f"forecast: 1 of 2 places failed: {OSLO} since 12:20 UTC: ")
    assert check.metadata["places_failing_rate"].value == 0.5
    assert check.metadata["rows_rejected_rate"].value == 0.0
    assert [row["location_id"] for row in rows_of(check)] == [OSLO]
    clock.pass_time(minutes=1)
    choice.only_location_ids = [MADRID]
    load(target, choice, now=clock)
    assert not evaluate(target, "forecast")[1]["forecast", "reject_rate"].passed, "another place has come"
    simulator.clear_faults()
    choice.only_location_ids = [OSLO]
    load(target, choice, now=clock)
    assert evaluate(target, "forecast")[1]["forecast", "reject_rate"].passed


def age(target, **delta):
    """Change every row's load id to that of an earlier load."""
    by = timedelta(**delta).total_seconds()
    for table in tables(target) & set(RESOURCES):
        query(
            target, f"UPDATE {table} SET _dlt_load_id = CAST(CAST(_dlt_load_id AS double precision) - {by} AS varchar)"
        )


@pytest.mark.parametrize("plant", ["UPDATE air_pollution SET aqi = 6 WHERE dt < '2022-01-01'", "double"])
def test_old_bad_rows_that_were_loaded_just_now_by_a_backfill_are_found(evaluate, target, settings, clock, plant):
    given = settings(locations=PLACES, resources=["locations", "air_pollution"], history_days=2)
    load(target, given, now=clock)
    evaluate(target, "air_pollution")
    age(target, days=30)
    given.since, given.until = "2021-03-01", "2021-03-02"
    load(target, given, now=clock)
    name = "physical_ranges"
    if plant == "double":
        # an old row's key, in a new row
        name = "no_duplicate_keys"
        if target.is_postgres:
            query(target, "DROP INDEX air_pollution_key")
        old = "dt = (SELECT min(dt) FROM air_pollution WHERE dt > '2026-01-01')"
        query(target, f"CREATE TABLE doubles AS SELECT * FROM air_pollution WHERE {old}")
        query(target, "UPDATE doubles SET _dlt_load_id = (SELECT max(_dlt_load_id) FROM air_pollution)")
        plant = "INSERT INTO air_pollution SELECT * FROM doubles"
    _, found = evaluate(target, "air_pollution")
    assert found["air_pollution", name].passed
    assert found["air_pollution", name].metadata["loaded_since"].value > time.time() - 2 * 86_400
    query(target, plant)
    _, found = evaluate(target, "air_pollution")
    assert not found["air_pollution", name].passed
    rows = rows_of(found["air_pollution", name])
    assert rows
    assert {row["dt"][:7] for row in rows} == {"2026-05" if name == "no_duplicate_keys" else "2021-03"}


def test_a_unique_index_proves_that_no_key_is_there_twice(postgres, settings, clock):
    load(postgres, settings(locations=PLACES, resources=["locations", "forecast", "current_weather"]), now=clock)
    held = {"rows_at_fault": "0", "held_by": "unique index"}
    forecast, current = TABLES["forecast"], TABLES["current_weather"]
    with postgres.reader() as reader:
        assert duplicate_keys(reader, forecast).figures == held
        assert duplicate_keys(reader, current).figures == held
    query(postgres, "DROP INDEX bronze.forecast_key; DROP INDEX bronze.current_weather_key")
    query(postgres, "CREATE UNIQUE INDEX wider ON bronze.forecast (location_id, dt, issued_at, temp)")
    query(postgres, "CREATE UNIQUE INDEX ON bronze.current_weather (location_id, dt) WHERE temp > 1000")
    with postgres.reader() as reader:
        assert duplicate_keys(reader, forecast).figures == {"rows_at_fault": "0"}
        assert duplicate_keys(reader, current).figures == {"rows_at_fault": "0"}
    query(postgres, "DROP INDEX bronze.wider")
    # not valid, since no partition has it
    query(postgres, "CREATE UNIQUE INDEX ON ONLY bronze.forecast (location_id, dt, issued_at)")
    query(postgres, "INSERT INTO bronze.forecast SELECT * FROM bronze.forecast LIMIT 1")
    with postgres.reader() as reader:
        assert not duplicate_keys(reader, forecast).passed


def test_a_check_fails_until_its_rows_are_mended_however_long_that_takes(
    evaluate, duckdb, settings, clock, monkeypatch
):
    monkeypatch.setattr("dagster_project.checks.watermark.OVERLAP", timedelta(0))
    choice = settings(locations=PLACES, resources=["locations", "current_weather"])
    ranges = ("current_weather", "physical_ranges")
    load(duckdb, choice, now=clock)
    assert evaluate(duckdb, "current_weather")[1][ranges].passed
    clock.pass_time(hours=1)
    load(duckdb, choice, now=clock)
    query(duckdb, "UPDATE current_weather SET temp = 80 WHERE dt = (SELECT max(dt) FROM current_weather)")
    for _ in range(3):
        assert not evaluate(duckdb, "current_weather")[1][ranges].passed
        clock.pass_time(hours=1)
        load(duckdb, choice, now=clock)
    query(duckdb, "UPDATE current_weather SET temp = 20 WHERE temp = 80")
    assert evaluate(duckdb, "current_weather")[1][ranges].passed


def test_checks_of_other_tables_than_last_time_look_at_all_of_them(  # noqa: PLR0917
    evaluate, duckdb, settings, clock, monkeypatch, as_a_new_process
):
    choice = settings(locations=PLACES, resources=["locations", "current_weather"])
    ranges = ("current_weather", "physical_ranges")
    load(duckdb, choice, now=clock)
    assert evaluate(duckdb, "current_weather")[1][ranges].passed
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "other.duckdb")
    as_a_new_process()
    other = Target("duckdb")
    load(other, settings(locations=PLACES, history_days=1), now=clock)
    query(other, "UPDATE current_weather SET temp = 80")
    age(other, days=30)
    assert not evaluate(other, "current_weather")[1][ranges].passed


def test_rows_at_fault_are_bounded(duckdb, settings, clock):
    load(duckdb, settings(locations=[f"{n},{n}" for n in range(30)], resources=["current_weather"]), now=clock)
    query(duckdb, "INSERT INTO current_weather SELECT * FROM current_weather")
    with duckdb.reader() as loaded:
        result = duplicate_keys(loaded, CurrentWeather)
    assert not result.passed
    assert len(result.rows) == MOST_SHOWN

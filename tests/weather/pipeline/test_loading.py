"""What one load after another leaves in the tables."""

from tests.helpers.support import assert_no_duplicates, count, load_accounted, query


def test_the_default_resources_fill_their_tables(target, settings, clock):
    report = load_accounted(target, settings(), clock)
    assert report.error is None
    assert count(target, "locations") == 2
    assert count(target, "current_weather") == 2
    assert count(target, "forecast") == 2 * 40
    assert count(target, "air_pollution") == 2 * (7 * 24 + 1)
    assert count(target, "air_pollution_forecast") == 2 * 96
    assert count(target, "weather_raw") == 2 * 3


def test_loading_again_within_the_hour_changes_nothing(duckdb, settings, clock):
    load_accounted(duckdb, settings(), clock)
    before = query(duckdb, "SELECT location_id, dt, temp FROM forecast ORDER BY 1, 2")
    report = load_accounted(duckdb, settings(), clock)
    assert report.metrics_by_resource["air_pollution"].calls == 0
    assert query(duckdb, "SELECT location_id, dt, temp FROM forecast ORDER BY 1, 2") == before
    assert count(duckdb, "current_weather") == 2
    assert_no_duplicates(duckdb, "air_pollution", "location_id", "dt")


def test_an_hour_later_only_what_is_new_is_added(duckdb, settings, clock):
    load_accounted(duckdb, settings(), clock)
    clock.pass_time(hours=1)
    load_accounted(duckdb, settings(), clock)
    assert count(duckdb, "air_pollution") == 2 * (7 * 24 + 2)
    assert count(duckdb, "current_weather") == 4
    assert count(duckdb, "forecast") == 2 * 2 * 40
    assert_no_duplicates(duckdb, "air_pollution", "location_id", "dt")

"""What a misspelt name, a broken file or a bad value says: where it stands, and what is meant."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from dlt.common.configuration import is_secret_hint
from dlt.common.configuration.utils import get_resolved_traces

from dagster_project.common.environment import secret_key
from dagster_project.reports.settings import report_settings
from dlt_sources.weather import weather_source
from dlt_sources.weather.api import endpoints
from dlt_sources.weather.common.configuration.spelling import warn_of_misspelt_variables
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import RESOURCE_NAMES, load_settings
from dlt_sources.weather.common.settings.alerts import load_alert_settings
from tests.helpers.command import run

CONFIG = str(Path(".dlt", "config.toml"))
WEATHER = "[sources.weather]\n"
ONE_CALL = "nothing reads [{}]; did you mean [sources.weather.one_call]?"


def refused(load: Callable[..., object] = load_settings) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load()
    said = str(caught.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            WEATHER + "calls_per_minut = 5",
            "[sources.weather] has no setting calls_per_minut; did you mean calls_per_minute?",
        ),
        (WEATHER + "Units = 'metric'", "[sources.weather] has no setting Units; did you mean units?"),
        (WEATHER + "colour = 'red'", "[sources.weather] has no setting colour; there are api_key, base_url"),
        ("[source.weather]\nunits = 'metric'", "nothing reads [source.weather]; did you mean [sources.weather]?"),
        ("[sources.wether]\nunits = 'metric'", "nothing reads [sources.wether]; did you mean [sources.weather]?"),
        ("[weather]\nunits = 'metric'", "nothing reads [weather]; did you mean [sources.weather]?"),
        (
            WEATHER + "resources = ['curent_weather']",
            "there is no resource 'curent_weather'; did you mean current_weather?",
        ),
        (WEATHER + "[sources.weather.onecall]\ncalls_per_day = 30", ONE_CALL.format("sources.weather.onecall")),
        (WEATHER + "[sources.weather.one_cal]\ncalls_per_dy = 30", ONE_CALL.format("sources.weather.one_cal")),
        (WEATHER + "One_Call = {price_per_call = 1}", ONE_CALL.format("sources.weather.One_Call")),
        (WEATHER + "[sources.weather.budget]\ncalls_per_day = 30", ONE_CALL.format("sources.weather.budget")),
        ("[one_call]\ncalls_per_day = 30", ONE_CALL.format("one_call")),
        (
            "[sources.weather.one_call]\ncalls_per_dy = 30",
            "[sources.weather.one_call] has no setting calls_per_dy; did you mean calls_per_day?",
        ),
        ("[sources.weather.one_call]\ncurrency = 3", "one_call.currency must be letters, such as GBP, not '3'."),
        (
            "[sources.weather.retention]\nforecast_day = 30",
            "[sources.weather.retention] has no setting forecast_day; did you mean forecast_days?",
        ),
        ("[retention]\nforecast_days = 30", "nothing reads [retention]; did you mean [sources.weather.retention]?"),
        (
            "[sources.weather.retention]\nraw_days = 1",
            "retention.raw_days must be from 7 to 36,600, or 0 to keep the rows for ever, not 1.",
        ),
        (
            "[sources.weather.retention]\nthin_after_days = 400",
            "retention.thin_after_days (400) must not be greater than retention.forecast_days (365)",
        ),
        ("[sources.weather.retention]\nissue_hours = [24]", "retention.issue_hours must be hours of a day in UTC"),
        ("[sources.weather.retention]\narchive = ' '", "retention.archive is empty"),
        (WEATHER + "retention = 3", "retention is a table, whose settings are set one by one"),
        (WEATHER + "locations = []", "locations is empty, so there is nothing to load"),
        (WEATHER + "resources = []", "resources is empty, so there is nothing to load"),
        (WEATHER + "locations = 'Oslo,NO'", 'locations must be a list, such as ["a", "b"] or [0, 12].'),
        (WEATHER + "calls_per_minute = 'many'", "calls_per_minute must be a whole number, not 'many'."),
        (WEATHER + "calls_per_minute = 0", "calls_per_minute must be from 1 to 1,000,000, not 0."),
    ],
)
def test_a_mistake_in_a_file_names_the_file_and_what_is_meant(write, text, said):
    write(text)
    assert refused().startswith(f"In {CONFIG}: {said}")


@pytest.mark.parametrize(
    "text",
    [
        WEATHER + "[sources.weather.one_call_current]\nmax_table_nesting = 1",
        WEATHER + "[sources.weather.data_writer]\nbuffer_max_items = 100",
        "[sources.openweather]\nunits = 'metric'",
        "[sources.weather_archive]\nfolder = 'x'",
        "[sources]\n[source_of_truth]\nunits = 1",
        "[weather.sources.weather]\nunits = 'metric'",
        "[destination.postgres]\n[runtime]\nlog_level = 'INFO'\n[normalize]\n[alert_rules]\nmost = 3",
        WEATHER + "resources = ['forecast', 'forecast']",
    ],
)
def test_what_belongs_to_dlt_or_to_another_program_is_left_alone(write, text):
    write(text)
    assert load_settings().resources in (None, ["forecast"])


@pytest.mark.parametrize(
    ("load", "text", "said"),
    [
        (
            load_alert_settings,
            "[alerts]\nmost_a_hour = 5",
            "[alerts] has no setting most_a_hour; did you mean most_an_hour?",
        ),
        (load_alert_settings, "[alert]\nurls = []", "nothing reads [alert]; did you mean [alerts]?"),
        (load_alert_settings, "[alerts]\nmost_an_hour = 0", "most_an_hour must be from 1 to 1,000, not 0."),
        (report_settings, "[report]\nfoldr = 'x'", "[report] has no setting foldr; did you mean folder?"),
        (report_settings, "[reports]\nfolder = 'x'", "nothing reads [reports]; did you mean [report]?"),
        (report_settings, "[report]\ndays = 'week'", "days must be a whole number, not 'week'."),
    ],
)
def test_the_sections_of_dagster_refuse_mistakes_in_the_same_way(write, load, text, said):
    write(text)
    assert refused(load) == f"In {CONFIG}: {said}"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CALLS_PER_MINUTE", "many", "calls_per_minute must be a whole number, not 'many'."),
        ("CALLS_PER_MINUTE", "-1", "calls_per_minute must be from 1 to 1,000,000, not -1."),
        ("TIMEOUT_SECONDS", "soon", "timeout_seconds must be a number, not 'soon'."),
        ("RESOURCES", '["forcast"]', "there is no resource 'forcast'; did you mean forecast?"),
        ("LOCATIONS", "Oslo,NO", 'locations must be a list, such as ["a", "b"] or [0, 12].'),
        ("RETENTION__ISSUE_HOURS", "0,12", 'retention.issue_hours must be a list, such as ["a", "b"] or [0, 12].'),
    ],
)
def test_a_bad_value_of_the_environment_is_not_blamed_on_the_file(write, monkeypatch, name, value, said):
    write(WEATHER + "calls_per_minute = 60")
    monkeypatch.setenv(f"SOURCES__WEATHER__{name}", value)
    for load in (load_settings, weather_source):
        assert refused(load) == f"In the environment variable SOURCES__WEATHER__{name}: {said}"


def test_a_value_that_may_be_a_secret_is_not_repeated(write, monkeypatch):
    monkeypatch.setenv("ALERTS__URLS", "mailto://user:hunter2@example.org")
    monkeypatch.setenv("SOURCES__WEATHER__ATTEMPTS", "5e47" * 8)
    said = refused(load_alert_settings) + refused()
    write(WEATHER + "api_key = 'hunter2'")
    assert f"in {CONFIG}, from which dlt takes none: sources.weather.api_key. Take it out" in refused()
    assert "set SOURCES__WEATHER__API_KEY, or api_key under [sources.weather] in .dlt/secrets.toml" in refused()
    assert "hunter2" not in said + refused()
    assert "5e47" not in said


def test_no_secret_goes_into_the_trace_that_dlt_writes_to_a_file(monkeypatch):
    for name in ("ALERTS__URLS", "REPORT__METRICS_PUSHGATEWAY", "SOURCES__WEATHER__API_KEY"):
        monkeypatch.setenv(name, '["mailto://user:hunter2@example.org"]')
    get_resolved_traces().clear()
    load_alert_settings()
    report_settings()
    load_settings()
    monkeypatch.setenv("SOURCES__WEATHER__UNITS", "none")
    assert secret_key(), "of settings that are wrong"
    traces = get_resolved_traces().resolved_traces
    assert not [trace for trace in traces if "hunter2" in str(trace.value) and not is_secret_hint(trace.hint)]


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("SOURCES__WEATHER__CALLS_PER_MINUT", "did you mean SOURCES__WEATHER__CALLS_PER_MINUTE?"),
        ("SOURCES_WEATHER_UNITS", "did you mean SOURCES__WEATHER__UNITS?"),
        ("SOURCE__WEATHER__UNITS", "did you mean SOURCES__WEATHER__UNITS?"),
        ("sources__weather__units", "did you mean SOURCES__WEATHER__UNITS?"),
        ("SOURCES__WEATHER__ONE_CAL__CALLS_PER_DAY", "did you mean SOURCES__WEATHER__ONE_CALL__CALLS_PER_DAY?"),
        ("SOURCES__WEATHER__ONECALL__CURRENCY", "did you mean SOURCES__WEATHER__ONE_CALL__CURRENCY?"),
        ("OPENWEATHER_APIKEY", "did you mean OPENWEATHER_API_KEY?"),
        ("WEATHER_SHEDULE", "did you mean WEATHER_SCHEDULE?"),
        ("SOURCES__WEATHER__COLOUR", "after SOURCES__WEATHER__, there are ANSWER_LANGUAGE, API_KEY"),
    ],
)
def test_a_misspelt_variable_draws_a_warning_once(monkeypatch, caplog, variable, said):
    warn_of_misspelt_variables.cache_clear()
    monkeypatch.setenv(variable, "secret")
    monkeypatch.setenv("SOURCES__WEATHER__DATA_WRITER__BUFFER_MAX_ITEMS", "100")
    with caplog.at_level(logging.WARNING):
        load_settings()
        load_settings()
    (record,) = caplog.records
    assert variable in record.getMessage()
    assert said in record.getMessage()
    assert "secret" not in record.getMessage()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sources.weather]\n\nx = [1\n", "is not valid TOML, line 3: Unexpected end of file"),
        ("[report]\ndays = 7\n\ndays = 8\nfolder = 'x'\n", 'is not valid TOML, line 4: Key "days" already exists.'),
        (b"[report]\nfolder = '\xe9'\n", "cannot be read: line 2 is not UTF-8."),
    ],
    ids=["broken", "twice", "not UTF-8"],
)
@pytest.mark.parametrize("name", ["config.toml", "secrets.toml"])
def test_a_broken_file_is_named_with_its_line(write, text, said, name):
    write(text, name)
    assert f"{Path('.dlt', name)} {said}" in refused()
    write(text, name)
    finished = run("status")
    assert finished.code == 2
    assert f"{name} {said}" in " ".join(finished.err.split())


def test_every_resource_is_a_name_that_settings_accept():
    assert set(endpoints.RESOURCES) <= set(RESOURCE_NAMES)


def test_a_word_that_is_no_command_names_the_nearest():
    finished = run("laod")
    assert finished.code == 2
    assert "There is no command 'laod'; did you mean load?" in finished.err


@pytest.mark.parametrize("option", ["--since", "--until", "--shard", "--location", "--destination", "--resources"])
def test_an_option_that_is_empty_is_refused(option):
    finished = run("plan", "--demo", option, "")
    assert finished.code == 2
    assert f"Invalid value for '{option}'" in finished.err


@pytest.mark.usefixtures("duckdb")
def test_a_replay_of_nothing_says_so():
    finished = run("replay")
    assert finished.code == 0
    assert "No answers are kept in bronze.weather_raw, so nothing was rebuilt." in finished.err


def test_a_load_without_a_key_leaves_no_database(duckdb):
    finished = run("load", "--location", "1,1", SOURCES__WEATHER__API_KEY="")
    assert finished.code == 3
    assert "No OpenWeather API key is set" in finished.err
    assert not duckdb.exists


@pytest.mark.usefixtures("duckdb")
def test_a_list_without_a_place_is_refused_with_where_to_put_one():
    Path("places.csv").write_text("name,lat,lon\n")
    header_only = run("--locations-file", "places.csv")
    empty = run(SOURCES__WEATHER__LOCATIONS="[]")
    assert (header_only.code, empty.code) == (2, 2)
    assert "There is no place in places.csv" in header_only.err
    assert "locations is empty" in empty.err
    assert "SOURCES__WEATHER__LOCATIONS" in empty.err

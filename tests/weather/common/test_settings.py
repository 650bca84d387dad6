"""Where settings come from, what is refused and how it is said, and that the key shows nowhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from dlt_sources.weather.api.client import Client
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import DEFAULT_LOCATIONS, LANGUAGES, load_settings
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.extract.requests.history import history_of
from dlt_sources.weather.extract.run import Run
from tests.helpers.clock import SENTINEL_KEY

NOW = datetime(2026, 5, 20, 12, 20, tzinfo=timezone.utc)
THIS_HOUR = datetime(2026, 5, 20, 12, tzinfo=timezone.utc)
HISTORY_BEGINS = datetime(2020, 11, 27, tzinfo=timezone.utc)


@pytest.fixture
def write_toml(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Write values below [sources.weather] into a file of dlt's configuration, and have dlt read it."""
    folder = tmp_path / ".dlt"
    folder.mkdir()
    context = Container()[PluggableRunContext]
    before = context.context.run_dir

    def write(name: str, **values: str) -> None:
        lines = "\n".join(f"{key} = {value}" for key, value in values.items())
        (folder / name).write_text(f"[sources.weather]\n{lines}\n")
        context.reload(str(tmp_path))

    yield write
    shutil.rmtree(folder)
    context.reload(before)


def refused(**given):
    """The message with which settings are refused."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(**given)
    return str(caught.value)


def test_without_any_setting_the_defaults_suit_a_free_key():
    found = load_settings()
    assert found.base_url == "https://api.openweathermap.org"
    assert found.locations == DEFAULT_LOCATIONS
    assert (found.units, found.calls_per_minute, found.history_days) == ("metric", 60, 7)
    assert found.secret_key is None


def test_an_argument_wins_over_the_environment_and_that_over_files(write_toml, monkeypatch):
    write_toml("config.toml", units='"standard"', attempts=2, history_days=11, chunk_rows=5)
    write_toml("secrets.toml", units='"standard"', attempts=3, history_days=12)
    monkeypatch.setenv("SOURCES__WEATHER__UNITS", "standard")
    monkeypatch.setenv("SOURCES__WEATHER__ATTEMPTS", "4")
    found = load_settings(units="imperial")
    assert (found.units, found.attempts, found.history_days, found.chunk_rows) == ("imperial", 4, 12, 5)


def test_an_argument_of_none_leaves_the_other_places_their_say(monkeypatch):
    monkeypatch.setenv("SOURCES__WEATHER__UNITS", "imperial")
    assert load_settings(units=None).units == "imperial"


def test_locations_come_as_json_from_the_environment_and_as_a_list_from_a_file(write_toml, monkeypatch):
    write_toml("config.toml", locations='["Oslo,NO"]')
    assert load_settings().locations == ["Oslo,NO"]
    monkeypatch.setenv("SOURCES__WEATHER__LOCATIONS", '["Rome,IT", "40.4,-3.7"]')
    assert load_settings().locations == ["Rome,IT", "40.4,-3.7"]


def test_a_file_of_locations_takes_the_place_of_the_default_list():
    assert load_settings(locations_file="places.csv").locations == []


def test_the_key_is_found_in_the_plain_variable(monkeypatch):
    monkeypatch.setenv("OPENWEATHER_API_KEY", f" {SENTINEL_KEY}\n")
    assert load_settings().secret_key.get_secret_value() == SENTINEL_KEY


@pytest.mark.parametrize("where", ["argument", "environment", "secrets.toml"])
def test_the_key_of_dlts_configuration_wins_over_the_plain_variable(write_toml, monkeypatch, where):
    monkeypatch.setenv("OPENWEATHER_API_KEY", "0" * 32)
    if where == "environment":
        monkeypatch.setenv("SOURCES__WEATHER__API_KEY", SENTINEL_KEY)
    elif where == "secrets.toml":
        write_toml("secrets.toml", api_key=f'"{SENTINEL_KEY}"')
    found = load_settings(api_key=SENTINEL_KEY) if where == "argument" else load_settings()
    assert found.secret_key.get_secret_value() == SENTINEL_KEY


@pytest.mark.parametrize("key", ["", "  "], ids=["empty", "blank"])
def test_an_empty_key_is_no_key(monkeypatch, key):
    monkeypatch.setenv("OPENWEATHER_API_KEY", key)
    assert load_settings().secret_key is None
    assert load_settings(api_key=key).secret_key is None


@pytest.mark.parametrize("key", ["5e47\nnot-shown", "5e47é", "5e47\udcff", "5e47\x00"])
def test_a_key_with_characters_that_no_key_has_is_refused_and_not_repeated(key):
    said = refused(api_key=key)
    assert "The API key contains characters that no key has" in said
    assert "5e47" not in said


@pytest.mark.parametrize("show", [repr, str, "{}".format], ids=["repr", "str", "format"])
def test_the_key_shows_in_no_printed_object(show):
    settings = load_settings(api_key=SENTINEL_KEY)
    with Run(settings, now=lambda: NOW) as run, Client(settings, lambda: NOW) as client:
        for thing in (settings, settings.secret_key, client, run, run.client):
            assert SENTINEL_KEY not in show(thing)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("calls_per_minute", "many"),
        ("calls_per_minute", "6.5"),
        ("calls_per_minute", "0"),
        ("attempts", "0"),
        ("attempts", "-3"),
        ("timeout_seconds", "soon"),
        ("timeout_seconds", "0"),
        ("timeout_seconds", "nan"),
        ("backoff_seconds", "-1"),
        ("rate_limit_patience_seconds", "-1"),
        ("history_days", "-1"),
        ("history_days", "week"),
        ("history_days", "1000000000000"),
        ("history_overlap_hours", "-1"),
        ("history_days_per_call", "0"),
        ("chunk_rows", "0"),
        ("lock_wait_seconds", "-0.5"),
        ("units", "kelvin"),
        ("units", "METRIC"),
        ("answer_language", "english"),
        ("locations", "Madrid,ES"),
        ("locations", '{"a": 1}'),
        ("base_url", "api.openweathermap.org"),
    ],
)
def test_a_setting_of_the_environment_that_cannot_work_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(f"SOURCES__WEATHER__{name.upper()}", value)
    message = refused()
    assert name in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("calls_per_minute", "many", id="number as text"),
        pytest.param("calls_per_minute", 2.5, id="fraction for a whole number"),
        pytest.param("calls_per_minute", [60], id="list for a number"),
        pytest.param("timeout_seconds", float("nan"), id="nan"),
        pytest.param("timeout_seconds", "30 s", id="number with a unit"),
        pytest.param("locations", "Madrid,ES", id="one place in place of a list"),
        pytest.param("locations", ["Madrid,ES", None], id="a list with a gap"),
        pytest.param("resources", "forecast", id="one resource in place of a list"),
        pytest.param("units", 5, id="number for units"),
        pytest.param("since", 20240131, id="number for a date"),
    ],
)
def test_an_argument_of_the_wrong_type_is_refused_by_name(name, value):
    message = refused(**{name: value})
    assert name in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openweathermap.org",
        "https://pro.openweathermap.org/",
        "https://proxy.example:8443/openweather/",
        "http://127.0.0.1:8080",
        "http://127.8.9.10",
        "http://[::1]:8080",
        "http://localhost:8080",
        "http://LOCALHOST",
    ],
)
def test_a_base_url_is_https_or_this_machine(url):
    assert load_settings(base_url=url).base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.openweathermap.org",
        "http://10.0.0.1",
        "http://0.0.0.0:8080",
        "http://[fe80::1]",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1@example.com",
        "http://localhost:80@example.com",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "//api.openweathermap.org",
        "https://",
        "https:///data",
        "https://[::1",
        "https://example.com:port",
        "http://127.0.0.1:99999",
        "",
    ],
)
def test_a_base_url_that_would_send_the_key_in_clear_or_nowhere_is_refused(url):
    assert "base_url" in refused(base_url=url)


def test_a_password_in_a_refused_base_url_is_not_repeated():
    assert "hunter2" not in refused(base_url="http://user:hunter2@example.com")


def test_every_language_of_the_api_is_accepted():
    assert {load_settings(answer_language=code).answer_language for code in LANGUAGES} == LANGUAGES
    assert {"cz", "kr", "ua", "zh_cn", "pt_br"} < LANGUAGES


def history(now=NOW, **given):
    return history_of(load_settings(**given), DestinationReader(None), now)


def test_history_reaches_as_many_days_back_as_set():
    found = history(history_days=2)
    assert (found.since, found.until) == (THIS_HOUR - timedelta(days=2), THIS_HOUR)
    assert not found.explicit


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("2024-01-31", datetime(2024, 1, 31, tzinfo=timezone.utc), id="date"),
        pytest.param(" 2024-01-31 ", datetime(2024, 1, 31, tzinfo=timezone.utc), id="spaces"),
        pytest.param("2024-01-31T06:00Z", datetime(2024, 1, 31, 6, tzinfo=timezone.utc), id="UTC"),
        pytest.param("2024-01-31 06:00", datetime(2024, 1, 31, 6, tzinfo=timezone.utc), id="no zone is UTC"),
        pytest.param("2024-01-31T06:00+02:00", datetime(2024, 1, 31, 4, tzinfo=timezone.utc), id="zone"),
        pytest.param("2024-01-31T06:59:59", datetime(2024, 1, 31, 6, tzinfo=timezone.utc), id="within an hour"),
        pytest.param("2020-11-27", HISTORY_BEGINS, id="first day"),
        pytest.param("2020-11-26T23:00Z", HISTORY_BEGINS, id="hour before the first"),
        pytest.param("1900-01-01", HISTORY_BEGINS, id="long before"),
        pytest.param("0001-01-01", HISTORY_BEGINS, id="year 1"),
    ],
)
def test_since_is_read_as_an_hour_within_the_history_that_there_is(text, moment):
    found = history(since=text)
    assert (found.since, found.until) == (moment, THIS_HOUR)
    assert found.explicit


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("2024-01-31T06:00Z", datetime(2024, 1, 31, 6, tzinfo=timezone.utc), id="past"),
        pytest.param(" 2024-01-31 ", datetime(2024, 1, 31, 23, tzinfo=timezone.utc), id="date: its last hour"),
        pytest.param("2024-01-31T00:00", datetime(2024, 1, 31, tzinfo=timezone.utc), id="midnight"),
        pytest.param("2026-05-20", THIS_HOUR, id="today"),
        pytest.param("9999-12-31", THIS_HOUR, id="last date"),
        pytest.param("2026-05-20T12:59Z", THIS_HOUR, id="this hour"),
        pytest.param("2030-01-01", THIS_HOUR, id="future"),
        pytest.param("9999-12-31T23:00Z", THIS_HOUR, id="year 9999"),
    ],
)
def test_until_is_at_most_this_hour(text, moment):
    assert history(since="2023-01-01", until=text).until == moment


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize(
    "text", ["yesterday", "31.01.2024", "2024-13-01", "2024-02-30", "1706659200", "2024-01-31T06:00+99:00", "٢٠٢٤"]
)
def test_what_is_no_date_is_refused_by_name(name, text):
    with pytest.raises(ConfigurationError, match=f"{name} must be a date") as caught:
        history(**{"since": "2024-01-01", name: text})
    assert "\n" not in str(caught.value)


def test_a_moment_before_the_calendar_is_refused_or_moved_to_the_first_hour():
    try:
        found = history(since="0001-01-01T00:00+05:00")
    except ConfigurationError as error:
        assert "since" in str(error)  # noqa: PT017
    else:
        assert found.since == HISTORY_BEGINS


@pytest.mark.parametrize(
    ("since", "until"),
    [("2024-02-01", "2024-01-31"), ("2030-01-01", None), ("2019-01-01", "2020-01-01")],
    ids=["the wrong way round", "in the future", "before all history"],
)
def test_an_empty_range_is_refused(since, until):
    with pytest.raises(ConfigurationError, match="after until"):
        history(since=since, until=until)


def test_since_and_until_may_be_the_same_hour():
    found = history(since="2024-01-31T06:00Z", until="2024-01-31T06:00Z")
    assert list(found.windows()) == [(found.since, found.since)]


def test_a_date_in_a_file_may_stand_without_quotes(write_toml):
    write_toml("config.toml", since="2024-01-31")
    assert history().since == datetime(2024, 1, 31, tzinfo=timezone.utc)


@pytest.mark.parametrize("days", [2_100, 3_660], ids=str)
def test_more_days_of_history_than_there_are_begin_with_the_first(days):
    assert history(history_days=days).since == HISTORY_BEGINS


def test_windows_cover_the_range_once_and_without_a_gap():
    found = history(since="2024-01-01", until="2024-03-15T07:00Z", history_days_per_call=30)
    windows = list(found.windows())
    assert windows[0][0] == found.since
    assert windows[-1][1] == found.until
    assert all(end + timedelta(hours=1) == start for (_, end), (start, _) in pairwise(windows))
    assert all(end - start < timedelta(days=30) for start, end in windows)


@pytest.mark.parametrize("name", ["history_days_per_call", "history_overlap_hours"])
def test_windows_of_absurd_size_are_refused_or_cover_the_range(name):
    try:
        found = history(since="2024-01-01", **{name: 10**12})
    except ConfigurationError as error:
        assert name in str(error)  # noqa: PT017
    else:
        assert next(found.windows())[0] == found.since

"""The API key is in no event, log or metadata that Dagster stores, for any kind of failure."""

import pytest
from dagster import serialize_value

from dagster_project.common.environment import secret_key
from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.extract.endpoint import Extraction
from tests.helpers.clock import SENTINEL_KEY

ECHO = f'{{"cod": 400, "message": "no such appid={SENTINEL_KEY} here"}}'.encode()
TROUBLES = {
    "a refused key": Fault(status=401),
    "a broken server": Fault(status=500),
    "a connection that breaks": Fault(reset=True),
    "a key in an error": Fault(status=400, body=ECHO),
    "a key in what is no JSON": Fault(body=b"<a href='?appid=" + SENTINEL_KEY.encode()),
    "a key in the rows": Fault(set={"name": SENTINEL_KEY}),
}


@pytest.fixture
def assert_nowhere(instance, tmp_path, capfd):
    """Assert that the key is in no record or file of the instance, nor in the output."""

    def look(run_id):
        entries = instance.all_logs(run_id)
        assert len(entries) > 10
        for entry in entries:
            assert SENTINEL_KEY not in serialize_value(entry)
            assert SENTINEL_KEY not in str(entry)
        # and in none of the files that the instance is made of
        files = [path for path in (tmp_path / "dagster").rglob("*") if path.is_file()]
        assert any(path.suffix == ".db" for path in files)
        for path in files:
            assert SENTINEL_KEY.encode() not in path.read_bytes(), path
        said = capfd.readouterr()
        assert SENTINEL_KEY not in said.out + said.err

    return look


@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_key_is_in_no_event_whatever_the_api_does(run_job, duckdb, simulator, assert_nowhere, trouble):
    simulator.inject(TROUBLES[trouble])
    outcome = run_job(duckdb, "current_weather")
    assert outcome.success == (trouble == "a key in the rows"), outcome.failures
    assert_nowhere(outcome.run_id)


def test_the_key_is_in_no_event_though_an_error_of_ours_names_it(run_job, duckdb, assert_nowhere, monkeypatch):
    def broken(*_):
        try:
            raise ValueError(f"https://api.openweathermap.org/data/2.5/weather?appid={SENTINEL_KEY}&q=x")
        except ValueError as error:
            raise KeyError(f"no such thing as {SENTINEL_KEY}") from error

    monkeypatch.setattr(Extraction, "_convert", broken)
    outcome = run_job(duckdb, "current_weather")
    assert not outcome.success
    data = outcome.failures["current_weather"].user_failure_data
    assert "no such thing as <redacted>" in data.metadata["traceback"].value
    assert_nowhere(outcome.run_id)


def test_the_key_is_known_though_another_setting_is_wrong(monkeypatch):
    monkeypatch.setenv("SOURCES__WEATHER__API_KEY", SENTINEL_KEY)
    monkeypatch.setenv("SOURCES__WEATHER__UNITS", "kelvin")
    assert secret_key().get_secret_value() == SENTINEL_KEY

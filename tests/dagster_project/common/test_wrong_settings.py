"""Wrong settings are told by runs, ticks and alerts in the sentence of the command line; no asset is missing."""

import json

import pytest
from dagster import build_sensor_context
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from dagster_project.alerts.sensor import alert_sensor
from dagster_project.assets.bronze import bronze_assets
from dagster_project.automation.new_location_sensor import new_location_sensor
from dagster_project.common.environment import reload_settings
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import load_settings
from tests.dagster_project.conftest import RESOURCES

TYPO = "there is no resource 'curent_weather'; did you mean current_weather?"
BROKEN = "config.toml is not valid TOML, line 2"


@pytest.fixture
def config(tmp_path):
    """Write ``.dlt/config.toml``, which a new process finds."""
    container = Container()
    before = container[PluggableRunContext]
    file = tmp_path / ".dlt" / "config.toml"
    file.parent.mkdir()

    def write(text, *, new_process=True):
        file.write_text(text)
        if new_process:
            del container[PluggableRunContext]

    yield write
    file.unlink(missing_ok=True)
    container[PluggableRunContext] = before
    before.reload_providers()


def names():
    return [asset.key.path[-1] for asset in bronze_assets()]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[sources.weather]\nresources = ["locations", "curent_weather"]', TYPO),
        ("[sources.weather]\nunits = [", BROKEN),
    ],
    ids=["a misspelt resource", "a file that is no TOML"],
)
def test_every_asset_is_there_and_every_step_says_what_is_wrong(run_job, duckdb, config, text, sentence):
    config(text)
    assert names() == [*RESOURCES, "air_pollution_history"]
    outcome = run_job(duckdb, "locations", "forecast", "reports/load_runs")
    assert set(outcome.failures) == {"locations", "forecast", "reports__load_runs"}
    for step in outcome.failures:
        assert sentence in outcome.said(step)
        assert outcome.failures[step].user_failure_data.metadata["error class"].value == "ConfigurationError"


def test_an_asset_that_is_listed_is_there_though_another_name_is_wrong(config):
    config('[sources.weather]\nresources = ["one_call", "curent_weather"]')
    assert names() == [*RESOURCES, "one_call", "air_pollution_history"]


def test_a_file_that_breaks_while_the_code_server_runs_fails_its_ticks_and_stops_no_alert(
    environment,  # noqa: ARG001
    instance,
    config,
):
    config("[alerts]\nmost_an_hour = 3")
    reload_settings()
    assert isinstance(json.loads(alert_sensor(build_sensor_context(instance=instance)).cursor), dict)
    config("[alerts]\nmost_an_hour = [", new_process=False)
    with pytest.raises(ConfigurationError, match=BROKEN):
        new_location_sensor(build_sensor_context(instance=instance))
    result = alert_sensor(build_sensor_context(instance=instance))
    (evaluation,) = result.asset_events
    assert not evaluation.passed
    assert BROKEN in evaluation.metadata["settings"].value


def test_a_place_that_is_added_to_the_file_is_seen_without_a_restart(environment, instance, config, monkeypatch):  # noqa: ARG001
    monkeypatch.delenv("SOURCES__WEATHER__LOCATIONS")
    config('[sources.weather]\nlocations = ["1,1"]')
    assert load_settings().locations == ["1,1"]
    config('[sources.weather]\nlocations = ["1,1", "2,2"]', new_process=False)
    assert load_settings().locations == ["1,1"], "dlt reads its files once"
    (request,) = new_location_sensor(build_sensor_context(instance=instance)).run_requests
    assert request.run_config["ops"]["forecast"]["config"]["only_location_ids"] == ["1.0000,1.0000", "2.0000,2.0000"]

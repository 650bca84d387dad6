"""The documentation names what there is: it cannot fall behind without a red test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tomlkit

from dagster_project.alerts.settings import AlertSettings
from dagster_project.reports.settings import ReportSettings
from dlt_sources.weather.api.endpoints import DEFAULT_RESOURCES, RESOURCES
from dlt_sources.weather.cli import EPILOG, weather
from dlt_sources.weather.common.errors import WeatherError
from dlt_sources.weather.common.settings import DEFAULT_LOCATIONS, WeatherSettings
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.contracts.records import ERROR_CLASSES

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text()
CONFIG = (PROJECT / ".dlt" / "config.toml").read_text()
DOCUMENTATION = "\n".join([README, *(path.read_text() for path in sorted(PROJECT.glob("docs/**/*.md")))])
NO_DEFAULT = {"api_key", "since", "until"}


@pytest.mark.parametrize("command", sorted(weather.commands))
def test_every_command_is_in_the_readme_and_explains_itself(command):
    assert re.search(rf"\b{command}\b", README)
    assert weather.commands[command].help


def test_every_option_has_help():
    for command in weather.commands.values():
        for option in command.params:
            assert option.help, f"{command.name} {option.name}"


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_table_is_in_the_readme(table):
    short = table.removeprefix("one_call")
    assert f"`{table}`" in README or f"`{short}`" in README


@pytest.mark.parametrize("error_class", ERROR_CLASSES)
def test_every_error_class_of_the_rejects_is_documented(error_class):
    assert f"`{error_class}`" in DOCUMENTATION


def test_every_exit_code_is_in_the_help():
    for error in WeatherError.__subclasses__():
        assert re.search(rf"^ +{error.exit_code}  ", EPILOG, re.MULTILINE), error


@pytest.mark.parametrize(
    ("section", "spec"), [("sources.weather", WeatherSettings), ("alerts", AlertSettings), ("report", ReportSettings)]
)
def test_the_shipped_configuration_states_each_setting_with_its_default(section, spec):
    _, _, text = CONFIG.partition(f"[{section}]\n")
    text = text.partition("\n[")[0]
    shipped = tomlkit.parse(text).unwrap()
    defaults = {name: field.default for name, field in spec.__dataclass_fields__.items()}
    settings = {name for name in defaults if not name.startswith("__")} - NO_DEFAULT
    commented = set(re.findall(r"^# (\w+)(?: =|: )", text, re.MULTILINE)) - {"Places"}
    assert shipped.keys() | commented == settings
    if spec is WeatherSettings:
        assert shipped.pop("locations") == DEFAULT_LOCATIONS
        assert tuple(shipped.pop("resources")) == DEFAULT_RESOURCES
    assert shipped == {name: defaults[name] for name in shipped}


def test_every_resource_is_in_the_readme_or_a_table_of_it():
    for resource in RESOURCES:
        assert f"`{resource}`" in README or resource in README


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(((?!http)[^)#]+)\)", README))))
def test_every_link_into_the_project_leads_somewhere(link):
    assert (PROJECT / link).exists()

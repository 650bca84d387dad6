"""The documents name what there is: they cannot fall behind without a red test."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from dataclasses import MISSING
from pathlib import Path

import pytest
import tomlkit

from dagster_project.reports.metrics import registry_of
from dagster_project.reports.settings import ReportSettings
from dlt_sources.weather.api.endpoints import DEFAULT_RESOURCES, RESOURCES
from dlt_sources.weather.cli import EPILOG, weather
from dlt_sources.weather.common.errors import WeatherError
from dlt_sources.weather.common.settings import DEFAULT_LOCATIONS, RetentionSettings, WeatherSettings
from dlt_sources.weather.common.settings.alerts import AlertSettings
from dlt_sources.weather.common.subscription_plans import OneCallSettings
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.contracts.records import ERROR_CLASSES
from dlt_sources.weather.status.report import Status
from tests.docs.pages import PAGES, PROJECT, anchors, blocks, links

CONFIG = (PROJECT / ".dlt" / "config.toml").read_text()
NO_DEFAULT = {"api_key", "since", "until"}
TABLES_OF_SETTINGS = {"one_call", "retention"}
README_WORDS = 1000
NOT_OURS = {"Increasing the memory limit"}  # DuckDB's words
SECTIONS = {
    "SOURCES__WEATHER": WeatherSettings,
    "SOURCES__WEATHER__ONE_CALL": OneCallSettings,
    "SOURCES__WEATHER__RETENTION": RetentionSettings,
    "ALERTS": AlertSettings,
    "REPORT": ReportSettings,
}


def test_the_readme_is_short():
    assert len(PAGES["README.md"].split()) <= README_WORDS


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_link_into_the_project_leads_somewhere(page):
    for link in links(PAGES[page]):
        file, _, anchor = link.partition("#")
        path = (PROJECT / page).parent / file if file else PROJECT / page
        assert path.exists(), link
        if anchor:
            assert anchor in anchors(path.read_text()), link


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_setting_that_is_named_exists(page):
    source = "".join(path.read_text() for name in ("dlt_sources", "dagster_project") for path in _sources(name))
    for section, name in re.findall(
        r"\b(SOURCES__WEATHER(?:__ONE_CALL(?=__))?|ALERTS|REPORT)__([A-Z_]+)\b", PAGES[page]
    ):
        assert name.lower() in SECTIONS[section].__dataclass_fields__, name
    for name in re.findall(r"\b(?:WEATHER|DAGSTER_POSTGRES|OPENWEATHER)_[A-Z]+\b", PAGES[page]):
        assert name in source, name


def _sources(package: str) -> Iterator[Path]:
    return (PROJECT / package).rglob("*.py")


@pytest.mark.parametrize("page", ["docs/operations.md", "docs/dagster.md"])
def test_every_message_that_is_quoted_exists(page):
    """Symptoms quote messages, with an ellipsis where a message names something."""
    source = "".join(path.read_text() for name in ("dlt_sources", "dagster_project") for path in _sources(name))
    # long messages are written as adjacent strings
    source = re.sub(r'"\s+f?"', "", source)
    symptoms = re.findall(
        r"^\| ([^|]+) \| [^|]+ \| [^|]+ \|$", PAGES[page].partition("## Troubleshooting")[2], re.MULTILINE
    )
    for quoted in re.findall(r'"([^"]{9,})"', "\n".join(symptoms)):
        for part in quoted.split("…"):
            assert part.strip() in source or part in NOT_OURS, part


def test_the_page_of_tables_is_as_the_contracts_are():
    """If not: ``uv run python docs/make_tables.py``."""
    page = runpy.run_path(str(PROJECT / "docs" / "make_tables.py"))["page"]
    assert page(PAGES["docs/tables.md"]) == PAGES["docs/tables.md"]


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_measure_has_a_unit_or_needs_none(table):
    """A unit stands in the description of a column, where ``unit_of`` finds it."""
    unit_of = runpy.run_path(str(PROJECT / "docs" / "make_tables.py"))["unit_of"]
    without = {"pop", "uvi", "moon_phase", "temp_kf"}
    for column in TABLES[table].columns():
        if str(column.type) == "double" and column.name not in without:
            assert unit_of(column), column.name


def test_the_layout_names_every_folder():
    (tree,) = [block for block in blocks(PAGES["docs/development.md"], "text") if "├" in block]
    for package in ("dlt_sources/weather", "dagster_project"):
        for path in (PROJECT / package).rglob("__init__.py"):
            if path.parent != PROJECT / package:
                assert f" {path.parent.name}/" in tree, path.parent


def test_every_metric_is_in_the_page_of_dagster():
    metrics = {metric.name for metric in registry_of(Status((), (), (), {}), {}).collect()}
    assert set(re.findall(r"`(weather_(?:bronze|dagster)_\w+)`", PAGES["docs/dagster.md"])) == metrics


@pytest.mark.parametrize("command", sorted(weather.commands))
def test_every_command_is_described_and_explains_itself(command):
    assert f"`weather {command}`" in PAGES["docs/operations.md"]
    assert weather.commands[command].help


def test_every_option_has_help():
    for command in weather.commands.values():
        for option in command.params:
            assert option.help, f"{command.name} {option.name}"


def test_every_exit_code_is_in_the_help_and_described():
    for error in WeatherError.__subclasses__():
        assert re.search(rf"^ +{error.exit_code}  ", EPILOG, re.MULTILINE), error
        assert f"\n| {error.exit_code} | " in PAGES["docs/operations.md"]


@pytest.mark.parametrize("error_class", ERROR_CLASSES)
def test_every_error_class_of_the_rejects_is_described(error_class):
    assert f"\n| `{error_class}` | " in PAGES["docs/operations.md"]


def test_every_resource_is_an_asset_or_a_table_that_is_described():
    for resource in RESOURCES:
        assert f"`{resource}`" in PAGES["docs/tables.md"] or f"--resources {resource}" in PAGES["docs/tables.md"]


@pytest.mark.parametrize(
    ("section", "spec"),
    [
        ("sources.weather", WeatherSettings),
        ("sources.weather.one_call", OneCallSettings),
        ("sources.weather.retention", RetentionSettings),
        ("alerts", AlertSettings),
        ("report", ReportSettings),
    ],
)
def test_the_shipped_configuration_states_each_setting_with_its_default(section, spec):
    _, _, text = CONFIG.partition(f"[{section}]\n")
    text = text.partition("\n[")[0]
    shipped = tomlkit.parse(text).unwrap()
    defaults = {
        name: field.default if field.default_factory is MISSING else field.default_factory()
        for name, field in spec.__dataclass_fields__.items()
    }
    settings = {name for name in defaults if not name.startswith("__")} - NO_DEFAULT - TABLES_OF_SETTINGS
    commented = set(re.findall(r"^# (\w+)(?: =|: )", text, re.MULTILINE)) - {"Places"}
    assert shipped.keys() | commented == settings
    if spec is WeatherSettings:
        assert shipped.pop("locations") == DEFAULT_LOCATIONS
        assert tuple(shipped.pop("resources")) == DEFAULT_RESOURCES
    assert shipped == {name: defaults[name] for name in shipped}

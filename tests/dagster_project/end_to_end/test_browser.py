"""Dagster's UI in a real browser: the graph, an asset's page, the schedule.

Needs Chromium or Chrome, so a plain ``pytest`` leaves it out: run it with ``-m browser``. Screenshots go into the
folder that ``SCREENSHOTS`` names.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from dagster_project.checks.asset_checks import checks_of
from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.weather.contracts import AirPollution
from tests.dagster_project.conftest import RESOURCES, SETTINGS
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.processes.deployment import Deployment, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# no lookups of its maker's hosts; root, as in a container, has no sandbox
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync")


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a deployment whose first load, which the daemon starts by itself, has come to its end."""
    folder = tmp_path_factory.mktemp("deployment")
    with serve(Simulator(), port=0) as api:
        settings = SETTINGS | {"BASE_URL": api, "LOCATIONS": '["Madrid,ES", "Oslo,NO"]'}
        environment = {f"SOURCES__WEATHER__{name}": value for name, value in settings.items()}
        environment |= {
            "WEATHER_DESTINATION": "duckdb",
            "DESTINATION__DUCKDB__CREDENTIALS": str(folder / "weather.duckdb"),
            "DLT_DATA_DIR": str(folder / "dlt"),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        }
        dagster = Deployment(folder, environment)
        try:
            until(dagster.is_up, "the webserver's answer")
            (first,) = dagster.finished(1)
            assert first["status"] == "SUCCESS"
            yield dagster.url
        finally:
            dagster.stop()


@pytest.fixture
def page() -> Iterator[Page]:
    """A window of a browser without a screen."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert executable, f"none of {', '.join(BROWSERS)} is installed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(QUIET))
        page = browser.new_page(viewport={"width": 1280, "height": 800}, timezone_id="UTC")
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        yield page
        browser.close()


@pytest.fixture
def keep(page: Page, tmp_path: Path) -> Callable[[str], None]:
    """Keep a screenshot, once what the page shows last has come."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return lambda name: page.screenshot(path=folder / f"{name}.png") and None


def test_the_graph_shows_every_resource_below_openweather(ui, page, keep):
    # the graph draws only what is in sight
    page.set_viewport_size({"width": 1280, "height": 1600})
    page.goto(f"{ui}/locations/weather/asset-groups/bronze/lineage")
    for resource in RESOURCES:
        expect(page.get_by_text(resource, exact=True).first).to_be_visible()
    expect(page.get_by_text("openweather", exact=True).first).to_be_visible()
    keep("graph")


def test_the_page_of_an_asset_shows_what_came(ui, page, keep):
    page.goto(f"{ui}/assets/bronze/air_pollution")
    for shown in ("rows_fetched", "rows_loaded", "rows_rejected", str(AirPollution.hints()["dt"]["description"])):
        expect(page.get_by_text(shown).first).to_be_visible()
    keep("asset")
    assert SENTINEL_KEY not in page.content()


def test_the_checks_of_an_asset_have_passed(ui, page, keep):
    page.goto(f"{ui}/assets/bronze/air_pollution?view=checks")
    checks = [check.name for check in checks_of("air_pollution")]
    for check in checks:
        expect(page.get_by_text(check, exact=True).first).to_be_visible()
    expect(page.get_by_text("Succeeded")).to_have_count(len(checks))
    keep("checks")


def test_the_picture_of_the_weather_can_be_looked_at(ui, page, keep):
    page.goto(f"{ui}/assets/reports/weather")
    page.get_by_text("[Show Markdown]").click()
    picture = page.get_by_role("img", name="weather")
    expect(picture).to_be_visible()
    page.wait_for_function("image => image.complete && image.naturalWidth > 400", arg=picture.element_handle())
    keep("picture")


def test_the_hourly_schedule_is_on(ui, page, keep):
    page.goto(f"{ui}/locations/weather/schedules/hourly_weather_schedule")
    expect(page.get_by_text("Every hour", exact=False).first).to_be_visible()
    expect(page.get_by_text("0 * * * *").first).to_be_visible()
    expect(page.get_by_role("checkbox").first).to_be_checked()
    keep("schedule")

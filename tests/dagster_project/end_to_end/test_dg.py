"""Dagster's command line dg works in the project's folder: it checks and lists the definitions and launches the job."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dagster_project.conftest import PLACES, RESOURCES
from tests.helpers.support import count

pytestmark = [pytest.mark.slow, pytest.mark.process]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def dg(tmp_path):
    """Run dg in the project's folder, with the shipped instance settings and the rest in the test's folder."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").symlink_to(ROOT / "dagster_project" / "dagster.yaml")

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("dg")), *arguments],
            cwd=ROOT,
            env=os.environ
            | {
                "DAGSTER_HOME": str(home),
                "DLT_DATA_DIR": str(tmp_path / "dlt"),
                "HOME": str(tmp_path),
                "COLUMNS": "300",
                "VIRTUAL_ENV": str(Path(sys.executable).parents[1]),
                "REPORT__FOLDER": str(tmp_path / "report"),
            },
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Warning" not in done.stdout + done.stderr
        return done.stdout

    return run


def test_dg_checks_and_lists_the_definitions(dg):
    assert "All definitions loaded successfully." in dg("check", "defs")
    listed = dg("list", "defs")
    for name in [*RESOURCES, "air_pollution_history"]:
        assert f"bronze/{name}" in listed
    assert "hourly_weather_schedule" in listed
    assert "All TOML configuration files are valid." in dg("check", "toml")
    assert "All component YAML validated successfully." in dg("check", "yaml")
    variables = dg("list", "envs")
    for name in ("OPENWEATHER_API_KEY", "DESTINATION__POSTGRES__CREDENTIALS", "ALERTS__URLS", "WEATHER_DEMO"):
        assert name in variables


def test_dg_launches_the_job(dg, environment, duckdb):  # noqa: ARG001 - the settings in the environment
    dg("launch", "--job", "weather_ingestion_job")
    assert count(duckdb, "current_weather") == len(PLACES)

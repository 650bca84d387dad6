"""The commands of the page of dbt, with dbt itself, which the package index must offer."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from dlt_sources.openweather_simulator import Simulator, serve
from tests.docs.pages import PAGES, blocks, commands, parse
from tests.helpers.command import run

PAGE = PAGES["docs/dbt.md"]
COMMANDS = [command.text for command in commands(PAGE)]
FILES = ("dbt_project.yml", "profiles.yml")


@pytest.fixture(scope="session")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which dbt is on the path, installed as the page says, but into a folder of the test."""
    folder = tmp_path_factory.mktemp("dbt")
    tools = {"UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder)}
    environment = os.environ | tools | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    (install,) = [text for text in COMMANDS if text.startswith("uv tool install ")]
    _shell(install, folder, environment)
    return environment | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}


def _shell(text: str, folder: Path, environment: dict[str, str]) -> str:
    finished = subprocess.run(
        ["bash", "-c", text], cwd=folder, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return re.sub(r"\x1b\[\d*m", "", finished.stdout)


def _project(folder: Path) -> Path:
    project = folder / "analytics"
    (project / "models").mkdir(parents=True)
    for name, text in zip(FILES, blocks(PAGE, "yaml"), strict=True):
        (project / name).write_text(text)
    (model,) = blocks(PAGE, "sql")
    (project / "models" / "air_quality_by_day.sql").write_text(model)
    return project


def _write_sources(text: str, folder: Path) -> None:
    command, _, file = text.partition(" > ")
    printed = run(*parse(command).arguments)
    assert printed.code == 0, printed.said
    (folder / file).write_text(printed.out)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.process
def test_the_commands_for_duckdb_run_as_they_stand(tmp_path, dbt):
    assert run("--demo").code == 0
    project = _project(tmp_path)
    for text in COMMANDS:
        if "dbt-sources --demo" in text:
            _write_sources(text, tmp_path)
    printed = "".join(_shell(text, project, dbt) for text in COMMANDS if text.startswith("dbt ") and "--t" not in text)
    for line in blocks(PAGE, "text")[0].splitlines():
        assert line in printed
    assert "deprecat" not in printed.lower()
    assert "Madrid" in printed


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.process
@pytest.mark.usefixtures("postgres")
def test_the_commands_for_postgres_run_as_they_stand(tmp_path, dbt):
    with serve(Simulator(), port=0) as api:
        assert run("--destination", "postgres", api=api).code == 0
    project = _project(tmp_path)
    for text in COMMANDS:
        if "dbt-sources --destination postgres" in text:
            _write_sources(text, tmp_path)
    address = urlsplit(os.environ["DESTINATION__POSTGRES__CREDENTIALS"])
    server = {
        "PGHOST": address.hostname or "",
        "PGPORT": str(address.port or 5432),
        "PGUSER": unquote(address.username or ""),
        "PGPASSWORD": unquote(address.password or ""),
        "PGDATABASE": address.path.lstrip("/"),
    }
    texts = [text for text in COMMANDS if "--target postgres" in text]
    printed = "".join(_shell(text, project, dbt | server) for text in texts)
    assert "ERROR=0" in printed
    assert "PASS=29" in printed

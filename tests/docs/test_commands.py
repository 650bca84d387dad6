"""Every command in the documents is run as it stands, or listed here with the reason why not."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click
import duckdb
import pytest
import requests
import tomlkit
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

import dlt_sources.openweather_simulator.__main__ as simulator_main
import tests.benchmarks.__main__ as benchmarks_main
import tests.chaos.__main__ as chaos_main
import tests.destinations.__main__ as destinations_main
import tests.soak.__main__ as soak_main
from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.weather.cli import weather
from tests.docs.pages import CHECKED, PAGES, PROJECT, Command, blocks, commands, parse, spans
from tests.helpers.clock import SENTINEL_KEY

ALL_COMMANDS = {command.text: command for text in PAGES.values() for command in commands(text)}
PROGRAMS: dict[str, click.Command] = {
    "weather": weather,
    "dlt_sources.weather": weather,
    "dlt_sources.openweather_simulator": simulator_main.main,
    "tests.benchmarks": benchmarks_main.main,
    "tests.chaos": chaos_main.main,
    "tests.destinations": destinations_main.main,
    "tests.soak": soak_main.main,
}
# run word for word, each group in its order and in one fresh clone, with the shipped settings; SUBSTITUTES has all that
# differs
RUN_DEMO = (
    "uv run python -m dlt_sources.weather --demo",
    "uv run weather plan --demo",
    "uv run weather replay --demo",
    "uv run weather status --demo",
    "uv run weather status --demo --check",
    "uv run weather prune --demo --dry-run",
)
# run word for word against a simulator in the API's place
RUN = (
    "uv run python -m dlt_sources.weather plan",
    "uv run python -m dlt_sources.weather",
    "uv run python -m dlt_sources.weather status",
    "uv run weather prune --dry-run",
    "uv run weather prune",
)
RUN_HISTORY = (
    "uv run weather plan --resources air_pollution --since 2024-01-01 --until 2024-12-31",
    "uv run weather load --resources air_pollution --since 2024-01-01 --until 2024-12-31",
)
RUN_ONE_CALL = (
    'uv run weather plan --location "Oslo,NO" --resources weather_history_daily --since 2016-01-01 --until 2025-12-31',
    'uv run weather load --location "Oslo,NO" --resources weather_history_daily --since 2016-01-01 --until 2025-12-31',
    "uv run weather plan --resources current_weather,one_call_current,weather_history",
    'uv run weather plan --location "Oslo,NO" --resources weather_history --since 2025-03-01 --until 2025-03-31',
)
RUN_IN_CLONE = (
    "uv run python docs/make_tables.py",
    "uv run weather locations --country ES --population 100000 --output places.csv",
    "uv run weather locations --near 40.4,-3.7 --km 50 --limit 20",
    "uv run weather locations --bbox 177,-20,-179,-15 --format geojson",
)
RUN_SERVICES = (
    "uv run python -m dlt_sources.openweather_simulator --port 8080",
    "uv run python -m dlt_sources.openweather_simulator --port 8080 --one-call --one-call-version 4",
)
RUN_POSTGRES = (
    "uv run weather load --destination postgres",
    "uv run weather load --destination postgres --shard 1/4",
    "uv run weather partition --destination postgres --dry-run",
    "uv run weather partition --destination postgres",
)
SUBSTITUTES = {
    "UV_NO_SYNC": ("1", "the libraries are installed; a clone would install them once more"),
    "UV_PROJECT_ENVIRONMENT": (str(PROJECT / ".venv"), "as above"),
    "DLT_DATA_DIR": ("a folder of the test", "~/.dlt is the user's; set for every test"),
    "RUNTIME__DLTHUB_TELEMETRY": ("false", "as shipped; set for every test"),
    "OPENWEATHER_API_KEY": (SENTINEL_KEY, "tests have no key"),
    "SOURCES__WEATHER__BASE_URL": ("the simulator's", "tests have no network; left out for the demo"),
    "SOURCES__WEATHER__ONE_CALL__CALLS_PER_MINUTE": ("3000", "a test has no six minutes"),
    "DESTINATION__POSTGRES__CREDENTIALS": ("the test's server", "in place of postgresql://user:password@host/db"),
    "--port 8080": ("--port and a free one", "8080 may be taken"),
}
SETTING = "a setting of the commands after it"
CLUSTER = "needs a cluster, which infra/tests/kind.sh makes and uses in the same way"
IMAGE = "needs a Docker engine: infra/tests/image.sh runs it word for word"
COMPOSE = "needs a Docker engine: infra/tests/compose.sh does it with names of its own"
SERVICE = "does not end; tests/dagster_project/end_to_end starts Dagster's services"
DG = "works in the project's folder only; tests/dagster_project/end_to_end/test_dg.py runs it there"
CONVERSION = "needs another DuckDB: tests/docs/test_bounds.py runs it with one, word for word"
DBT = "tests/docs/test_dbt.py runs it, with dbt"
FETCHED = "fetches a tool; what it checks is checked by tests/docs/test_habits.py as far as that goes without it"
PAGE = "tests/docs/test_tools.py runs all of that page"
MINUTES = "takes minutes"
DRIVERS = "needs drivers and servers that are not installed, and takes minutes"
PLAYED = "tests/weather/destination/test_other_destinations.py loads there"
ITSELF = "this test is a part of it"
NOT_RUN = {
    "export OPENWEATHER_API_KEY=…": SETTING,
    "export DESTINATION__POSTGRES__CREDENTIALS=postgresql://user:password@host/db": SETTING,
    "WEATHER_DEMO=1 uv run dg dev": SERVICE,
    "uv run dg dev": SERVICE,
    'uv run --extra explore --with "dlt[hub]<1.32" dlt pipeline weather show': "does not end; needs dltHub's packages",
    'DAGSTER_HOME="$PWD" uv run dg dev': SERVICE,
    "uv run dg check defs": DG,
    "uv run dg check toml": DG,
    "uv run dg list defs": DG,
    "uv run dg list envs": DG,
    "uv run dg launch --job weather_ingestion_job": DG,
    "uv run dagster-daemon run --log-format json": SERVICE,
    "uv run dagster-webserver --log-format json": SERVICE,
    'uv run pytest -m "not db and not process"': ITSELF,
    "uv run pytest": ITSELF,
    "uvx pre-commit install": FETCHED,
    "uvx pre-commit run --all-files": FETCHED,
    "uvx --from rust-just just --list": FETCHED,
    "uvx zizmor --offline .github": FETCHED,
    "uvx cffconvert --validate": FETCHED,
    "uv run pytest -m slow": MINUTES,
    "uv run pytest -m browser": MINUTES,
    "bash .ci/run": ITSELF,
    "uv run python -m tests.chaos": MINUTES,
    "uv run python -m tests.chaos kill-load lock-lost --seed 7 --rounds 3": MINUTES,
    "uv run python -m tests.chaos history-kills": MINUTES,
    "uv run python -m tests.chaos budget-days": MINUTES,
    "uv run python -m tests.chaos budget-minutes": MINUTES,
    "uv sync --group destinations": DRIVERS,
    "uv run python -m tests.destinations --page": DRIVERS,
    "export DESTINATION__FILESYSTEM__BUCKET_URL=file:///data/lake": SETTING,
    "export DESTINATION__FILESYSTEM__TABLE_FORMAT=delta": SETTING,
    "uv run weather load --destination filesystem": PLAYED,
    "export DESTINATION__SQLALCHEMY__CREDENTIALS=sqlite:////data/weather.db": SETTING,
    "uv run weather load --destination sqlalchemy": PLAYED,
    "uv run python -m tests.benchmarks": MINUTES,
    "uv run python -m tests.benchmarks grown": MINUTES,
    "uv run python -m tests.benchmarks current history --destination postgres --json before.json": MINUTES,
    "uv run python -m tests.benchmarks current history --destination postgres --compare before.json": MINUTES,
    "uv run python -m tests.benchmarks shards": MINUTES,
    "uv run python -m tests.soak": MINUTES,
    "uv run python -m tests.soak --destination postgres --hours 2000": MINUTES,
    "uv run python -m tests.soak --destination postgres --years 3 --via cli --json soak.json": MINUTES,
    "uv run python -m tests.soak --via dagster --hours 24": MINUTES,
}


def _reason(command: Command) -> str:
    """Return why a command is not run here, "" if it is."""
    if command.text.startswith("docker compose "):
        return COMPOSE
    if command.program == "docker":
        return IMAGE
    if "converted.duckdb" in command.text:
        return CONVERSION
    for texts, reason in ((TOOLS, PAGE), (DBT_COMMANDS, DBT), (INFRA_COMMANDS, CLUSTER)):
        if command.text in texts:
            return reason
    return NOT_RUN.get(command.text, "")


DBT_COMMANDS = {command.text for command in commands(PAGES["docs/dbt.md"])}
TOOLS = {command.text for command in commands(PAGES["docs/tools.md"])} - {*RUN_POSTGRES, *NOT_RUN}
INFRA_COMMANDS = {command.text for command in commands(PAGES["infra/README.md"])}


def test_every_command_is_run_or_has_a_reason_why_not():
    run = {*RUN_DEMO, *RUN, *RUN_HISTORY, *RUN_POSTGRES, *RUN_ONE_CALL, *RUN_IN_CLONE, *RUN_SERVICES}
    assert {text for text, command in ALL_COMMANDS.items() if not _reason(command)} == run
    assert set(NOT_RUN) <= set(ALL_COMMANDS)


def _environment(**given: str) -> dict[str, str]:
    assert set(given) <= set(SUBSTITUTES)
    always = {name: SUBSTITUTES[name][0] for name in ("UV_NO_SYNC", "UV_PROJECT_ENVIRONMENT")}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    return inherited | always | given


def _run(text: str, folder: Path, **environment: str) -> str:
    """Run a documented command in a shell, as a user types it; return what it prints."""
    finished = subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env=_environment(**environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "Traceback" not in finished.stderr
    assert "warning" not in finished.stderr.lower(), finished.stderr
    return finished.stdout


def _counts(table: str) -> list[str]:
    """Return the resources with their rows and calls; seconds differ from run to run."""
    return re.findall(r"^\w+ +[\d,]+ +[\d,]+ +\d+ +\d+", table, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.process
def test_the_commands_of_the_demo_run_as_they_stand(clone):
    printed = [_run(text, clone) for text in RUN_DEMO]
    assert _counts(blocks(PAGES["README.md"], "console")[0]) == _counts(printed[0])
    (query,) = blocks(PAGES["README.md"], "sql")
    result = blocks(PAGES["README.md"], "text")[1]
    with duckdb.connect(str(clone / "weather_demo.duckdb"), read_only=True) as connection:
        relation = connection.sql(query)
        assert relation.columns == re.findall(r"\w+", result.splitlines()[1])
        places = {row[0] for row in relation.fetchall()}
    assert sorted(places) == re.findall(r"^│ (\w+) +│ \d", result, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize("texts", [RUN, RUN_HISTORY], ids=["load", "history"])
def test_the_commands_run_as_they_stand(texts: Sequence[str], clone):
    with serve(Simulator(), port=0) as api:
        environment = {"OPENWEATHER_API_KEY": SENTINEL_KEY, "SOURCES__WEATHER__BASE_URL": api}
        printed = [_run(text, clone, **environment) for text in texts]
    assert "air_pollution" in printed[-1]


@pytest.mark.slow
@pytest.mark.process
def test_ten_years_of_daily_weather_take_the_commands_and_the_calls_of_the_transcript(clone):
    simulator = Simulator(one_call_keys="all", one_call_version=4)
    name = "SOURCES__WEATHER__ONE_CALL__CALLS_PER_MINUTE"
    with serve(simulator, port=0) as api:
        given = {"OPENWEATHER_API_KEY": SENTINEL_KEY, "SOURCES__WEATHER__BASE_URL": api, name: SUBSTITUTES[name][0]}
        planned, loaded, *_ = (_run(text, clone, **given) for text in RUN_ONE_CALL)
        assert simulator.stats.by_product["one_call"].billed == 366, "the third command asks nothing"
    plan_shown, load_shown = blocks(PAGES["docs/one-call.md"], "text")
    sentences = re.findall(r"^(?:One Call|History).*$", plan_shown, re.MULTILINE)
    assert len(sentences) == 2
    assert re.findall(r"^(?:One Call|History).*$", planned, re.MULTILINE) == sentences
    assert _counts(load_shown) == _counts(loaded) != []
    query = blocks(PAGES["docs/one-call.md"], "sql")[0]
    with duckdb.connect(str(clone / "weather.duckdb"), read_only=True) as connection:
        rows = connection.sql(query).fetchall()
    assert [year for year, *_ in rows] == list(range(2016, 2026))
    assert sum(days for _, days, *_ in rows) == 3_653


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.process
def test_the_source_works_in_a_pipeline_as_the_readme_says(clone):
    (snippet,) = blocks(PAGES["README.md"], "python")
    (clone / "snippet.py").write_text(snippet)
    with serve(Simulator(), port=0) as api:
        environment = {"OPENWEATHER_API_KEY": SENTINEL_KEY, "SOURCES__WEATHER__BASE_URL": api}
        _run("uv run python snippet.py", clone, **environment)
    with duckdb.connect(str(clone / "my_weather.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT location_id FROM bronze.current_weather").fetchall() == [("madrid,es",)]


@pytest.mark.slow
@pytest.mark.process
def test_the_commands_of_a_clone_run_as_they_stand(clone):
    for text in RUN_IN_CLONE:
        _run(text, clone)
    assert (clone / "docs" / "tables.md").read_text() == PAGES["docs/tables.md"]


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize("command", RUN_SERVICES)
def test_the_simulator_answers_as_a_service(clone, command):
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    text = command.replace("--port 8080", f"--port {port}")
    service = subprocess.Popen(["bash", "-c", f"exec {text}"], cwd=clone, env=_environment())
    try:
        parameters = {"lat": "1", "lon": "1", "appid": SENTINEL_KEY}
        retry = HTTPAdapter(max_retries=Retry(connect=8, backoff_factor=0.2))
        with requests.Session() as session:
            session.mount("http://", retry)
            answer = session.get(f"http://127.0.0.1:{port}/data/2.5/weather", params=parameters, timeout=10)
        assert answer.json()["main"]["temp"]
    finally:
        service.terminate()
    assert service.wait(30) in (0, -signal.SIGTERM, 128 + signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.usefixtures("postgres")
def test_the_commands_for_postgres_run_as_they_stand(clone):
    with serve(Simulator(), port=0) as api:
        environment = {"OPENWEATHER_API_KEY": SENTINEL_KEY, "SOURCES__WEATHER__BASE_URL": api}
        for text in RUN_POSTGRES:
            assert "air_pollution" in _run(text, clone, **environment)


def _unknown_options(command: Command) -> list[str]:
    """Return the options and subcommands that the program does not have."""
    program, arguments = PROGRAMS[command.program], list(command.arguments)
    if isinstance(program, click.Group):
        named = arguments[0] if arguments and not arguments[0].startswith("-") else "load"
        if named not in program.commands:
            return [named]
        program = program.commands[named]
    known = {option for param in program.params for option in (*param.opts, *param.secondary_opts)}
    return [word for word in arguments if word.startswith("--") and word not in known | {"--help"}]


@pytest.mark.parametrize("text", sorted(ALL_COMMANDS))
def test_every_option_of_a_command_exists(text):
    command = ALL_COMMANDS[text]
    if command.program in PROGRAMS:
        assert not _unknown_options(command)
    if command.program == "pytest":
        markers = tomlkit.parse((PROJECT / "pyproject.toml").read_text()).unwrap()["tool"]["pytest"]["ini_options"]
        names = {marker.partition(":")[0] for marker in markers["markers"]}
        assert set(re.findall(r"\w+", " ".join(command.arguments[1:]))) - {"not", "and"} <= names


@pytest.mark.parametrize("page", sorted(CHECKED))
def test_every_command_and_option_in_a_sentence_exists(page):
    options = {option for program in PROGRAMS.values() for option in _options(program)}
    for span in spans(CHECKED[page]):
        if span.startswith("--"):
            assert re.split(r"[ =]", span)[0] in options | {"--help"}, span
        if span.startswith(("weather ", "uv run weather ", "uv run python -m ")):
            assert not _unknown_options(parse(span)), span


def _options(program: click.Command) -> set[str]:
    commands = [program, *(program.commands.values() if isinstance(program, click.Group) else ())]
    return {option for one in commands for param in one.params for option in (*param.opts, *param.secondary_opts)}

"""Secrets of every kind, given to a load that works and to loads that fail: none is in what they leave behind."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from dlt_sources.openweather_simulator.service.faults import Fault
from dlt_sources.openweather_simulator.service.simulator import Answer
from dlt_sources.weather.destination.target import Target
from tests.benchmarks.processes import PROJECT
from tests.chaos.rounds.world import LONGEST_SECONDS, MADRID, OSLO, Round
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.command import settings_of
from tests.helpers.support import query

PASSWORD = "sentinel pass/word%d"
PROXY_PASSWORD = "sentinel-of-the-proxy"
ALERT_TOKEN = "sentinel0of0the0alerts"
SECRETS = {
    "key": SENTINEL_KEY,
    "database password": PASSWORD,
    "quoted database password": quote(PASSWORD, safe=""),
    "proxy password": PROXY_PASSWORD,
    "alert token": ALERT_TOKEN,
}
ALERTS = f"json://user:{ALERT_TOKEN}@127.0.0.1:9/{ALERT_TOKEN}"
# nobody listens on port 9; with and without a scheme, as users write it
PROXIES = (f"user:{PROXY_PASSWORD}@127.0.0.1:9", f"http://user:{PROXY_PASSWORD}@127.0.0.1:9")
ECHO = f'{{"cod": 400, "message": "no such appid={SENTINEL_KEY}", "you": "{SENTINEL_KEY}"}}'.encode()
FAULTS = (
    Fault(path="/data/2.5/weather", status=401),
    Fault(path="/data/2.5/forecast", status=429, times=2),
    Fault(path="/data/2.5/forecast", body=ECHO, status=400),
    Fault(path="/data/2.5/weather", set={"name": SENTINEL_KEY}),
    Fault(path="/data/4.0/onecall/timeline", body=b"[" + ECHO, status=200),
    Fault(path="/data/4.0/onecall/timeline", set={"data.0.temp": SENTINEL_KEY}),
    Fault(truncate=True, times=4),
)
# answers of One Call 4.0 hold the key in their links; those to its timelines are many
ONE_CALL = ("one_call_current", "one_call_hourly_forecast", "weather_history_daily")
RESOURCES = ("current_weather", "forecast", *ONE_CALL)
OPTIONS = ("--location", MADRID, "--location", OSLO, "--resources", ",".join(RESOURCES))


def sentinels(round_: Round) -> None:
    """Secrets of every kind are searched in the console, logs, tables, dlt's files and Dagster's records."""
    round_.use_real_time()
    chosen = round_.random
    links = _sell_one_call(round_)
    url = _credentials(round_)
    at_hand = {"ALERTS__URLS": f'["{ALERTS}"]', "HTTPS_PROXY": chosen.choice(PROXIES)}
    weather = ["-m", "dlt_sources.weather", "--destination", round_.destination]
    log_format = ["--log-format", chosen.choice(["json", "text"])]
    _run(round_, [*weather, *OPTIONS, *log_format], at_hand, 0)
    round_.simulator.inject(chosen.choice(FAULTS))
    _run(round_, [*weather, *OPTIONS, *log_format], at_hand, None)
    # what goes through the proxy, which is not there
    through = at_hand | {"SOURCES__WEATHER__BASE_URL": "https://127.0.0.1:9", "SOURCES__WEATHER__ATTEMPTS": "1"}
    _run(round_, [*weather, *OPTIONS, *log_format], through, None)
    _run(round_, ["-m", "dlt_sources.weather", "status", "--destination", round_.destination], at_hand, 0)
    if round_.destination == "postgres":
        nowhere = {"DESTINATION__POSTGRES__CREDENTIALS": url.replace(f":{round_.world.server.port}/", ":9/")}
        _run(round_, [*weather, *OPTIONS], at_hand | nowhere, 5)
    if chosen.random() < 0.5 or round_.world.long:
        _materialize(round_, at_hand)
    for kind, secret in SECRETS.items():
        if places := [*files_with(secret, round_.folder), *tables_with(secret, round_.target)]:
            round_.found.problems.append(f"the {kind} is in {places[:5]}")
    round_.found.note("secrets searched", len(SECRETS))
    round_.found.note("links with the key sent", len(links))
    if not links:
        round_.found.problems.append("no answer had a link with the key: nothing was proved")


def _sell_one_call(round_: Round) -> list[str]:
    """Let the API answer with links that hold the key; return the list of the paths of the answers that do."""
    simulator, links = round_.simulator, []
    simulator.one_call_keys, simulator.one_call_version = "all", 4
    on_sent = simulator.on_sent

    def note(path: str, params: Mapping[str, str], answer: Answer) -> None:
        if SENTINEL_KEY.encode() in answer.body and path.startswith("/data/4.0/"):
            links.append(path)
        on_sent(path, params, answer)

    simulator.on_sent = note
    return links


def _materialize(round_: Round, at_hand: dict[str, str]) -> None:
    home = round_.folder / "dagster"
    home.mkdir()
    select = ["--select", ",".join(f"bronze/{name}" for name in ("locations", *RESOURCES))]
    environment = {
        "DAGSTER_HOME": str(home),
        "WEATHER_DESTINATION": round_.destination,
        "SOURCES__WEATHER__LOCATIONS": f'["{MADRID}", "{OSLO}"]',
        "SOURCES__WEATHER__RESOURCES": json.dumps(["locations", *RESOURCES]),
    }
    command = ["-m", "dagster", "asset", "materialize", "-m", "dagster_project.definitions", *select]
    _run(round_, command, at_hand | environment, None)
    round_.found.note("in Dagster")


def _credentials(round_: Round) -> str:
    """Give the database a password that has to be quoted, as a user may: quoted or not."""
    if round_.destination != "postgres":
        return ""
    url = os.environ["DESTINATION__POSTGRES__CREDENTIALS"].replace("not-a-real-password", quote(PASSWORD, safe=""))
    os.environ["DESTINATION__POSTGRES__CREDENTIALS"] = url
    return url


def _run(round_: Round, command: list[str], environment: dict[str, str], code: int | None) -> None:
    """Run a program whose console is a file in the round's folder."""
    with (round_.folder / "console.txt").open("a") as log:
        done = subprocess.run(
            [sys.executable, *command],
            env=os.environ | settings_of(round_.world.api) | {"PYTHONPATH": str(PROJECT)} | environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            timeout=LONGEST_SECONDS,
            check=False,
        )
    if code is not None and done.returncode != code:
        tail = (round_.folder / "console.txt").read_text()[-500:]
        round_.found.problems.append(f"{' '.join(command[1:4])}: exit code {done.returncode}, not {code}: {tail}")


def files_with(secret: str, folder: Path) -> Iterator[str]:
    """Yield the files below a folder that hold a secret, packed or not."""
    for file in folder.rglob("*"):
        if file.is_file() and secret in _text(file):
            yield str(file.relative_to(folder))


def _text(file: Path) -> str:
    """What a file holds, unpacked where it is packed."""
    content = file.read_bytes()
    if file.suffix == ".parquet":
        try:
            return str(pq.read_table(file).to_pylist())
        except pa.ArrowException:
            return ""
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return content.decode("utf-8", "replace") + content.decode("utf-16-le", "replace")


def tables_with(secret: str, target: Target) -> Iterator[str]:
    """Yield the tables that hold a secret, dlt's own and those of its staging dataset included."""
    sql = (
        "SELECT table_schema, table_name FROM information_schema.tables"
        " WHERE table_schema NOT IN ('information_schema', 'pg_catalog')"
    )
    for schema, table in query(target, sql):
        if any(secret in str(row) for row in query(target, f'SELECT * FROM "{schema}"."{table}"')):
            yield f"{schema}.{table}"

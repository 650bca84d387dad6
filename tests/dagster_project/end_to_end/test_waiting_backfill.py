"""A backfill whose calls are spent, in real processes: it holds nothing while it waits, and goes on by itself."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlt_sources.openweather_simulator import Simulator, serve
from tests.dagster_project.conftest import PLACES, SETTINGS
from tests.helpers.processes.deployment import Deployment, until
from tests.helpers.support import assert_no_duplicates, query

pytestmark = [pytest.mark.slow, pytest.mark.process, pytest.mark.timeout(900)]
ASSET = ["bronze", "weather_history_backfill"]
# January needs 38 calls, February 34, and the hourly loads before and meanwhile a few
BUDGET = 55
MONTHS = ["2021-01-01", "2021-02-01"]
LAUNCH = """mutation($what: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $what) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
BACKFILL = """query($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"""
TICKS = """query($where: SensorSelector!) {
  sensorOrError(sensorSelector: $where) { ... on Sensor { sensorState { ticks(limit: 3) { skipReason } } } } }"""
SENSOR = {
    "repositoryLocationName": "weather",
    "repositoryName": "__repository__",
    "sensorName": "waiting_backfill_sensor",
}


@pytest.fixture
def simulator() -> Iterator[tuple[Simulator, str]]:
    """The simulator on the real clock, with One Call 4.0 for any key."""
    simulator = Simulator()
    simulator.one_call_keys, simulator.one_call_version = "all", 4
    with serve(simulator, port=0) as url:
        yield simulator, url


@pytest.fixture
def dagster(tmp_path: Path, simulator, duckdb) -> Iterator[Deployment]:
    """Dagster with a budget in a file, as a person would change it."""
    write_budget(tmp_path, BUDGET)
    settings = SETTINGS | {
        "BASE_URL": simulator[1],
        "LOCATIONS": json.dumps(PLACES[:1]),
        "RESOURCES": json.dumps(["locations", "current_weather", "weather_history"]),
        "RESERVE_FOR_SCHEDULE": "0",
    }
    environment = {f"SOURCES__WEATHER__{name}": value for name, value in settings.items()}
    deployment = Deployment(tmp_path, environment | {"WEATHER_DESTINATION": duckdb.destination})
    until(deployment.is_up, "the webserver's answer")
    yield deployment
    deployment.stop()


def write_budget(folder: Path, calls_per_day: int) -> None:
    """Set the calls of a day in the folder's settings."""
    (folder / ".dlt").mkdir(exist_ok=True)
    (folder / ".dlt" / "config.toml").write_text(
        f"[runtime]\ndlthub_telemetry = false\n[sources.weather.one_call]\ncalls_per_day = {calls_per_day}\n"
    )


def test_it_waits_without_a_slot_says_why_and_is_completed_when_there_are_calls(dagster, simulator, duckdb, tmp_path):
    first = until(lambda: [run for run in dagster.runs() if run["status"] == "SUCCESS"], "the load of the new place")
    assert first
    what = {"assetSelection": [{"path": ASSET}], "partitionNames": MONTHS}
    backfill = dagster.ask(LAUNCH, what=what)["launchPartitionBackfill"]["backfillId"]
    (run,) = dagster.finished(1, dagster__backfill=backfill)
    assert run["status"] == "SUCCESS"
    assert list(dagster.materialized(run["runId"])) == ["/".join(ASSET)]
    assert dagster.materialized(run["runId"])["/".join(ASSET)]["partition"] == MONTHS[0]
    said = until(lambda: waiting(dagster), "the sensor's sentence")
    assert "weather_history_backfill waits with 2021-02-01 to 2021-02-01: The budget of One Call is spent" in str(said)
    assert "00:00 UTC" in str(said)
    assert status(dagster, backfill) == "REQUESTED", "in progress: its other month is neither loaded nor failed"
    hourly = dagster.launch()
    until(lambda: dagster.status(hourly) == "SUCCESS", "an hourly load meanwhile")
    assert simulator[0].stats.by_product["one_call"].calls <= BUDGET

    write_budget(tmp_path, 1000)
    until(lambda: status(dagster, backfill) == "COMPLETED_SUCCESS", "the end of the backfill")
    assert len(dagster.runs(dagster__backfill=backfill)) == 2
    dagster.stop()
    sql = "SELECT count(*) FROM weather_history WHERE dt BETWEEN '2021-01-01T00:00:00Z' AND '2021-02-28T23:00:00Z'"
    assert query(duckdb, sql) == [((31 + 28) * 24,)]
    assert_no_duplicates(duckdb, "weather_history", "location_id", "dt")


def status(dagster: Deployment, backfill: str) -> str:
    """Return how a backfill stands."""
    return str(dagster.ask(BACKFILL, id=backfill)["partitionBackfillOrError"]["status"])


def waiting(dagster: Deployment) -> str | None:
    """Return what the sensor says of a backfill that waits."""
    ticks = dagster.ask(TICKS, where=SENSOR)["sensorOrError"]["sensorState"]["ticks"]
    return next((str(tick["skipReason"]) for tick in ticks if "waits with" in str(tick["skipReason"])), None)

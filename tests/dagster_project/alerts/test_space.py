"""A volume that fills: one alert with its figures, and one when it has space again."""

import subprocess

import pytest

from dlt_sources.weather.destination.target import Target
from tests.chaos.rounds.disks import fill, small_disk

DISK_MB = 64


@pytest.fixture(autouse=True)
def roomy_disk():
    """Let disks be as full as they are."""


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    try:
        with small_disk(folder, DISK_MB):
            yield folder
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small disk can be mounted here: {error}")


@pytest.mark.slow
@pytest.mark.process
def test_a_volume_that_is_nearly_full_is_told_once_and_again_when_it_has_space(  # noqa: PLR0917
    run_job, disk, monkeypatch, receiver, to, ticks
):
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(disk / "weather.duckdb"))
    monkeypatch.setenv("DLT_DATA_DIR", str(disk / "dlt"))
    target = Target("duckdb")
    assert run_job(target, "locations", "reports/load_runs").checks["load_runs", "space_lasts"].passed
    to(receiver.url)
    ballast = disk / "ballast"
    fill(ballast, 10_000_000)
    for _ in range(2):
        outcome = run_job(target, "reports/load_runs")
        assert outcome.success, "a warning fails no run"
        assert not outcome.checks["load_runs", "space_lasts"].passed
        ticks(minutes=20)
    assert receiver.titles == ["Warning: check space_lasts of reports/load_runs warns"]
    (message,) = receiver.got
    assert message["type"] == "warning"
    assert "The volume of the database has 10.0 MB of 67.1 MB free (15%)." in message["message"]
    assert "weather prune" in message["message"]

    ballast.unlink()
    assert run_job(target, "reports/load_runs").checks["load_runs", "space_lasts"].passed
    ticks(minutes=20)
    assert receiver.titles[1:] == ["Recovered: check space_lasts of reports/load_runs warns"]

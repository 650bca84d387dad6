"""The setting ``schedule`` moves Dagster's schedule, and with it the ages at which assets and places are late."""

from datetime import datetime, timedelta, timezone

import pytest
from dagster import build_sensor_context

from dagster_project.assets.translator import freshness_policy
from dagster_project.automation.catch_up_sensor import catch_up_sensor
from dagster_project.automation.schedules import hourly_weather_schedule
from dagster_project.checks.late import describe
from dagster_project.common.schedule import configured_schedule
from tests.dagster_project.conftest import RunJob


@pytest.fixture
def set_schedule(monkeypatch):
    """Set the schedule as for a new process: definitions read it once."""

    def choose(schedule: str) -> None:
        monkeypatch.setenv("SOURCES__WEATHER__SCHEDULE", schedule)
        configured_schedule.cache_clear()

    yield choose
    configured_schedule.cache_clear()


@pytest.mark.parametrize(
    ("schedule", "hours", "late"),
    [
        ("0 * * * *", (2, 3), "90 minutes"),
        ("0 */2 * * *", (3, 5), "150 minutes"),
        ("0 6 * * *", (25, 49), "1470 minutes"),
    ],
)
def test_the_ages_of_assets_and_places_follow_the_schedule(set_schedule, schedule, hours, late):
    set_schedule(schedule)
    policy = freshness_policy()
    windows = policy.warn_window.to_timedelta(), policy.fail_window.to_timedelta()
    assert windows == tuple(timedelta(hours=one) for one in hours)
    assert describe("current_weather").endswith(f"at most {late} old.")


def test_the_schedule_has_the_setting_and_a_wrong_one_leaves_the_definitions_loadable(set_schedule):
    assert hourly_weather_schedule.cron_schedule == configured_schedule() == "0 * * * *"
    set_schedule("30 */2 * * *")
    assert configured_schedule() == "30 */2 * * *"
    set_schedule("every hour")
    assert configured_schedule() == "0 * * * *", "and every run says what is wrong"


def test_a_load_of_every_second_hour_is_completed_in_the_hour_after_it(  # noqa: PLR0917
    set_schedule, run_job: RunJob, instance, clock, duckdb, monkeypatch
):
    clock.moment = datetime.now(timezone.utc)
    hour = clock.moment.hour
    minute, last = max(clock.moment.minute - 2, 0), clock.moment.replace(second=0, microsecond=0)
    set_schedule(f"{minute} {hour},{(hour + 2) % 24} * * *")
    monkeypatch.setattr("dagster_project.automation.catch_up_sensor.PAUSES", (timedelta(hours=-1),) * 4)
    assert run_job(duckdb, "current_weather").success
    clock.moment = last + timedelta(hours=1)
    result = catch_up_sensor(build_sensor_context(instance=instance))
    (request,) = result.run_requests
    assert "forecast" in request.run_config["ops"]

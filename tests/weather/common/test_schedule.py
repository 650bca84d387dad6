"""The schedule of the loads: a wrong one is a sentence, and ages follow from the time between its ticks."""

from datetime import datetime, timedelta, timezone

import pytest

from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.common.settings.schedule import period_start, schedule_gap

FRIDAY_EVENING = datetime(2026, 5, 22, 20, 15, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "hourly",
        "@hourly",
        "0 * * *",
        "60 * * * *",
        "0 0 31 2 *",
        "0 0 15W * *",
        "R * * * *",
        "0 * * * * *",
        "a b c d e",
    ],
)
def test_a_schedule_that_is_none_is_refused_in_a_sentence_with_a_right_one(schedule):
    with pytest.raises(ConfigurationError, match=r'^schedule must be five fields .* "0 \*/2 \* \* \*"') as caught:
        load_settings(schedule=schedule)
    assert repr(schedule) in str(caught.value)


@pytest.mark.parametrize(
    ("schedule", "gap", "due"),
    [
        ("0 * * * *", timedelta(hours=1), "22 20:00"),
        ("30 * * * *", timedelta(hours=1), "22 19:30"),
        ("*/10 * * * *", timedelta(hours=1), "22 20:00"),
        ("0 */2 * * *", timedelta(hours=2), "22 20:00"),
        ("0 8-18 * * MON-FRI", timedelta(days=2, hours=14), "22 18:00"),
        ("15 20 * * *", timedelta(days=1), "22 20:15"),
        ("0 6 1 * *", timedelta(days=31), "01 06:00"),
    ],
)
def test_the_longest_time_between_loads_and_the_load_that_is_due(schedule, gap, due):
    assert load_settings(schedule=schedule).schedule == schedule
    assert schedule_gap(schedule) == gap
    assert f"{period_start(schedule, FRIDAY_EVENING):%d %H:%M}" == due

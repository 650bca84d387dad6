"""Contracts of One Call 4.0: quirks that must not cost a row, and warnings by id."""

from __future__ import annotations

import orjson
import pytest

from dlt_sources.weather.contracts import (
    OneCallAlerts,
    OneCallCurrent,
    OneCallDailyForecast,
    OneCallHourlyForecast,
    WeatherHistoryDaily,
)
from tests.weather.contracts.records import (
    ABSENT,
    ALERT,
    ALERT_IDS,
    DAY,
    HOUR,
    OBSERVATION,
    WARNING,
    changed,
    row,
)


def test_an_observation_keeps_its_values_and_the_ids_of_its_warnings():
    found = row(OneCallCurrent, OBSERVATION)
    assert (found["temp"], found["uvi"], found["rain_1h"]) == (12.0, 1.2, 0.4)
    assert orjson.loads(found["alerts"]) == ALERT_IDS


@pytest.mark.parametrize("name", ["weather", "rain", "alerts", "uvi", "sunrise", "visibility"])
@pytest.mark.parametrize("value", [ABSENT, None], ids=["missing", "null"])
def test_a_part_that_may_be_missing_costs_no_row(name, value):
    record = changed(OBSERVATION | {"visibility": 10000}, **{name: value})
    assert row(OneCallCurrent, record)["temp"] == 12.0
    assert row(OneCallHourlyForecast, record | {"pop": 1})["pop"] == 1.0


def test_a_day_without_conditions_is_a_row():
    assert row(WeatherHistoryDaily, changed(DAY, weather=None))["temp_day"] == 14.5


def test_rain_of_a_day_may_be_an_object_as_the_vendors_page_documents_it():
    found = row(OneCallDailyForecast, changed(DAY, rain={"1h": 0.3}))
    assert (found["rain"], found["rain_1h"]) == (None, 0.3)
    assert row(OneCallDailyForecast, DAY)["rain"] == 2.5


def test_a_warning_has_the_id_that_4_0_gives_and_a_hash_in_3_0():
    assert row(OneCallAlerts, WARNING)["alert_id"] == ALERT_IDS[0]
    assert len(row(OneCallAlerts, ALERT)["alert_id"]) == 32


def test_an_hour_of_3_0_with_the_same_values_has_the_same_columns():
    assert row(OneCallHourlyForecast, HOUR)["feels_like"] == 11.5

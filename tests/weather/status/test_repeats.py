"""Calls that brought nothing new, measured in the tables, and the advice that follows."""

from __future__ import annotations

from datetime import timedelta

from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.status.repeats import Repeats, cheaper_cadence, read_repeats

OSLO, MADRID = "59.9139,10.7522", "40.4,-3.7"
RESOURCES = ["current_weather", "forecast", "air_pollution"]


def test_answers_of_data_that_change_every_two_hours_are_half_of_them_nothing_new(target, settings, clock):
    # the service stands still for two hours, as the price page has it for the free plan
    clock.moment = clock.moment.replace(hour=10, minute=20)
    still = Simulator(clock=lambda: clock().timestamp() // 7200 * 7200)
    with serve(still) as api:
        choice = settings(resources=RESOURCES, locations=[OSLO, MADRID], base_url=api, history_days=1)
        for _ in range(5):
            assert load(target, choice, now=clock).error is None
            clock.pass_time(hours=1)
    with target.reader() as reader:
        found = read_repeats(reader, clock())
    # 5 answers, in pairs; the first of a location has none before it
    assert found["current_weather"] == ("current_weather", 8, 4)
    assert found["forecast"] == ("forecast", 8, 4)
    assert "air_pollution" not in found, "history asks for missing hours only"
    said = cheaper_cadence(found)
    assert said is not None
    assert "current_weather 50%, forecast 50%. Load half as often (schedule)" in said


def test_data_that_change_every_hour_draw_no_advice(duckdb, settings, clock):
    choice = settings(resources=["current_weather", "forecast"], locations=[OSLO, MADRID])
    for _ in range(2):
        load(duckdb, choice, now=clock)
        clock.pass_time(hours=1)
    with duckdb.reader() as reader:
        found = read_repeats(reader, clock())
    assert {name: one.repeated for name, one in found.items()} == {"current_weather": 0, "forecast": 0}
    assert cheaper_cadence(found) is None


def test_loads_minutes_apart_draw_no_advice_about_the_schedule(target, settings, clock):
    still = Simulator(clock=lambda: clock().timestamp() // 3600 * 3600)
    with serve(still) as api:
        choice = settings(resources=["current_weather", "forecast"], locations=[OSLO, MADRID], base_url=api)
        # three loads within an hour, and two of the schedule after it
        for minutes in (5, 5, 50, 60, 0):
            load(target, choice, now=clock)
            clock.pass_time(minutes=minutes)
    with target.reader() as reader:
        found = read_repeats(reader, clock())
        assert {name: one.repeated for name, one in found.items()} == {"current_weather": 0, "forecast": 0}
        assert cheaper_cadence(found) is None
        assert read_repeats(reader, clock(), timedelta(hours=24)) == {}, "no two answers are half a day apart"


def test_only_the_last_day_counts(duckdb, settings, clock):
    load(duckdb, settings(resources=["current_weather"], locations=[OSLO]), now=clock)
    clock.pass_time(days=3)
    with duckdb.reader() as reader:
        assert read_repeats(reader, clock()) == {}


def test_the_advice_names_the_cadence_or_the_resources():
    found = {"a": Repeats("a", 24, 16), "b": Repeats("b", 24, 16)}
    assert "one 3th" not in (cheaper_cadence(found) or "")
    assert "1/3 of the calls" in (cheaper_cadence(found) or "")
    found["c"] = Repeats("c", 24, 0)
    assert "A schedule for these resources alone" in (cheaper_cadence(found) or "")
    assert cheaper_cadence({"a": Repeats("a", 3, 3)}) is None, "too few to say anything"

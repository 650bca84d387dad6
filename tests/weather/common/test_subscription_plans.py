"""What follows from the plan: limits, hosts, resources; and that single settings win over it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dlt_sources.weather.common.configuration.spelling import warn_of_misspelt_variables
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import ONE_CALL_RESOURCES, load_settings
from dlt_sources.weather.common.subscription_plans import API_URL, PRO_URL, CallLimits

GENERIC = CallLimits(60, 1_000, None, 1_000, None)


def refused(**given: object) -> str:
    """The message with which settings are refused."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(**given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("plan", "per_minute", "per_month", "url"),
    [
        ("free", 60, 1_000_000, API_URL),
        ("startup", 600, 10_000_000, API_URL),
        ("developer", 3_000, 100_000_000, PRO_URL),
        ("professional", 30_000, 1_000_000_000, PRO_URL),
        ("expert", 100_000, 3_000_000_000, PRO_URL),
    ],
)
def test_the_plan_sets_calls_and_host(plan, per_minute, per_month, url):
    found = load_settings(plan=plan)
    assert (found.calls_per_minute, found.calls_per_month, found.base_url) == (per_minute, per_month, url)
    assert found.limits_of("free") == (per_minute, None, per_month, None, None)
    assert found.url_of("/data/2.5/weather") == f"{url}/data/2.5/weather"


@pytest.mark.parametrize("path", ["/geo/1.0/direct", "/data/3.0/onecall", "/data/4.0/onecall/current"])
def test_geocoding_and_one_call_have_the_standard_host_on_every_plan(path):
    assert load_settings(plan="expert").url_of(path) == API_URL + path
    assert load_settings(plan="expert", base_url="http://127.0.0.1:1").url_of(path) == f"http://127.0.0.1:1{path}"


def test_single_settings_win_over_the_plan(monkeypatch):
    monkeypatch.setenv("SOURCES__WEATHER__PLAN", "developer")
    monkeypatch.setenv("SOURCES__WEATHER__CALLS_PER_DAY", "500")
    found = load_settings(calls_per_minute=50, calls_per_month=7, base_url=API_URL)
    assert found.limits_of("free") == (50, 500, 7, None, None)
    assert found.limits_of("one_call").per_minute == 50
    assert found.url_of("/data/2.5/weather") == API_URL + "/data/2.5/weather"


def test_one_call_has_a_budget_and_shares_the_minute():
    assert load_settings().limits_of("one_call") == GENERIC
    assert load_settings(plan="startup").limits_of("one_call").per_minute == 600


def test_the_table_of_one_call_is_read_from_the_environment_a_file_and_arguments(write: Callable, monkeypatch):
    write("[sources.weather]\none_call = { calls_per_day = 2000, price_per_call = 1 }")
    assert load_settings().limits_of("one_call").per_day == 2_000
    monkeypatch.setenv("SOURCES__WEATHER__ONE_CALL__CALLS_PER_DAY", "3000")
    assert load_settings().limits_of("one_call").per_day == 3_000
    found = load_settings(one_call={"calls_per_day": 4_000, "calls_per_minute": 9}).one_call
    assert (found.calls_per_day, found.calls_per_minute, found.price_per_call) == (4_000, 9, 1.0)


@pytest.mark.parametrize(
    ("money", "price", "calls"),
    [(0.3, 0.0012, 250), (10.0, 0.0012, 8_333), (0.0, 0.0012, 0), (None, 0.0012, None), (5.0, 0.0, None)],
)
def test_money_is_a_number_of_calls_beyond_the_free_ones(money, price, calls):
    found = load_settings(one_call={"money_per_month": money, "price_per_call": price})
    assert found.limits_of("one_call").paid_per_month == calls


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PLAN", "basic", "plan must be one of free, startup, developer, professional, expert, not 'basic'."),
        ("SCHEDULE", "hourly", "schedule must be five fields of cron in UTC"),
        ("ONE_CALL_VERSION", "5", "one_call_version must be 3 or 4, not 5."),
        ("RESERVE_FOR_SCHEDULE", "-1", "reserve_for_schedule must be from 0 to"),
        ("ONE_CALL__CALLS_PER_DAY", "many", "one_call.calls_per_day must be a whole number, not 'many'."),
        ("ONE_CALL__CALLS_PER_DAY", "0", "one_call.calls_per_day must be from 1 to"),
        ("ONE_CALL__DAILY_FORECAST_DAYS", "549", "one_call.daily_forecast_days must be from 1 to 548, not 549."),
        ("ONE_CALL__CALLS_PER_MINUTE", "x", "one_call.calls_per_minute must be a whole number, not 'x'."),
    ],
)
def test_a_value_of_the_plan_or_a_budget_that_cannot_work_is_refused_with_its_place(monkeypatch, name, value, said):
    monkeypatch.setenv(f"SOURCES__WEATHER__{name}", value)
    assert refused().startswith(f"In the environment variable SOURCES__WEATHER__{name}: {said}")


@pytest.mark.parametrize("value", ['{"calls_per_day": 7}', "7", "{calls_per_day = 7}"])
def test_the_table_of_one_call_as_one_value_is_refused_with_the_variable_to_set(write, monkeypatch, value):
    write("[sources.weather]\none_call = 7")
    said = "one_call is a table, whose settings are set one by one: for instance by "
    said += "SOURCES__WEATHER__ONE_CALL__CALLS_PER_DAY"
    assert f"config.toml: {said}" in refused()
    monkeypatch.setenv("SOURCES__WEATHER__ONE_CALL", value)
    assert refused().startswith(f"In the environment variable SOURCES__WEATHER__ONE_CALL: {said}")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"one_call": {"calls_per_day": 500}}, "leaves nothing of one_call.calls_per_day (500) for backfills"),
        ({"one_call": {"calls_per_month": 400}}, "leaves nothing of one_call.calls_per_month (400)"),
        (
            {"one_call": {"free_calls_per_day": 100, "money_per_month": 0.12}},
            "leaves nothing of the calls that one_call.money_per_month allows on a day (200)",
        ),
        ({"resources": ["air_pollution"], "calls_per_day": 500}, "leaves nothing of calls_per_day (500)"),
    ],
)
def test_a_reserve_that_leaves_no_backfill_a_call_is_refused(given, said):
    given = {"resources": ["weather_history"], "reserve_for_schedule": 500} | given
    assert refused(**given).startswith(f"reserve_for_schedule (500) {said}")


def test_a_reserve_counts_for_products_with_a_history_only():
    load_settings(resources=["one_call_current", "air_pollution"], reserve_for_schedule=5_000)
    load_settings(resources=["weather_history"], reserve_for_schedule=500, calls_per_day=100)


def test_a_misspelt_name_in_the_table_of_one_call_is_refused(write):
    write("[sources.weather.one_call]\ncalls_a_day = 5")
    assert "[sources.weather.one_call] has no setting calls_a_day; did you mean calls_per_day?" in refused()


def test_a_misspelt_variable_of_one_call_draws_a_warning(monkeypatch, caplog):
    warn_of_misspelt_variables.cache_clear()
    monkeypatch.setenv("SOURCES__WEATHER__ONE_CALL__MONEY_A_MONTH", "3")
    load_settings()
    assert "did you mean SOURCES__WEATHER__ONE_CALL__MONEY_PER_MONTH?" in caplog.text


@pytest.mark.parametrize(
    ("resource", "plan", "least"),
    [
        ("forecast_daily", "free", "startup"),
        ("forecast_hourly", "startup", "developer"),
        ("forecast_climate", "startup", "developer"),
    ],
)
def test_a_resource_that_the_plan_lacks_is_refused_before_any_call(resource, plan, least):
    said = refused(plan=plan, resources=["forecast", resource])
    assert said.startswith(f"resources: {resource} needs the plan {least} or a larger one, and plan is {plan}")
    assert resource in load_settings(plan=least, resources=[resource]).resources


@pytest.mark.parametrize(
    ("chosen", "version"), [(["one_call"], 3), (["forecast"], 4), (["weather_history"], 4), (None, 4)], ids=str
)
def test_the_version_of_one_call_follows_from_the_resources(chosen, version):
    assert load_settings(resources=chosen).one_call_version == version


def test_resources_of_the_other_version_of_one_call_are_refused():
    assert "set one_call_version = 3 if your subscription is to 3.0" in refused(
        resources=["one_call"], one_call_version=4
    )
    for name in ONE_CALL_RESOURCES[4]:
        said = refused(resources=[name], one_call_version=3)
        assert f"{name} is One Call 4.0" in said
        assert "set one_call_version = 4 if your subscription is to 4.0" in said
        assert "an account has one of the two" in refused(resources=["one_call", name])

"""The endpoints as data: what holds for each of them."""

from __future__ import annotations

import pytest

from dlt_sources.weather.api.endpoints import BY_NAME, ENDPOINTS, JOURNALED_RESOURCES
from dlt_sources.weather.common.subscription_plans import LEAST_PLANS
from dlt_sources.weather.convert.around_rows import fields_not_kept

EACH = [pytest.param(endpoint, id=endpoint.name) for endpoint in ENDPOINTS]


@pytest.mark.parametrize("endpoint", EACH)
def test_a_table_whose_values_depend_on_units_names_them(endpoint):
    # or a load could not say that its units are others than the last one's
    assert endpoint.has_units == ("units" in endpoint.parts[0].contract.model_fields)


@pytest.mark.parametrize("endpoint", EACH)
def test_what_cannot_be_asked_again_or_costs_money_is_journaled(endpoint):
    assert (endpoint.name in JOURNALED_RESOURCES) == (not endpoint.incremental or endpoint.product == "one_call")


@pytest.mark.parametrize("endpoint", EACH)
def test_what_not_everyone_may_ask_is_off_by_default(endpoint):
    assert endpoint.by_default == (endpoint.product == "free" and endpoint.name not in LEAST_PLANS)


def test_an_unknown_field_around_the_rows_of_one_call_is_told_and_the_known_ones_are_not():
    answer = {"lat": 1.5, "lon": 2, "timezone": "Europe/Oslo", "timezone_offset": 3600, "data": [], "elevation": 12}
    assert list(fields_not_kept(BY_NAME["weather_history"], answer)) == ["elevation"]
    assert list(fields_not_kept(BY_NAME["one_call_current"], answer | {"timezone_offset": "+1"})) == [
        "timezone_offset",
        "elevation",
    ]

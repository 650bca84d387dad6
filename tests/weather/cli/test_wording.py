"""What the commands say about numbers of things, and about nothing."""

import pytest

from dlt_sources.weather.common.errors import counted
from tests.helpers.command import run

OSLO = "59.9139,10.7522"


@pytest.mark.parametrize(("number", "said"), [(0, "0 calls"), (1, "1 call"), (2, "2 calls"), (1200, "1,200 calls")])
def test_a_number_of_things_has_its_plural(number, said):
    assert counted(number, "call") == said


def test_a_load_of_one_call_says_so(api):
    finished = run("--location", OSLO, "--resources", "current_weather", api=api)
    assert finished.code == 0, finished.said
    assert "\n1 call, 1 load package, " in finished.out


def test_a_replay_of_nothing_prints_no_table(duckdb):
    finished = run("replay", "--destination", duckdb.destination)
    assert finished.code == 0, finished.said
    assert "nothing was rebuilt" in finished.err
    assert "fetched" not in finished.out


def test_a_plan_within_the_first_minute_says_no_time_of_zero(api):
    finished = run("plan", "--location", OSLO, api=api)
    assert "less than a minute at" in finished.out
    assert "0:00:00" not in finished.out

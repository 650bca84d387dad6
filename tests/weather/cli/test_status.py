"""``weather status``: what is late and rejected, for people; ``--check`` for probes."""

import os
from datetime import timedelta

import pytest

from dlt_sources.openweather_simulator import Fault, Simulator, serve
from dlt_sources.weather.cli.commands import status as status_module
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.status.space.model import Space, Volume
from tests.helpers.command import run
from tests.helpers.support import query

OSLO = "59.9139,10.7522"
CHOICE = ["--location", OSLO, "--location", "Madrid,ES", "--resources", "current_weather,forecast"]
OSLO_FAILS = Fault(path="/data/2.5/weather", where={"lat": "59.9139"}, status=404, body=b'{"message":"city not found"}')


@pytest.fixture
def live():
    """A simulator on the real clock, as the command is."""
    return Simulator()


@pytest.fixture
def load_live(settings, live):
    """Load Oslo and Madrid into a target, as the options in ``CHOICE`` name them."""
    with serve(live) as api:

        def make(target, now=utc_now, **given):
            choice = {"locations": [OSLO, "Madrid,ES"], "resources": ["current_weather", "forecast"]}
            return load(target, settings(base_url=api, **(choice | given)), now=now)

        yield make


def status(target, *options):
    return run("status", "--destination", target.destination, *options)


def test_a_fresh_target_passes_the_check_without_a_word(duckdb, load_live):
    load_live(duckdb)
    checked = status(duckdb, *CHOICE, "--check")
    assert (checked.code, checked.said) == (0, "")
    shown = status(duckdb, *CHOICE)
    assert shown.code == 0
    assert "late" not in shown.out
    assert "never" not in shown.out


def test_a_location_that_gets_nothing_fails_the_check_and_is_shown_with_its_cause(target, load_live, live):
    long_ago = utc_now() - timedelta(hours=2)
    load_live(target, now=lambda: long_ago)
    live.inject(OSLO_FAILS)
    load_live(target)
    checked = status(target, *CHOICE, "--check")
    assert checked.code == 7
    since = f"{long_ago:%Y-%m-%d %H:%MZ}"
    assert checked.err == f"Error: Late: current_weather of {OSLO} ({since}, not_found: city not found).\n"
    assert checked.out == ""
    shown = status(target, *CHOICE)
    assert shown.code == 0
    late, rejected = (line for line in shown.out.splitlines() if OSLO in line and "city not found" in line)
    assert late.split()[:4] == ["current_weather", OSLO, *since.split()]
    assert rejected.split()[:3] == ["current_weather", OSLO, "1"]


def test_a_reject_is_no_longer_shown_when_a_later_load_got_the_row(duckdb, load_live, live):
    live.inject(OSLO_FAILS)
    load_live(duckdb)
    assert "city not found" in status(duckdb, *CHOICE).out
    live.clear_faults()
    load_live(duckdb)
    assert query(duckdb, "SELECT count(*) FROM rejects") == [(1,)]
    assert "city not found" not in status(duckdb, *CHOICE).out
    assert status(duckdb, *CHOICE, "--check").code == 0


def test_a_configured_location_that_was_never_loaded_fails_the_check(duckdb, load_live):
    load_live(duckdb, locations=[OSLO])
    checked = status(duckdb, *CHOICE, "--check")
    assert (checked.code, checked.err) == (7, "Error: Late: locations of Madrid,ES (never).\n")


def test_a_package_that_is_set_aside_fails_the_check_and_is_shown(duckdb, load_live):
    load_live(duckdb)
    (duckdb.root / "set_aside" / "20261126T120000-aaaaaaaa").mkdir(parents=True)
    sentence = "1 load package set aside; `weather packages` lists them"
    checked = status(duckdb, *CHOICE, "--check")
    assert (checked.code, checked.out) == (7, "")
    assert checked.err.startswith(f"Error: {sentence}")
    assert sentence in status(duckdb, *CHOICE).out


def test_a_volume_that_is_nearly_full_fails_the_check_and_one_that_is_fairly_full_does_not(
    duckdb, load_live, monkeypatch
):
    load_live(duckdb)
    free = {"free": 40}
    space = lambda *_: Space(volumes=(Volume("database", 1000, free["free"]),))  # noqa: E731
    monkeypatch.setattr(status_module, "read_space", space)
    checked = status(duckdb, *CHOICE, "--check")
    assert (checked.code, checked.err) == (7, "Error: The volume of the database has 40 B of 1.0 kB free (4%).\n")
    free["free"] = 100
    assert status(duckdb, *CHOICE, "--check").code == 0


def test_the_check_of_an_empty_target_fails(duckdb):
    checked = status(duckdb, *CHOICE, "--check")
    assert (checked.code, checked.out) == (7, "")
    assert OSLO in checked.err
    assert not os.path.exists("weather.duckdb")  # noqa: PTH110 - looking makes no file


def test_many_late_locations_with_one_cause_are_counted_and_the_cause_is_told_once(duckdb, settings, live):
    places = [f"{latitude},10" for latitude in range(-20, 20)]
    options = [word for place in places for word in ("--location", place)]
    shown_first = status(duckdb, *options, "--check")
    assert shown_first.err == "Error: Late: locations of 40 places: -1,10; -10,10; -11,10 and 37 more (never).\n"
    live.inject(Fault(status=401, body=b'{"message":"Invalid API key"}'))
    with serve(live) as api:
        load(duckdb, settings(base_url=api, locations=places))
    checked = status(duckdb, *options, "--check")
    assert checked.code == 7
    # that of the request which was refused, and that of the run, which asked nothing more
    assert checked.err.count("(never, ") == 2
    assert len(checked.err) < 500, checked.err
    shown = status(duckdb, *options).out
    assert shown.count("and 37 more") <= 3
    assert "…" not in shown
    assert len(shown.splitlines()) < 60


def test_a_line_of_a_file_that_is_no_place_is_shown_as_it_is_written_with_its_number(duckdb, load_live, tmp_path):
    (tmp_path / "bad.csv").write_text("name,lat,lon\nNowhere,abc,5\n")
    load_live(duckdb)
    shown = status(duckdb, "--locations-file", "bad.csv", "--resources", "current_weather").out
    assert "{" not in shown
    (line,) = (line for line in shown.splitlines() if "Nowhere,abc,5" in line)
    assert "bad.csv line 2: lat is 'abc'" in line


def test_late_places_and_open_rejects_have_the_names_that_the_user_gave(duckdb, load_live, live, tmp_path):
    (tmp_path / "places.csv").write_text("name,lat,lon\nHome,59.9139,10.7522\n")
    live.inject(OSLO_FAILS)
    load_live(duckdb, locations=[], locations_file="places.csv")
    shown = status(duckdb, "--locations-file", "places.csv", "--resources", "current_weather").out
    rows = [line.split()[:2] for line in shown.splitlines() if "not_found: city not found" in line]
    assert rows == [["current_weather", "Home"]] * 2


def test_a_load_in_other_units_says_so_once_and_status_names_them(duckdb, load_live, caplog):
    told = []
    for units in ("metric", "imperial", "imperial"):
        caplog.clear()
        load_live(duckdb, units=units, resources=["current_weather"])
        told.append([line for line in caplog.messages if "keep their units" in line])
    assert told[0] == told[2] == []
    (line,) = told[1]
    assert line.startswith(
        "current_weather: the rows of the last load are metric, those of this one imperial. Rows that"
    )
    shown = status(duckdb, *CHOICE).out
    (row,) = (line for line in shown.splitlines() if line.startswith("current_weather ") and "min" in line)
    assert row.rstrip().endswith("imperial, metric")


def test_answers_that_brought_nothing_new_are_counted_and_a_cheaper_cadence_is_recommended(duckdb, settings):
    start = utc_now() - timedelta(hours=6)
    # the service stands still
    with serve(Simulator(clock=start.timestamp)) as api:
        choice = settings(base_url=api, locations=[OSLO, "1,1", "2,2"], resources=["current_weather"])
        for hour in range(3):
            load(duckdb, choice, now=lambda hour=hour: start + timedelta(hours=hour))
    shown = " ".join(status(duckdb, *CHOICE).out.split())
    assert "Answers of the last day that brought nothing new: current_weather 6 of 6." in shown
    assert "Load once where you load 6 times now (schedule)" in shown

"""The command line as a user meets it: what it prints, how it ends."""

import json
import os
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from dlt_sources.openweather_simulator import Fault, Simulator, serve
from dlt_sources.weather.cli import weather
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from tests.helpers import processes
from tests.helpers.command import run
from tests.helpers.support import assert_accounted, count, query

OSLO = "59.9139,10.7522"
MADRID = "40.4168,-3.7038"
HISTORY = "/data/2.5/air_pollution/history"
NOWHERE = "postgresql://weather:not-a-real-password@127.0.0.1:9/weather"


@pytest.fixture
def live() -> Simulator:
    """A simulator on the real clock, as the processes are."""
    return Simulator()


@pytest.fixture
def live_api(live):
    with serve(live) as url:
        yield url


def test_help_names_every_command_and_every_option():
    top, of_load = run("--help"), run("load", "--help")
    assert (top.code, of_load.code) == (0, 0)
    for name, command in weather.commands.items():
        assert re.search(rf"^  {name}\S*  +\S", top.out, re.MULTILINE), name
        help_text = command.get_help(command.make_context(name, [], resilient_parsing=True))
        for option in command.params:
            assert option.opts[0] in help_text
            assert option.help, f"{name} {option.opts[0]} says what it does"
    for option in weather.commands["load"].params:
        assert option.opts[0] in of_load.out
    for code in (0, 2, 3, 4, 5, 6, 7, 130):
        assert re.search(rf"^ +{code} +\S", top.out, re.MULTILINE), code


def test_the_demo_needs_no_key_and_keeps_to_its_own_database(duckdb):
    no_key = {"SOURCES__WEATHER__API_KEY": "", "OPENWEATHER_API_KEY": ""}
    loaded = run("--demo", **no_key)
    assert loaded.code == 0, loaded.said
    assert "bronze_demo" in loaded.out
    command = "python -m dlt_sources.weather status --demo"
    assert f"Next: {'uv run ' if 'UV' in os.environ else ''}{command}\n" in loaded.out, "as the user called it"
    assert not duckdb.exists, "real rows never stand beside simulated ones"
    shown = run("status", "--demo")
    refused = run("--demo", "--destination", "postgres")
    real = run("status")
    assert shown.code == 0
    assert "Madrid" in shown.out
    assert "bronze_demo" in shown.out
    assert refused.code == 2
    assert "leave --destination out" in refused.err
    assert "Nothing is loaded yet" in real.out


def test_plan_asks_nothing_and_foresees_what_load_then_asks(duckdb, settings, live, live_api):
    until = f"{datetime.now(timezone.utc) - timedelta(days=1):%Y-%m-%d}"
    choice = {"locations": ["Madrid,ES", OSLO, "zip:28001,ES"], "until": until, "history_days_per_call": 2}
    options = ["--location", "Madrid,ES", "--location", OSLO, "--location", "zip:28001,ES", "--until", until]

    def planned():
        before = live.stats.calls
        found = run("plan", *options, api=live_api, SOURCES__WEATHER__HISTORY_DAYS_PER_CALL="2")
        assert found.code == 0, found.said
        assert live.stats.calls == before, "a plan asks nothing"
        return int(re.search(r"([\d,]+) calls in all", found.out)[1].replace(",", ""))

    foreseen = planned()
    assert not duckdb.exists, "a plan leaves no file behind"
    assert foreseen > 3 * 4
    report = load(duckdb, settings(base_url=live_api, **choice))
    assert_accounted(duckdb, report)
    assert live.stats.calls == foreseen
    foreseen_again = planned()
    assert foreseen_again == 3 * 3, "places are known and the history is complete"
    load(duckdb, settings(base_url=live_api, **choice))
    assert live.stats.calls == foreseen + foreseen_again


def test_status_shows_how_the_tables_stand(target, settings, live_api):
    empty = run("status", "--destination", target.destination)
    assert (empty.code, empty.err) == (0, "")
    assert "Nothing is loaded yet" in empty.out
    if target.is_duckdb:
        assert not target.exists, "looking makes no file"
    report = load(target, settings(base_url=live_api, locations=["Madrid,ES", OSLO]))
    assert_accounted(target, report)
    shown = run("status", "--destination", target.destination)
    assert shown.code == 0, shown.said
    for word in ("current_weather", "air_pollution_forecast", "Madrid", OSLO, "°C", "ok"):
        assert word in shown.out, word
    assert re.search(rf"air_pollution +{count(target, 'air_pollution')} +\S+ [kM]?B +2 ", shown.out)
    assert "missing" not in shown.out
    query(
        target,
        "DELETE FROM air_pollution WHERE dt IN (SELECT dt FROM air_pollution WHERE location_id = %s"
        " ORDER BY dt LIMIT 5 OFFSET 20)",
        OSLO,
    )
    assert (
        "10 rows are missing inside the series of air_pollution"
        in run("status", "--destination", target.destination).out
    )


@pytest.mark.db
def test_replay_rebuilds_dropped_tables_without_a_call(target, settings, live, live_api):
    choice = settings(base_url=live_api, locations=["Madrid,ES", OSLO], history_days=1)
    report = load(target, choice)
    assert_accounted(target, report)
    kept = ("current_weather", "forecast", "air_pollution_forecast")

    def contents(table):
        names = [
            name
            for (name,) in query(
                target,
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'bronze' AND table_name = %s"
                " ORDER BY column_name",
                table,
            )
            if not name.startswith("_dlt")
        ]
        columns = ", ".join(f"CAST({name} AS VARCHAR)" for name in names)
        return names, query(target, f"SELECT {columns} FROM {table} ORDER BY location_id, dt")

    before = {table: contents(table) for table in kept}
    assert all(rows for _, rows in before.values())
    query(target, "DROP TABLE current_weather")
    query(target, "DROP TABLE forecast")
    query(target, "DELETE FROM air_pollution_forecast WHERE location_id = %s", OSLO)
    asked = live.stats.calls
    replayed = run("replay", "--destination", target.destination, api=live_api)
    assert replayed.code == 0, replayed.said
    assert f"status --destination {target.destination}\n" in replayed.out, "the next command names the destination"
    assert live.stats.calls == asked
    assert {table: contents(table) for table in kept} == before
    refused = run("replay", "--resources", "air_pollution", api=live_api)
    assert refused.code == 2
    assert "No answers are kept for air_pollution" in refused.err


@pytest.mark.db
def test_exit_codes_tell_what_to_do(live, live_api, tmp_path):
    live.inject(Fault(path=HISTORY, where={"lat": "59.9139"}, status=400))
    live.inject(Fault(path="/data/2.5/weather", where={"lat": "1.0000"}, status=401))
    air = ["--resources", "air_pollution", "--location", OSLO]

    commands = {
        "done": [*air, "--location", MADRID],
        "strict": [*air, "--location", MADRID, "--strict"],
        "most failed": air,
        "refused": ["--location", "1,1"],
        "wrong option": ["--resources", "wether"],
        "no such option": ["--locatoin", OSLO],
    }
    found = {
        name: run(*given, api=live_api, DESTINATION__DUCKDB__CREDENTIALS=str(tmp_path / f"{name}.duckdb"))
        for name, given in commands.items()
    }
    assert {name: one.code for name, one in found.items()} == {
        "done": 0,
        "strict": 4,
        "most failed": 4,
        "refused": 3,
        "wrong option": 2,
        "no such option": 2,
    }, found
    named = f"1 rejected: Nothing to geocode (air_pollution of {OSLO}); see bronze.rejects"
    assert named in found["done"].err
    assert named in found["strict"].err
    assert "1 of 1 requests failed" in found["most failed"].err
    assert "SOURCES__WEATHER__API_KEY" in found["refused"].err
    assert "there is no resource 'wether'" in " ".join(found["wrong option"].err.split())
    assert "--location" in found["no such option"].err


@pytest.mark.process
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--resources", "current_weather", "--location", OSLO], 0, "current_weather "),
        (["--location", "1,1"], 3, "OpenWeather refuses the API key"),
        (["--locatoin", OSLO], 2, "'--location'"),
    ],
    ids=["done", "refused", "mistyped"],
)
@pytest.mark.usefixtures("duckdb")
def test_a_process_of_it_ends_with_the_same_codes(live, live_api, arguments, code, said):
    live.inject(Fault(where={"lat": "1.0000"}, status=401))
    finished = processes.run(*arguments, api=live_api)
    assert finished.code == code, finished.said
    assert said in finished.said
    assert "Traceback" not in finished.said


def test_a_users_mistake_is_a_sentence_and_no_traceback(live_api, tmp_path):
    Path("columns.csv").write_text("town,country\nOslo,NO\n")
    Path("places.txt").write_text("Oslo,NO\n")
    Path("binary.csv").write_bytes(b"lat,lon\n\xff\xfe\x00\x01,1\n")
    mistakes = {
        "a place off the globe": (["--location", "91,200", "--location", OSLO], 0, "latitude 91 is not within"),
        "a file that is not there": (["--locations-file", "no.csv"], 2, "no.csv"),
        "a file without the columns": (["--locations-file", "columns.csv"], 2, "must name the columns lat and lon"),
        "a file of another kind": (
            ["--locations-file", "places.txt"],
            2,
            "must end in .csv, .tsv, .geojson or .jsonl, or one of these and .gz, or in .parquet",
        ),
        "a file that is no text": (["--locations-file", "binary.csv"], 2, "cannot be read"),
        "a date that is none": (["--location", OSLO, "--since", "yesterday"], 2, "not 'yesterday'"),
        "a range that is empty": (["--location", OSLO, "--since", "2026-01-02", "--until", "2026-01-01"], 2, "after"),
        "no database there": (["--location", OSLO, "--destination", "postgres"], 5, "cannot be reached"),
        "an unknown destination": (["--location", OSLO, "--destination", "duckdbb"], 2, "duckdbb"),
        "an open line": (["--location", OSLO], 2, "must start with https://"),
        "no key": (["--location", OSLO], 3, "No OpenWeather API key is set"),
    }
    commands = {
        name: (
            arguments,
            {
                "DESTINATION__DUCKDB__CREDENTIALS": str(tmp_path / f"{number}.duckdb"),
                "DESTINATION__POSTGRES__CREDENTIALS": NOWHERE,
                "SOURCES__WEATHER__LOCK_WAIT_SECONDS": "0",
            },
        )
        for number, (name, (arguments, _, _)) in enumerate(mistakes.items())
    }
    commands["an open line"][1]["SOURCES__WEATHER__BASE_URL"] = "http://api.openweathermap.org"
    commands["no key"][1]["SOURCES__WEATHER__API_KEY"] = ""
    for name, (arguments, environment) in commands.items():
        finished = run(*arguments, **({"api": live_api} | environment))
        _, code, sentence = mistakes[name]
        assert finished.code == code, f"{name}: {finished.said}"
        assert sentence in " ".join(finished.err.split()), f"{name}: {finished.err}"
        assert "not-a-real-password" not in finished.said


def json_lines(text):
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert {"timestamp", "level", "logger", "message"} <= line.keys(), line
        assert datetime.fromisoformat(line["timestamp"].replace("Z", "+00:00")).utcoffset() == timedelta(0)
    return lines


def test_json_logs_are_one_object_a_line(duckdb, live, live_api):
    live.inject(Fault(path=HISTORY, where={"lat": "59.9139"}, status=400))
    loaded = run("--location", "Springfield,US", "--location", OSLO, "--log-format", "json", api=live_api)
    assert loaded.code == 0, loaded.said
    assert loaded.out == "", "the summary is a log line too"
    lines = json_lines(loaded.err)
    (finished,) = [line for line in lines if line["message"] == "finished"]
    assert finished["resources"]["air_pollution"]["rows_rejected"] == 1
    assert finished["resources"]["current_weather"]["rows_loaded"] == 2
    assert query(duckdb, "SELECT DISTINCT run_id FROM load_runs") == [(finished["run_id"],)]
    ours = [line for line in lines if line["logger"].startswith("dlt_sources")]
    assert any("the first of 5" in line["message"] for line in ours)
    assert any("1 rejected" in line["message"] and line["level"] == "warning" for line in ours)
    for line in ours:
        assert line.get("run_id") == finished["run_id"], line


def test_json_logs_stay_json_when_the_run_fails(duckdb, live, live_api):
    live.inject(Fault(path="/data/2.5/weather", status=401))
    refused = run("--location", OSLO, "--log-format", "json", api=live_api)
    assert refused.code == 3, refused.said
    lines = json_lines(refused.err)
    assert any(line["level"] == "error" and "OpenWeather refuses the API key" in line["message"] for line in lines)
    assert duckdb.exists


def test_quiet_says_nothing_unless_something_is_wrong(live, live_api, tmp_path):
    command = ["--quiet", "--resources", "air_pollution", "--location", OSLO, "--location", MADRID]
    quiet = run(*command, api=live_api, DESTINATION__DUCKDB__CREDENTIALS=str(tmp_path / "1.duckdb"))
    assert (quiet.code, quiet.said) == (0, "")
    live.inject(Fault(path=HISTORY, where={"lat": "59.9139"}, status=400))
    warned = run(*command, api=live_api, DESTINATION__DUCKDB__CREDENTIALS=str(tmp_path / "2.duckdb"))
    assert (warned.code, warned.out) == (0, "")
    assert "1 rejected" in warned.err


def test_a_destination_may_be_chosen_in_the_environment(postgres, live_api):
    chosen = run("--location", OSLO, "--resources", "current_weather", api=live_api, WEATHER_DESTINATION="postgres")
    assert chosen.code == 0, chosen.said
    assert count(postgres, "current_weather") == 1
    assert not Target("duckdb").exists

"""Interrupted runs that wait for another address of the same dataset: they are named, and loaded when told to."""

import json
import logging
import os
import shutil
from pathlib import Path

import pytest

from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.demo import DEMO_TARGET
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.quarantine import set_aside
from dlt_sources.weather.pipeline.working_directories import bring_runs, lock_directory, runs_elsewhere
from tests.helpers.command import run
from tests.helpers.support import assert_no_duplicates, load_accounted
from tests.weather.pipeline.accounts import PLACES, current_weather_at, folders

pytestmark = pytest.mark.db
CHOICE = {"resources": ["current_weather"], "locations": PLACES}


def fail(*_args, **_options):
    raise RuntimeError("a fault of the test")


def end_early(target, settings, clock):
    """Load until the package is to be written; return the run's id."""
    before = set(folders(target))
    with pytest.raises(RuntimeError, match="a fault of the test"):
        load(target, settings(**CHOICE), now=clock, load_package=fail_in_load)
    (run_id,) = set(folders(target)) - before
    return run_id


def fail_in_load(pipeline, source):
    pipeline.extract(source)
    pipeline.normalize()
    fail()


def moved(target, monkeypatch):
    """Return the same database under another address."""
    name = f"DESTINATION__{target.destination.upper()}__CREDENTIALS"
    address = os.environ[name]
    if target.is_postgres:
        monkeypatch.setenv(name, address.replace("127.0.0.1", "localhost"))
    else:
        file = Path(address).with_name("moved.duckdb")
        shutil.move(address, file)
        monkeypatch.setenv(name, str(file))
    return Target(target.destination)


def test_runs_that_wait_for_another_address_are_named_everywhere_and_loaded_when_told_to(
    target, settings, clock, monkeypatch, caplog
):
    load_accounted(target, settings(**CHOICE), clock)
    clock.pass_time(hours=1)
    first = clock()
    end_early(target, settings, clock)
    clock.pass_time(hours=1)
    set_aside(target.root / end_early_alone(target, settings, clock), "refused")
    second = clock()
    clock.pass_time(hours=1)
    present = moved(target, monkeypatch)
    address = target.description.replace("***", "<redacted>")
    sentence = f"2 interrupted runs wait for another address, {address}, since {first:%Y-%m-%d %H:%MZ}"
    with caplog.at_level(logging.WARNING):
        load_accounted(present, settings(**CHOICE), clock)
    (warning,) = [record.getMessage() for record in caplog.records if "another address" in record.getMessage()]
    assert warning.startswith(sentence)
    assert current_weather_at(present, first) == 0, "it may be another database"
    options = ("--destination", present.destination)
    checked = run("status", *options, "--check", "--location", PLACES[0], "--resources", "locations")
    assert (checked.code, checked.out) == (7, "")
    assert sentence in checked.err
    assert sentence in run("status", *options).out
    listed = run("packages", *options)
    assert listed.code == 0
    assert sentence in listed.err
    command = warning.split("`")[1]
    assert "not-a-real-password" not in warning + listed.said + (target.root / "address.json").read_text()
    brought = run(*command.split()[1:])
    assert (brought.code, brought.err) == (0, "2 runs will be loaded before anything new by the next load.\n")
    assert runs_elsewhere(present) == []
    assert load_accounted(present, settings(**CHOICE), clock).finished_before == 2
    assert [current_weather_at(present, moment) for moment in (first, second)] == [len(PLACES), len(PLACES)]
    assert_no_duplicates(present, "current_weather", "location_id", "dt")


def end_early_alone(target, settings, clock):
    """End a load early whose recovery of the one before finds that one locked."""
    (before,) = folders(target)
    with lock_directory(target.root / before):
        return end_early(target, settings, clock)


def test_answers_in_a_journal_count_and_live_runs_do_not(duckdb, settings, clock, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("dlt_sources.weather.extract.endpoint.Extraction._remaining", fail)
        with pytest.raises(Exception, match="a fault of the test"):
            load(duckdb, settings(**CHOICE), now=clock)
    (run_id,) = folders(duckdb)
    present = moved(duckdb, monkeypatch)
    with lock_directory(duckdb.root / run_id):
        assert runs_elsewhere(present) == []
    (waiting,) = runs_elsewhere(present)
    assert [path.name for path in waiting.directories] == [run_id]
    assert bring_runs(present, duckdb.description) == [run_id]
    load(present, settings(**CHOICE), now=clock)
    assert current_weather_at(present, clock()) == len(PLACES)


def waiting_run(root, **said):
    """Make a root in which a run waits, as an earlier version did if it is said nothing of."""
    folder = root / "20260520T120000-aaaaaaaa" / "journal"
    folder.mkdir(parents=True)
    (folder / "00001.journal").write_bytes(b"answers")
    if said:
        (root / "address.json").write_text(json.dumps(said))


def test_only_the_same_dataset_counts_and_a_root_without_an_address_is_named_by_its_folder(duckdb):
    below = duckdb.root.parent
    same = {"pipeline": "weather", "dataset": "bronze", "type": "duckdb", "address": "duckdb:////old.duckdb"}
    waiting_run(below / "weather-duckdb-000000000001", **(same | {"dataset": "other"}))
    waiting_run(below / "weather-duckdb-000000000002", **(same | {"type": "postgres"}))
    waiting_run(below / "weather-postgres-000000000003")
    waiting_run(below / "weather_demo-duckdb-000000000004")
    (below / "weather-duckdb-000000000005" / "20260520T120000-bbbbbbbb").mkdir(parents=True)
    assert runs_elsewhere(duckdb) == []
    waiting_run(below / "weather-my_file-000000000006", **same)
    waiting_run(below / "weather-duckdb-000000000007")
    assert [one.address for one in runs_elsewhere(duckdb)] == [None, "duckdb:////old.duckdb"]
    assert runs_elsewhere(DEMO_TARGET) == []
    shown = run("status")
    assert "1 interrupted run waits for the address of the folder weather-duckdb-000000000007 since 2026" in shown.out
    assert "--retry --from weather-duckdb-000000000007`" in shown.out
    assert run("packages", "--retry", "--from", "weather-duckdb-000000000007").code == 0
    assert folders(duckdb) == ["20260520T120000-aaaaaaaa"]


def test_an_address_that_nothing_waits_for_is_refused(duckdb):
    folder = "weather-duckdb-000000000001"
    waiting_run(duckdb.root.with_name(folder))
    refused = run("packages", "--retry", "--from", "duckdb:////typo.duckdb")
    sentence = f"Error: No run waits for duckdb:////typo.duckdb. Some wait for {folder} (address unknown).\n"
    assert (refused.code, refused.err) == (2, sentence)
    other = run("packages", "--retry", "--from", folder, "--run", "another")
    assert (other.code, other.err) == (2, f"Error: another does not wait for {folder}.\n")
    assert run("packages", "--from", folder).code == 2

"""Named destinations: a name with a configured type gets everything that the type gets."""

import os
import time
from pathlib import Path

import pytest

from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.packages import load_package
from dlt_sources.weather.pipeline.plan import plan
from dlt_sources.weather.status.report import read_status
from tests.helpers.command import run
from tests.helpers.processes import finish, load_and_die, start, start_worker
from tests.helpers.support import assert_no_duplicates, count, load_accounted, query, tables

OSLO = "59.9139,10.7522"
NOWHERE = "postgresql://weather:not-a-real-password@127.0.0.1:9/weather?connect_timeout=2"


def named(monkeypatch, name, kind):
    monkeypatch.setenv(f"DESTINATION__{name.upper()}__DESTINATION_TYPE", kind)
    monkeypatch.setenv(
        f"DESTINATION__{name.upper()}__CREDENTIALS", os.environ[f"DESTINATION__{kind.upper()}__CREDENTIALS"]
    )
    return Target(name)


@pytest.fixture
def my_pg(postgres, monkeypatch):
    """The database of ``postgres`` under a name."""
    return named(monkeypatch, "my_pg", postgres.destination)


@pytest.fixture
def my_duck(duckdb, monkeypatch):
    """The file of ``duckdb`` under a name."""
    return named(monkeypatch, "my_duck", duckdb.destination)


def hold_lock(target, clock):
    holder = start_worker(target, "hold-lock", {}, clock())
    while not Path("held").exists():
        assert holder.is_alive()
        time.sleep(0.01)
    return holder


@pytest.mark.process
def test_two_loads_at_once_into_one_postgres_under_two_names_take_turns(my_pg, tmp_path):
    with serve(Simulator(latency=0.05)) as api:
        # each as on a machine of its own: the database is all that they share
        both = [
            start("--destination", name, "--location", OSLO, "--location", "Madrid,ES", api=api, DLT_DATA_DIR=folder)
            for name, folder in (("my_pg", str(tmp_path / "one")), ("postgres", str(tmp_path / "two")))
        ]
        finished = [finish(process) for process in both]
    assert [one.code for one in finished] == [0, 0], finished
    for table in sorted(tables(my_pg) & TABLES.keys()):
        assert_no_duplicates(my_pg, table, *TABLES[table].key)
    assert query(my_pg, "SELECT count(DISTINCT run_id) FROM load_runs WHERE status = 'ok'") == [(2,)]
    assert query(my_pg, "SELECT 1 FROM load_runs WHERE rows_fetched <> rows_loaded + rows_rejected") == []


@pytest.mark.process
def test_a_load_into_a_named_postgres_is_refused_while_another_writes(my_pg, clock, api, tmp_path):
    holder = hold_lock(my_pg, clock)
    try:
        environment = {"SOURCES__WEATHER__LOCK_WAIT_SECONDS": "0", "DLT_DATA_DIR": str(tmp_path / "other")}
        refused = [
            run("--destination", name, "--location", OSLO, api=api, **environment) for name in ("my_pg", "postgres")
        ]
    finally:
        holder.kill()
        holder.join()
    for finished in refused:
        assert finished.code == 6, finished.said
        assert "Another run writes to this dataset and did not finish in time: weather run holder" in finished.err
    loaded = run("--destination", "my_pg", "--location", OSLO, api=api)
    assert loaded.code == 0, loaded.said
    assert count(my_pg, "current_weather") == 1


@pytest.mark.process
def test_a_load_into_a_named_duckdb_waits_for_the_file(my_duck, clock, api, tmp_path):
    holder = hold_lock(my_duck, clock)
    try:
        refused = run(
            *("--destination", "my_duck", "--location", OSLO),
            api=api,
            SOURCES__WEATHER__LOCK_WAIT_SECONDS="1",
            DLT_DATA_DIR=str(tmp_path / "other"),
        )
    finally:
        holder.kill()
        holder.join()
    assert refused.code == 6, refused.said
    assert "Waiting up to 1 s" in refused.err
    assert "is open in another process, python" in refused.err
    assert f"PID {holder.pid}" in refused.err


def test_a_named_postgres_has_indexes_and_shards(my_pg, settings, clock):
    choice = {"resources": ["current_weather"], "locations": [f"{lat}.0,1.0" for lat in range(6)]}
    shards = ["1/2", "2/2"]
    assert sum(plan(my_pg, settings(shard=shard, **choice), clock()).calls for shard in shards) == 6
    for shard in shards:
        load_accounted(my_pg, settings(shard=shard, **choice), clock)
    assert count(my_pg, "current_weather") == 6
    indexes = {name for (name,) in query(my_pg, "SELECT indexname FROM pg_indexes WHERE tablename = 'current_weather'")}
    assert {"current_weather_key", "current_weather_loaded"} <= indexes


def test_a_named_duckdb_refuses_shards_by_its_name(my_duck, settings, clock):
    with pytest.raises(ConfigurationError, match="my_duck has neither"):
        load(my_duck, settings(shard="1/2"), now=clock)


def test_a_named_duckdb_has_little_memory_for_a_load_unless_it_is_configured(my_duck, settings, clock, monkeypatch):
    seen = []

    def look_and_load(pipeline, source):
        with pipeline.sql_client() as client:
            seen.append(client.execute_sql("SELECT current_setting('memory_limit')")[0][0])
        return load_package(pipeline, source)

    load(my_duck, settings(), load_package=look_and_load, now=clock)
    monkeypatch.setenv("DESTINATION__MY_DUCK__CREDENTIALS__GLOBAL_CONFIG", '{"memory_limit": "1GiB"}')
    load(Target("my_duck"), settings(), load_package=look_and_load, now=clock)
    assert seen == ["152.5 MiB", "1.0 GiB"]


@pytest.mark.parametrize("name", [pytest.param("my_pg", marks=pytest.mark.db), "my_duck"])
def test_status_and_plan_read_a_named_destination(name, request, settings, clock):
    target = request.getfixturevalue(name)
    choice = settings(resources=["air_pollution"], locations=[OSLO])
    with target.reader() as reader:
        assert read_status(reader).tables == ()
    assert target.is_postgres or not target.exists, "a look creates no file"
    load_accounted(target, choice, clock)
    with target.reader() as reader:
        rows = {table.table: table.rows for table in read_status(reader).tables}
    assert rows["air_pollution"] == 7 * 24 + 1
    assert plan(target, settings(resources=["air_pollution"], locations=[OSLO, "1,1"]), clock()).locations == 2


@pytest.mark.process
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("postgres", "my_pg"), marks=pytest.mark.db),
        pytest.param(("my_pg", "postgres"), marks=pytest.mark.db),
        ("duckdb", "my_duck"),
    ],
)
def test_a_package_left_behind_is_found_after_the_destination_was_renamed(names, request, settings, clock):
    before, after = (request.getfixturevalue(name) for name in names)
    choice = settings(resources=["current_weather"])
    load_and_die(before, "load:1", dict(choice), clock())
    clock.pass_time(hours=1)
    assert load_accounted(after, choice, clock).finished_before == 1
    assert count(after, "current_weather") == 4
    assert load_accounted(before, choice, clock).finished_before == 0


def test_an_unnamed_destination_keeps_the_folder_that_earlier_versions_gave_it(monkeypatch, tmp_path):
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", NOWHERE)
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "/a/weather.duckdb")
    assert Target("postgres").root == tmp_path / "dlt" / "pipelines" / "weather-postgres-3023bb800060"
    assert Target("duckdb").root == tmp_path / "dlt" / "pipelines" / "weather-duckdb-9b703aeca626"


MISTAKES = {
    "untyped": ({"CREDENTIALS": NOWHERE}, "set DESTINATION__UNTYPED__DESTINATION_TYPE: postgres"),
    "odd": (
        {"DESTINATION_TYPE": "postgresql", "CREDENTIALS": NOWHERE},
        "no destination type 'postgresql', which is set for odd. Set DESTINATION__ODD__DESTINATION_TYPE",
    ),
    "bare": ({"DESTINATION_TYPE": "postgres"}, "bare are missing or wrong. Set DESTINATION__BARE__CREDENTIALS"),
    "wrong": ({"DESTINATION_TYPE": "postgres", "CREDENTIALS": "x"}, "Set DESTINATION__WRONG__CREDENTIALS"),
    "two_ats": (
        {"DESTINATION_TYPE": "postgres", "CREDENTIALS": "postgresql://u:not-a@real-password@127.0.0.1/d"},
        "DESTINATION__TWO_ATS__CREDENTIALS has more than one @",
    ),
    "memory": ({"DESTINATION_TYPE": "duckdb", "CREDENTIALS": ":memory:"}, "in DESTINATION__MEMORY__CREDENTIALS"),
    "in_a_run": ({"DESTINATION_TYPE": "duckdb", "CREDENTIALS": ":pipeline:"}, "in DESTINATION__IN_A_RUN__CREDENTIALS"),
    "no.module": ({}, "dlt knows no destination 'no.module'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_named_destination_is_a_sentence_that_names_the_setting(
    name, settings, clock, monkeypatch, simulator
):
    given, sentence = MISTAKES[name]
    for key, value in given.items():
        monkeypatch.setenv(f"DESTINATION__{name.upper()}__{key}", value)
    target = Target(name)
    attempts = [
        lambda: load(target, settings(), now=clock),
        lambda: plan(target, settings(), clock()),
        lambda: target.reader().__enter__(),
    ]
    for attempt in attempts:
        with pytest.raises(ConfigurationError) as raised:
            attempt()
        message = str(raised.value)
        assert sentence in message
        assert "\n" not in message
        assert "not-a-real-password" not in message
        assert "real-password" not in message
    assert simulator.stats.calls == 0

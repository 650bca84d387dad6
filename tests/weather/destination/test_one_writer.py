"""Two writers at once: one waits for the other, for as long as it was told and no longer."""

import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import duckdb as duckdb_library
import pytest

from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.weather.common.errors import WriterBusyError
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.postgres.advisory_locks import AdvisoryLocks
from dlt_sources.weather.destination.postgres.patient_connection import PatientConnection
from dlt_sources.weather.destination.writer_lock import writer_lock
from dlt_sources.weather.pipeline.load import load
from tests.helpers.command import run
from tests.helpers.processes import start_worker
from tests.helpers.support import assert_no_duplicates, load_accounted, query, tables

OSLO = "59.9139,10.7522"
HOLD_FILE = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@pytest.mark.process
def test_two_loads_started_together_both_succeed_one_after_the_other(target, settings, clock, simulator):
    simulator.latency = 0.05
    both = [start_worker(target, "end", dict(settings()), clock()) for _ in range(2)]
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
    assert query(target, "SELECT count(DISTINCT run_id) FROM load_runs WHERE status = 'ok'") == [(2,)]
    for table in sorted(tables(target) & TABLES.keys()):
        assert_no_duplicates(target, table, *TABLES[table].key)
    lost = query(target, "SELECT run_id, resource FROM load_runs WHERE rows_fetched <> rows_loaded + rows_rejected")
    assert lost == []


def test_a_load_that_does_not_want_to_wait_names_the_holder(target, settings, clock, simulator):
    with (
        writer_lock(target, "the-holder", 0),
        pytest.raises(WriterBusyError, match="run the-holder"),
    ):
        load(target, settings(lock_wait_seconds=0), now=clock)
    assert simulator.stats.calls == 0
    # its own folder, which holds nothing, is no obstacle to the next; a server frees a lock a moment after the close
    assert load_accounted(target, settings(lock_wait_seconds=5), clock).error is None


@pytest.mark.parametrize("shard", [None, "1/2"])
def test_a_first_load_which_meets_tables_that_are_not_there_holds_its_lock_to_its_end(postgres, settings, clock, shard):
    found = []

    def look(_):
        with closing(AdvisoryLocks(postgres.postgres_credentials.to_native_representation(), "another")) as another:
            found.append(another.attempt("weather bronze"))

    load(postgres, settings(shard=shard), now=clock, on_progress=look)
    assert found
    assert all(holder and holder.startswith("weather run ") for holder in found), found


def test_the_command_ends_with_a_code_of_its_own_when_another_run_holds_the_dataset(postgres, tmp_path):
    with writer_lock(postgres, "the-holder", 0):
        here = run("--destination", "postgres", SOURCES__WEATHER__LOCK_WAIT_SECONDS="1")
        # another machine shares the database and nothing else
        elsewhere = run(
            "--destination", "postgres", SOURCES__WEATHER__LOCK_WAIT_SECONDS="0", DLT_DATA_DIR=str(tmp_path / "other")
        )
    for finished in (here, elsewhere):
        assert finished.code == 6, finished.said
        assert "Error: Another run writes to this dataset" in finished.err
        assert "run the-holder" in finished.err
        assert "Traceback" not in finished.said
    assert "Waiting up to" in here.err
    assert "weather run the-holder from 127.0.0.1 since" in elsewhere.err


@pytest.mark.process
def test_a_duckdb_file_that_another_program_has_open_is_waited_for(duckdb, monkeypatch):
    file = Path("weather.duckdb").resolve()
    duckdb_library.connect(str(file)).close()
    with serve(Simulator()) as api:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD_FILE, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert holder.stdout.readline().strip() == "held"
            busy = run("--location", OSLO, api=api, SOURCES__WEATHER__LOCK_WAIT_SECONDS="1")
            with monkeypatch.context() as patch:
                patch.setattr("dlt_sources.weather.destination.target.LOOK_WAIT_SECONDS", 0.2)
                looking = run("status")
            monkeypatch.setattr("dlt_sources.weather.destination.connection.SILENT_SECONDS", 0.1)
            letting_go = threading.Timer(1, holder.stdin.close)
            letting_go.start()
            waiting = run("status")
            finished = run("--location", OSLO, api=api, SOURCES__WEATHER__LOCK_WAIT_SECONDS="60")
        finally:
            holder.kill()
            holder.wait()
    for refused in (busy, looking):
        assert refused.code == 6, refused.said
        assert "Traceback" not in refused.said
        assert "weather.duckdb is open in another process, python" in refused.err
        assert f"(PID {holder.pid})" in refused.err
        assert "; close it there, or run again when it has ended." in refused.err
        # it is no run of this program, and DuckDB's words are not repeated
        assert "Another run" not in refused.err
        assert "IO Error" not in refused.err
    assert finished.code == 0, finished.said
    assert waiting.code == 0, waiting.said
    assert "Waiting up to" in waiting.err
    assert f"PID {holder.pid}" in waiting.err
    assert "Waiting up to" in busy.err
    assert query(duckdb, "SELECT count(*) FROM current_weather") == [(1,)]


@pytest.mark.process
def test_a_writer_that_is_killed_frees_the_lock(target, settings, clock):
    holder = start_worker(target, "hold-lock", {}, clock())
    while not Path("held").exists():
        assert holder.is_alive()
        time.sleep(0.01)
    with pytest.raises(WriterBusyError):
        load(target, settings(lock_wait_seconds=0), now=clock)
    holder.kill()
    holder.join()
    # the server notices within moments that the connection is gone
    load_accounted(target, settings(lock_wait_seconds=10), clock)


def test_a_lock_is_free_though_the_server_has_not_noticed_yet_that_its_connection_is_closed(postgres, monkeypatch):
    url = postgres.postgres_credentials.to_native_representation()
    open_still = []
    with closing(AdvisoryLocks(url, "the next")) as following:
        with monkeypatch.context() as patch:
            patch.setattr(PatientConnection, "close", lambda connection: open_still.append(connection))  # noqa: PLW0108 - bound
            with closing(AdvisoryLocks(url, "the first")) as first:
                assert first.attempt("weather") is None
        assert following.attempt("weather") is None
    (connection,) = open_still
    connection.close()

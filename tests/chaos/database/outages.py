"""PostgreSQL stopped, killed, restarted, without connections or without room while a load runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg2

from dlt_sources.weather.common.errors import DestinationError
from tests.chaos.rounds.disks import fill, small_disk
from tests.chaos.rounds.world import Round, World
from tests.helpers.postgres import PostgresServer

FULL = "disk full"
EXIT_DESTINATION = DestinationError.exit_code
LONGEST_DELAY = 0.8
# called while a trouble lasts, so that it goes on
KeepUp = Callable[[], None]
POSTGRES_MEGABYTES, DUCKDB_MEGABYTES = 160, 64


def stopped(round_: Round) -> None:
    """The server is shut down, killed or restarted during a load, and another load meets it so."""
    server = round_.world.server
    assert server is not None
    mode = round_.random.choice(["fast", "immediate"])

    @contextmanager
    def down() -> Iterator[KeepUp]:
        server.stop(mode)
        try:
            yield lambda: None
        finally:
            server.start()

    _during_a_load(round_, down, f"stop, {mode}")


def no_connections(round_: Round) -> None:
    """All connections are taken during a load, and another load meets it so."""
    url = os.environ["DESTINATION__POSTGRES__CREDENTIALS"]

    @contextmanager
    def crowded() -> Iterator[KeepUp]:
        with ExitStack() as held:

            def take_all() -> None:
                # what a load gave back is free a little later
                for _ in range(3):
                    with suppress(psycopg2.OperationalError):
                        while True:
                            connection = psycopg2.connect(url)
                            held.callback(connection.close)
                    time.sleep(0.05)

            take_all()
            yield take_all

    _during_a_load(round_, crowded, "no connections")


def _during_a_load(round_: Round, trouble: Callable[[], AbstractContextManager[KeepUp]], what: str) -> None:
    """Have trouble begin at a random moment of a load, end sooner or later, and hold the next loads to account."""
    if round_.random.random() < 0.5:
        round_.load()
        round_.pass_time()
    round_.simulator.latency = 0.02
    calls = round_.simulator.stats.calls
    worker = round_.start()
    round_.wait_for_calls(calls + round_.random.randint(1, 5), worker.is_alive)
    time.sleep(round_.random.uniform(0, LONGEST_DELAY))
    began = round_.clock()
    with trouble() as keep_up:
        if what == FULL or round_.random.random() < 0.5:
            # it lasts until the load has noticed, and on
            code = round_.end_of(worker, 0, EXIT_DESTINATION)
            for _ in range(4):
                round_.pass_time()
                keep_up()
                _meets(round_, certain=what != FULL)
        else:
            time.sleep(round_.random.uniform(0, 0.5))
            code = None
    if code is None:
        code = round_.end_of(worker, 0, EXIT_DESTINATION)
    if code == 0:
        round_.observed.append(began)
    round_.found.note(f"{what}, load ended with {code}")
    round_.simulator.latency = 0.0
    round_.pass_time()
    round_.finish()
    if what != FULL:
        # what came while a disk was full could not be kept
        round_.examine_answers()


def _meets(round_: Round, *, certain: bool) -> None:
    """Load while the trouble lasts: an error for the user, and nothing else; or success, unless that is impossible."""
    error = round_.load_or_error()
    if not (isinstance(error, DestinationError) or (error is None and not certain)):
        round_.found.problems.append(f"a load into a destination that is down ended with {error!r}")


def no_room(round_: Round) -> None:
    """A disk is full during a load, and stays so for more tries than a bad package gets.

    With PostgreSQL it is the server's; with DuckDB its file and the working directories lie on it.
    """
    if round_.destination == "duckdb":
        disk = round_.folder / "disk"
        with small_disk(disk, DUCKDB_MEGABYTES):
            os.environ["DLT_DATA_DIR"] = str(disk / "dlt")
            os.environ["DESTINATION__DUCKDB__CREDENTIALS"] = str(disk / "weather.duckdb")
            _during_a_load(round_, lambda: _full(round_, disk), FULL)
        return
    server, disk = _small_server(round_.world)
    database = f"chaos_{round_.folder.name}".replace("-", "_")
    os.environ["DESTINATION__POSTGRES__CREDENTIALS"] = server.create_database(database)
    try:
        _during_a_load(round_, lambda: _full(round_, disk, server), FULL)
    finally:
        server.drop_database(database)


@contextmanager
def _full(round_: Round, disk: Path, server: PostgresServer | None = None) -> Iterator[KeepUp]:
    ballast = disk / "ballast"
    fill(ballast, round_.random.choice([0, 0, 0, 8, 64]) * 1024)
    try:
        yield lambda: None
    finally:
        ballast.unlink()
        if server:
            # one that cannot write its log goes down
            _up(server)


_small: list[tuple[PostgresServer, Path]] = []


def _small_server(world: World) -> tuple[PostgresServer, Path]:
    """A server whose data lies on a small disk in memory, started once."""
    if not _small:
        disk = world.folder / "disk"
        world.at_the_end.enter_context(small_disk(disk, POSTGRES_MEGABYTES))
        server = PostgresServer(disk / "postgres")
        server.start()
        world.at_the_end.callback(server.stop, "immediate")
        _small.append((server, disk))
    return _small[0]


def _up(server: PostgresServer) -> None:
    try:
        server.psql("postgres", "SELECT 1")
    except psycopg2.OperationalError:
        server.start()

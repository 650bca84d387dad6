"""Where a soak happens: a folder, the simulated API, a database, and programs on a clock that jumps by hours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.weather.common.settings import DEFAULT_LOCATIONS
from dlt_sources.weather.destination.target import Target
from tests.benchmarks.processes import environment
from tests.chaos.budgets.clock import ShiftedClock
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.postgres import PostgresServer

# those of `grow`
PLACES = tuple(DEFAULT_LOCATIONS)
HOUR = 3600.0
# loads begin so long after the full hour
SECONDS_PAST_THE_HOUR = 300.0


@dataclass(frozen=True)
class World:
    """What a soak works with.

    Attributes:
        folder: where everything is.
        clock: the clock of all programs; it goes with the machine's while they work.
        target: destination and dataset.
        environment: the settings of the programs.
        server: the PostgreSQL server, if the destination is one.
    """

    folder: Path
    clock: ShiftedClock
    target: Target
    environment: dict[str, str]
    server: PostgresServer | None

    @property
    def database(self) -> str:
        """File of DuckDB, or URL of PostgreSQL."""
        return self.environment[f"DESTINATION__{self.target.destination.upper()}__CREDENTIALS"]

    def next_hour(self) -> None:
        """Let the clock go to the next hour."""
        now = self.clock.time()
        self.clock.jump((now // HOUR + 1) * HOUR + SECONDS_PAST_THE_HOUR - now)

    def start(self, *arguments: str, log: str = "programs.log", **pipes: int) -> subprocess.Popen[str]:
        """Start a Python program on the clock."""
        with (self.folder / log).open("a") as file:
            streams: dict[str, object] = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file} | pipes
            return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
                [sys.executable, *arguments],
                cwd=self.folder / "work",
                env=self.environment | self.clock.environment,
                text=True,
                **streams,
            )

    def run(self, *arguments: str) -> None:
        """Run a Python program on the clock, and fail if it does."""
        process = self.start(*arguments)
        if process.wait():
            raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}:\n{self.said()}")

    def said(self) -> str:
        """Return the end of what the programs have said."""
        return (self.folder / "programs.log").read_text(errors="replace")[-3000:]


@contextmanager
def world(folder: Path, destination: str) -> Iterator[World]:
    """Start the clock, the API and the database, and stop them at the end.

    Args:
        folder: an empty one.
        destination: duckdb or postgres.
    """
    # PostgreSQL's user must be able to read the clock
    folder.chmod(0o755)
    (folder / "work").mkdir()
    start = datetime.now(timezone.utc).replace(minute=5, second=0, microsecond=0) + timedelta(days=2)
    with ExitStack() as stack:
        clock = stack.enter_context(ShiftedClock(folder, start))
        simulator = Simulator(clock=clock.time, monotonic=clock.monotonic)
        url = stack.enter_context(serve(simulator))
        settings = environment(folder / "work") | {
            "DESTINATION__DUCKDB__CREDENTIALS": str(folder / "work" / "weather.duckdb"),
            "SOURCES__WEATHER__BASE_URL": url,
            "SOURCES__WEATHER__LOCATIONS": json.dumps(PLACES),
            "OPENWEATHER_API_KEY": SENTINEL_KEY,
            # as infra's image has them; the command line sets the same by itself
            "MALLOC_ARENA_MAX": "1",
            "ARROW_DEFAULT_MEMORY_POOL": "system",
        }
        server = None
        if destination == "postgres":
            with clock.in_force():
                server = PostgresServer(folder / "postgres")
                server.start()
            stack.callback(server.stop, "immediate")
            settings["DESTINATION__POSTGRES__CREDENTIALS"] = server.create_database("weather")
            # the machine gives it seconds for a simulated hour
            for setting in ("autovacuum_naptime = '5s'", "authentication_timeout = '10min'"):
                server.psql("postgres", f"ALTER SYSTEM SET {setting}")
            server.psql("postgres", "SELECT pg_reload_conf()")
        yield World(folder, clock, Target(destination), settings, server)


def files_below(folder: Path, *, without: str) -> tuple[int, int]:
    """Return the number of files below a folder and their bytes, without those whose name begins with a text."""
    found = [Path(root, name) for root, _, names in os.walk(folder) for name in names if not name.startswith(without)]
    return len(found), sum(path.stat().st_size for path in found if path.exists())

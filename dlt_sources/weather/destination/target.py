"""Where a run writes: a destination and a dataset, and the working directory that belongs to them.

Every run has a working directory of its own below one root per target, so that two runs never share one (dlt does not
lock it) and a package that a killed run left behind is found by the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.destination.client import JobClientBase
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.pipeline import get_dlt_pipelines_dir
from dlt.common.runtime.collector import NULL_COLLECTOR
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.destination.connection import connected
from dlt_sources.weather.destination.reader import DestinationReader

PIPELINE_NAME = "weather"
DATASET_NAME = "bronze"


@dataclass(frozen=True)
class Target:
    """A destination, by dlt's name for it, and a dataset (schema) in it.

    Args:
        destination: ``duckdb``, ``postgres`` or any other that dlt knows; its credentials come from dlt's
            configuration. DuckDB's file is ``<pipeline_name>.duckdb`` in the current folder unless configured.
        file: a DuckDB file to use whatever is configured.
    """

    destination: str = "duckdb"
    dataset_name: str = DATASET_NAME
    pipeline_name: str = PIPELINE_NAME
    file: str | None = None

    def pipeline(self, working_directory: Path) -> dlt.Pipeline:
        """The dlt pipeline that works in a directory.

        Raises:
            ConfigurationError: dlt knows no such destination, or its credentials are missing.
        """
        # looked at first, because a pipeline without credentials fails no sooner than it loads
        _ = self._client
        return self._pipeline(working_directory)

    def _pipeline(self, working_directory: Path) -> dlt.Pipeline:
        # every row says which load brought it; dlt leaves that out of Arrow tables unless told
        dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = True
        # what is merged needs no second copy in the destination
        dlt.config["load.truncate_staging_dataset"] = True
        # signals are the caller's: dlt would take the first one that comes while it loads, and may forget it
        dlt.config["runtime.intercept_signals"] = False
        return dlt.pipeline(
            self.pipeline_name,
            destination=dlt.destinations.duckdb(self.file) if self.file else self.destination,
            dataset_name=self.dataset_name,
            pipelines_dir=str(working_directory),
            progress=NULL_COLLECTOR,
        )

    @cached_property
    def _look(self) -> dlt.Pipeline:
        """A pipeline that only looks, from a folder of its own each time: dlt would remember another run's paths.

        It needs the folder while it is made, so none is left by a process that is killed.
        """
        with TemporaryDirectory(prefix="weather-look-") as folder:
            return self._pipeline(Path(folder))

    @cached_property
    def _client(self) -> JobClientBase:
        """The destination's client, not connected, with its configuration: dlt takes long to resolve that."""
        try:
            return self._look.destination_client()
        except (UnknownDestinationModule, ImportError) as error:
            raise ConfigurationError(f"dlt knows no destination {self.destination!r}: {error}") from None
        except ConfigurationException:
            raise ConfigurationError(
                f"The credentials of {self.destination} are missing or wrong. Set "
                f"DESTINATION__{self.destination.upper()}__CREDENTIALS, or [destination.{self.destination}] in "
                ".dlt/secrets.toml."
            ) from None

    @contextmanager
    def connection(self) -> Iterator[SqlClientBase[Any]]:
        """Open a connection that belongs to no working directory.

        Raises:
            WriterBusyError: DuckDB's file is in use by another process.
            DestinationError: the destination cannot be reached.
        """
        with connected(self._look) as client:
            yield client

    @contextmanager
    def reader(self) -> Iterator[DestinationReader]:
        """Read what is loaded, with one connection; a target that is not there yet reads as empty.

        Raises:
            WriterBusyError: DuckDB's file is in use by another process, which locks readers out too.
            DestinationError: the destination cannot be reached.
        """
        if not self.exists:
            yield DestinationReader(None)
            return
        with self.connection() as client:
            yield DestinationReader(client)

    @cached_property
    def description(self) -> str:
        """Host and database, or file or bucket, without secrets."""
        return str(self._client.config)

    def must_take_shards(self) -> None:
        """Refuse what several runs cannot load into side by side.

        Raises:
            ConfigurationError: it is not PostgreSQL.
        """
        if self.destination != "postgres":
            raise ConfigurationError(
                f"shard needs PostgreSQL, where shards take turns to write and share one budget of calls; "
                f"{self.destination} has neither. Leave shard out, or use --destination postgres."
            )

    @property
    def is_postgres(self) -> bool:
        """Whether the destination is PostgreSQL, by whatever name."""
        return self._look.destination.destination_type == "dlt.destinations.postgres"

    @property
    def is_duckdb(self) -> bool:
        """Whether the destination is DuckDB, by whatever name."""
        return self._look.destination.destination_type == "dlt.destinations.duckdb"

    @property
    def is_database(self) -> bool:
        """Whether the destination is a database, which dlt keeps tables of its own in."""
        return isinstance(self._client, SqlJobClientBase)

    @property
    def exists(self) -> bool:
        """Whether there may be anything to read: False for a DuckDB file that is not there yet."""
        database = getattr(self._client.config.credentials, "database", None)
        return self.destination != "duckdb" or database is None or Path(database).exists()

    @cached_property
    def root(self) -> Path:
        """The folder of this target's working directories: below dlt's pipelines folder (``DLT_DATA_DIR``).

        Raises:
            ConfigurationError: it cannot be made.
        """
        fingerprint = hashlib.sha256(f"{self.description} {self.dataset_name}".encode()).hexdigest()[:12]
        root = Path(get_dlt_pipelines_dir()) / f"{self.pipeline_name}-{self.destination}-{fingerprint}"
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"dlt's data cannot be kept in {root.parent}: {error.strerror}. Set DLT_DATA_DIR."
            ) from None
        return root

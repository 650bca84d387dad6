"""Target of a run: a destination, a dataset in it, and the root of the runs' working directories.

Each run has a private working directory below one root per target: dlt does not lock a working directory, and the next
run finds the packages that a killed run left behind.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import dlt
from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
from dlt.common.destination import Destination
from dlt.common.destination.client import JobClientBase
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.pipeline import get_dlt_pipelines_dir
from dlt.common.runtime.collector import NULL_COLLECTOR
from dlt.destinations.impl.duckdb.exceptions import InvalidInMemoryDuckdbCredentials
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase, WithSqlClient

from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.destination.capabilities import mistakes
from dlt_sources.weather.destination.capabilities.dlt_settings import (
    compute_capabilities_once,
    ensure_set,
    share_capabilities,
)
from dlt_sources.weather.destination.capabilities.load_options import DUCKDB, ensure_fit, ensure_table_format
from dlt_sources.weather.destination.connection import connected
from dlt_sources.weather.destination.duckdb import forbid_downloads, limit_reading, read_only_credentials
from dlt_sources.weather.destination.postgres.session import SessionCredentials, session_credentials
from dlt_sources.weather.destination.reader import DestinationReader, destination_reader

PIPELINE_NAME = "weather"
DATASET_NAME = "bronze"
DEFAULT_DESTINATION = "duckdb"
# a load of some places and hours is done in that time
LOOK_WAIT_SECONDS = 120.0
_TEMPORARY = "weather-look-"
# types as dlt spells them in full
POSTGRES = "dlt.destinations.postgres"


@dataclass(frozen=True)
class Target:
    """A destination and a dataset (schema) in it.

    Args:
        destination: a type that dlt knows (``duckdb``, ``postgres``, …), or a name whose type is configured
            (``DESTINATION__MY_PG__DESTINATION_TYPE=postgres``). dlt's configuration holds the credentials under it.
            DuckDB's file is ``<pipeline_name>.duckdb``, or ``<name>.duckdb``, in the current folder unless configured.
        dataset_name: the dataset.
        pipeline_name: dlt's name of the pipeline; the working directories' root begins with it.
        file: a DuckDB file that overrides the configured one.
    """

    destination: str = DEFAULT_DESTINATION
    dataset_name: str = DATASET_NAME
    pipeline_name: str = PIPELINE_NAME
    file: str | None = None

    def pipeline(self, working_directory: Path) -> dlt.Pipeline:
        """Return the dlt pipeline that works in a directory.

        Args:
            working_directory: dlt's ``pipelines_dir``; the pipeline's files are below it.

        Raises:
            ConfigurationError: the destination is unknown, or its credentials are missing.
        """
        # resolved first: a pipeline without credentials fails no sooner than it loads
        destination = self._connecting_destination
        if self.is_postgres:
            destination = self._with_credentials(self.postgres_credentials.for_loading)
        return self._pipeline(working_directory, destination)

    def _pipeline(self, working_directory: Path, destination: Destination[Any, Any]) -> dlt.Pipeline:
        ensure_set()
        return dlt.pipeline(
            self.pipeline_name,
            destination=destination,
            dataset_name=self.dataset_name,
            pipelines_dir=str(working_directory),
            progress=NULL_COLLECTOR,
        )

    def _with_credentials(self, credentials: Any) -> Destination[Any, Any]:
        return share_capabilities(dlt.destination(self.destination, credentials=credentials), self._destination)

    @cached_property
    def _destination(self) -> Destination[Any, Any]:
        """The destination as dlt knows it, without its configuration.

        Raises:
            ConfigurationError: dlt knows neither the name nor the type that is configured for it.
        """
        if self.file:
            return compute_capabilities_once(dlt.destinations.duckdb(self.file))
        try:
            return compute_capabilities_once(dlt.destination(self.destination))
        except UnknownDestinationModule as error:
            raise ConfigurationError(mistakes.unknown_destination(self.destination, error)) from None

    @cached_property
    def _connecting_destination(self) -> Destination[Any, Any]:
        """The destination with its configuration.

        A PostgreSQL's connections get the session that a load needs; a DuckDB file that this user may not write is
        opened for reading.
        """
        if self.is_postgres:
            return self._with_credentials(self.postgres_credentials)
        if self.is_duckdb and self.exists and not self._is_writable:
            return self._with_credentials(read_only_credentials(self._client.config.credentials))
        return self._destination

    @property
    def _is_writable(self) -> bool:
        file = Path(str(getattr(self._client.config.credentials, "database", "")))
        return os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)  # DuckDB writes its log next to it

    @cached_property
    def postgres_credentials(self) -> SessionCredentials:
        """The credentials of a PostgreSQL, which bring the session's parameters."""
        return session_credentials(cast("PostgresCredentials", self._client.config.credentials))

    @cached_property
    def _inspection_pipeline(self) -> dlt.Pipeline:
        """A pipeline to read with: the configured one, whose client is cached, since dlt is slow to make another."""
        self._configured_pipeline.destination = self._connecting_destination
        return self._configured_pipeline

    @cached_property
    def _configured_pipeline(self) -> dlt.Pipeline:
        """A pipeline in a temporary directory: dlt would remember another run's paths.

        dlt needs the directory only while it makes the pipeline, so a killed process leaves none behind.
        """
        with TemporaryDirectory(prefix=_TEMPORARY) as folder:
            return self._pipeline(Path(folder), self._destination)

    @cached_property
    def _client(self) -> JobClientBase:
        """The destination's client with its configuration, not connected; cached, because dlt resolves it slowly."""
        ensure_fit(self.destination, self.type_name)
        try:
            client = self._configured_pipeline.destination_client()
        except InvalidInMemoryDuckdbCredentials:
            raise ConfigurationError(mistakes.no_file(self._destination.destination_name)) from None
        except ConfigFieldMissingException as error:
            raise ConfigurationError(mistakes.missing_setting(self._destination, self.type_name, error)) from None
        except ImportError as error:
            raise ConfigurationError(mistakes.missing_packages(self.destination, self.type_name, error)) from None
        except (ConfigurationException, TypeError, ValueError):  # the latter two: credentials of another shape
            raise ConfigurationError(mistakes.no_credentials(self._destination.destination_name)) from None
        ensure_fit(self.destination, self.type_name, is_readable=isinstance(client, WithSqlClient))
        ensure_table_format(self.destination, self._destination)
        credentials = client.config.credentials
        # dlt has resolved ":pipeline:" to the folder of the temporary pipeline
        if self.is_duckdb and _TEMPORARY in str(getattr(credentials, "database", "")):
            raise ConfigurationError(mistakes.no_file(self._destination.destination_name))
        # what stands before it is a part of the password
        if self.is_postgres and "@" in str(getattr(credentials, "host", "")):
            raise ConfigurationError(mistakes.ambiguous_url(self._destination.destination_name))
        return client

    @contextmanager
    def connection(self, wait_seconds: float = 0.0) -> Iterator[SqlClientBase[Any]]:
        """Open a connection that is bound to no working directory.

        Args:
            wait_seconds: how long to wait for another process that has DuckDB's file open; 0 tries once.

        Raises:
            WriterBusyError: another process uses DuckDB's file.
            DestinationError: the destination cannot be reached.
        """
        with connected(self._inspection_pipeline, wait_seconds) as client:
            if self.is_duckdb:
                forbid_downloads(client)
                limit_reading(client)
            yield client

    @contextmanager
    def reader(self, wait_seconds: float | None = None) -> Iterator[DestinationReader]:
        """Open one connection to read what is loaded; a target that does not exist yet reads as empty.

        Args:
            wait_seconds: how long to wait for another process that has DuckDB's file open, which locks readers out
                too; by default ``LOOK_WAIT_SECONDS``. What repeats by itself waits less.

        Yields:
            The reader.

        Raises:
            WriterBusyError: another process did not close DuckDB's file in time.
            DestinationError: the destination cannot be reached.
        """
        if not self.exists:
            yield DestinationReader(None)
            return
        if not self.is_database:
            with destination_reader(self._inspection_pipeline) as reader:
                yield reader
            return
        with self.connection(LOOK_WAIT_SECONDS if wait_seconds is None else wait_seconds) as client:
            yield DestinationReader(client)

    @cached_property
    def description(self) -> str:
        """Host and database, or file or bucket, without secrets."""
        return str(self._client.config)

    def ensure_shards_supported(self) -> None:
        """Refuse shards for a destination that several runs cannot load into at the same time.

        Raises:
            ConfigurationError: the destination is not PostgreSQL.
        """
        if not self.is_postgres:
            raise ConfigurationError(mistakes.no_shards(self.destination))

    @property
    def type_name(self) -> str:
        """The short name of the destination's type (``postgres``), whatever the destination is named."""
        return Destination.to_name(self._destination.destination_type)

    @property
    def is_postgres(self) -> bool:
        """True if the destination's type is PostgreSQL, whatever its name."""
        return self._destination.destination_type == POSTGRES

    @property
    def is_duckdb(self) -> bool:
        """True if the destination's type is DuckDB, whatever its name."""
        return self._destination.destination_type == DUCKDB

    @property
    def is_database(self) -> bool:
        """True if the destination is a SQL database; dlt keeps its own tables there."""
        return isinstance(self._client, SqlJobClientBase)

    @property
    def exists(self) -> bool:
        """True if there may be something to read; False for a DuckDB file that does not exist yet."""
        return self.file_path is None or self.file_path.exists()

    @property
    def file_path(self) -> Path | None:
        """The DuckDB file; None for other destinations."""
        database = getattr(self._client.config.credentials, "database", None)
        return Path(database) if self.is_duckdb and database else None

    def qualified_name(self, table: str) -> str:
        """Return the name of a table of the dataset, as SQL has it."""
        return str(cast("WithSqlClient", self._client).sql_client.make_qualified_table_name(table))

    @cached_property
    def root(self) -> Path:
        """The folder of this target's working directories, below dlt's pipelines folder (``DLT_DATA_DIR``).

        Raises:
            ConfigurationError: it cannot be created.
        """
        try:
            self._root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"dlt's data cannot be kept in {self._root.parent}: {error.strerror}. Set DLT_DATA_DIR."
            ) from None
        return self._root

    @property
    def _root(self) -> Path:
        return Path(get_dlt_pipelines_dir()) / f"{self.pipeline_name}-{self.destination}-{self._fingerprint}"

    @property
    def roots(self) -> list[Path]:
        """The existing roots of this dataset under every name of its destination; interrupted runs may wait in each.

        Only PostgreSQL and DuckDB: the description of others may leave out a part of the place, for example
        Databricks' catalog.
        """
        if not (self.is_postgres or self.is_duckdb):
            return [self._root] if self._root.exists() else []
        return sorted(self._root.parent.glob(f"{self.pipeline_name}-*-{self._fingerprint}"))

    @cached_property
    def _fingerprint(self) -> str:
        return hashlib.sha256(f"{self.description} {self.dataset_name}".encode()).hexdigest()[:12]

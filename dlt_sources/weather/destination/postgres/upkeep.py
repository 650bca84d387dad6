"""Upkeep of the bronze tables around each package: partitions before it is loaded, indexes afterwards."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.destination.postgres.maintenance import ensure_indexes, lacks_indexes
from dlt_sources.weather.destination.postgres.partitioning.creation import prepare_tables
from dlt_sources.weather.destination.postgres.session import LoadingCredentials

logger = logging.getLogger(__name__)


@dataclass
class Upkeep:
    """Upkeep of a dataset in PostgreSQL during one run: what is there already is not looked for again.

    Args:
        credentials: those of the connections that load packages.
        now: the clock, UTC.
        troubles: receives what could not be created and why, a sentence each; it is logged too.
    """

    credentials: LoadingCredentials
    now: Callable[[], datetime]
    troubles: list[str]
    _indexed: set[str] = field(default_factory=set)
    _prepared: set[str] = field(default_factory=set)

    def before_load(self, client: SqlClientBase[Any], pipeline: dlt.Pipeline) -> None:
        """Create partitioned tables and months that a package needs, before dlt looks for its tables.

        Args:
            client: an open connection.
            pipeline: the pipeline, whose package is normalized.
        """
        schema = pipeline.default_schema
        names = set(schema.data_table_names(seen_data_only=True))
        if names <= self._prepared:
            return
        self._prepared |= names
        self._tell(prepare_tables(client, schema, names, self.now()))
        self.credentials.merge_by_index(enabled=not lacks_indexes(client))

    def after_load(self, client: SqlClientBase[Any], tables: Iterable[str]) -> None:
        """Create the indexes that tables lack.

        Args:
            client: an open connection.
            tables: tables that were loaded.
        """
        new = set(tables) - self._indexed
        self._indexed |= new
        self._tell(ensure_indexes(client, new))

    def _tell(self, troubles: list[str]) -> None:
        for trouble in troubles:
            logger.warning(trouble)
        self.troubles += troubles

"""Storage of Dagster's records; ``dagster.yaml`` names it, so every process imports this module and its log setup.

PostgreSQL if ``DAGSTER_POSTGRES_HOST`` is set, with ``DAGSTER_POSTGRES_PORT`` (5432), ``_DB`` (dagster), ``_USER``
(dagster) and ``_PASSWORD``, or ``_PASSWORD_FILE``, the path of a file that holds it; else SQLite below
``DAGSTER_HOME``; else, as Dagster does, SQLite in a temporary folder of the process that made it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

# private: dagster 1.13.1 exports neither; the public `storage:` of dagster.yaml names one kind and cannot choose by
# the environment
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from filelock import FileLock
from sqlalchemy import URL

from dagster_project.instance.logs import configure_dagster_logging
from dagster_project.instance.postgres import Records, tables_locked

configure_dagster_logging()

logger = logging.getLogger(__name__)
# set for child processes; not DAGSTER_HOME, because Dagster itself reads that
SHARED_FOLDER = "WEATHER_DAGSTER_TEMPORARY"
_temporary_folders: list[TemporaryDirectory[str]] = []


class InstanceStorage(DagsterStorage[Any]):
    """The class that ``dagster.yaml`` names: makes PostgreSQL or SQLite storage by the environment."""

    @classmethod
    def config_type(cls) -> Any:
        """Return an empty configuration: all of it is in the environment, so no password is in a file."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> DagsterStorage[Any]:  # noqa: ARG003
        """Return the storage for this process."""
        url = _postgres_url()
        # with PostgreSQL too: the logs of steps are below it, which the webserver reads and another process writes
        folder = records_folder()
        if url is None:
            # daemon and webserver that create it at the same moment leave a database that neither can open
            with FileLock(Path(folder) / "storage.lock"):
                return DagsterSqliteStorage(folder, inst_data)
        return Records(url, inst_data)


@contextmanager
def exclusive_tables() -> Iterator[None]:
    """Hold the lock of Dagster's tables in PostgreSQL, if they are there; SQLite has one process at a time anyway."""
    url = _postgres_url()
    with tables_locked(url) if url else nullcontext():
        yield


def _postgres_url() -> URL | None:
    """Return the database of Dagster's records, or None if they are in SQLite."""
    host = os.environ.get("DAGSTER_POSTGRES_HOST")
    if not host:
        return None
    return URL.create(
        # the driver that Dagster installs; SQLAlchemy 2.1 has another default
        "postgresql+psycopg2",
        username=os.environ.get("DAGSTER_POSTGRES_USER", "dagster"),
        password=_password(),
        host=host,
        port=int(os.environ.get("DAGSTER_POSTGRES_PORT", "5432")),
        database=os.environ.get("DAGSTER_POSTGRES_DB", "dagster"),
    )


def _password() -> str | None:
    """Return the password of Dagster's records, from its file if one is named."""
    file = os.environ.get("DAGSTER_POSTGRES_PASSWORD_FILE")
    return Path(file).read_text().strip() if file else os.environ.get("DAGSTER_POSTGRES_PASSWORD")


def records_folder() -> str:
    """Return the folder of records and steps' logs: ``DAGSTER_HOME``, or a temporary one for child processes."""
    home = os.environ.get("DAGSTER_HOME") or os.environ.get(SHARED_FOLDER)
    if home:
        return home
    if os.environ.get("DAGSTER_POSTGRES_HOST"):
        logger.warning(
            "DAGSTER_HOME is not set: the logs of steps are in a temporary folder, and end with this process."
        )
    _temporary_folders.append(TemporaryDirectory(prefix="dagster-"))
    os.environ[SHARED_FOLDER] = _temporary_folders[-1].name
    return _temporary_folders[-1].name

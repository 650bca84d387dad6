"""What ``dagster.yaml`` brings into every process of Dagster: where it keeps its records, and how it logs.

PostgreSQL where ``DAGSTER_POSTGRES_HOST`` is set, with ``DAGSTER_POSTGRES_PORT`` (5432), ``_DB`` (dagster), ``_USER``
(dagster) and ``_PASSWORD``; else SQLite below ``DAGSTER_HOME``; else, like Dagster, a folder that ends with the
process that made it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dagster._core.storage.base_storage import DagsterStorage

# the two have no shorter public name; Dagster's reference names them so for custom storage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster_postgres import DagsterPostgresStorage
from filelock import FileLock
from sqlalchemy import URL

from dagster_project.instance.logs import configure_dagster_logging

configure_dagster_logging()

# handed to the processes below; not DAGSTER_HOME, which has a meaning of its own
SHARED_FOLDER = "WEATHER_DAGSTER_TEMPORARY"
_made: list[TemporaryDirectory[str]] = []


class InstanceStorage(DagsterStorage[Any]):
    """PostgreSQL or SQLite, as the environment says; the class ``dagster.yaml`` names."""

    @classmethod
    def config_type(cls) -> Any:
        """No configuration but the environment, so that no password stands in a file."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> DagsterStorage[Any]:  # noqa: ARG003
        """The storage for this process."""
        host = os.environ.get("DAGSTER_POSTGRES_HOST")
        if not host:
            folder = _folder()
            # daemon and webserver that make it at the same moment would leave a database that neither can open
            with FileLock(Path(folder) / "storage.lock"):
                return DagsterSqliteStorage(folder, inst_data)
        url = URL.create(
            # the driver that Dagster brings; SQLAlchemy 2.1 would look for another
            "postgresql+psycopg2",
            username=os.environ.get("DAGSTER_POSTGRES_USER", "dagster"),
            password=os.environ.get("DAGSTER_POSTGRES_PASSWORD"),
            host=host,
            port=int(os.environ.get("DAGSTER_POSTGRES_PORT", "5432")),
            database=os.environ.get("DAGSTER_POSTGRES_DB", "dagster"),
        )
        return DagsterPostgresStorage(url.render_as_string(hide_password=False), inst_data=inst_data)


def _folder() -> str:
    """Where SQLite's files are: the instance's home, or a folder shared with the processes below this one."""
    home = os.environ.get("DAGSTER_HOME") or os.environ.get(SHARED_FOLDER)
    if home:
        return home
    _made.append(TemporaryDirectory(prefix="dagster-"))
    os.environ[SHARED_FOLDER] = _made[-1].name
    return _made[-1].name

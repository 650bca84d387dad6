"""Memory for what Dagster's records in SQLite make again for each statement.

Dagster makes an engine a connection, and SQLAlchemy keeps compiled statements by engine: each of some thousand
statements of a run is compiled when it is run. Alembic reads all of Dagster's migrations for each new file. Both took a
fifth of the processor time of a job in this process.
"""

from __future__ import annotations

from functools import lru_cache, wraps
from typing import Any

import sqlalchemy
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage


def remember_statements() -> None:
    """Let Dagster's SQLite files share an engine each, and all of them one store of compiled statements."""
    first = sqlalchemy.create_engine("sqlite://")
    with first.connect():
        pass

    @lru_cache(maxsize=32)
    def engine(url: str, **options: Any) -> sqlalchemy.Engine:
        made = sqlalchemy.create_engine(url, **options)
        # a statement is found by its dialect
        made.dialect = made.pool._dialect = first.dialect
        made._compiled_cache = first._compiled_cache
        return made

    for module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
        module.create_engine = engine


def remember_migrations() -> None:
    """Let Alembic read a folder of migrations once."""
    read = ScriptDirectory.from_config
    folders: dict[str | None, ScriptDirectory] = {}

    @wraps(read)
    def remembered(config: Any) -> ScriptDirectory:
        name = config.get_alembic_option("script_location")
        if name not in folders:
            folders[name] = read(config)
        return folders[name]

    ScriptDirectory.from_config = remembered

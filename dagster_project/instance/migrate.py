"""``python -m dagster_project.instance.migrate``: bring Dagster's tables to the installed version, or make them.

What ``dagster instance migrate`` does, with logs in the project's format, and by one process at a time. It does nothing
to tables that are up to date, so that it may run before every start, nor to those that a later release has migrated, so
that an upgrade can be taken back: the migrations of Dagster 1 take nothing away that an earlier release reads.
"""

from __future__ import annotations

import logging

from dagster import DagsterInstance

from dagster_project.instance.storage import exclusive_tables

logger = logging.getLogger(__name__)


def main() -> None:
    """Migrate the tables of the instance that ``DAGSTER_HOME`` names."""
    with DagsterInstance.get() as instance, exclusive_tables():
        try:
            instance.upgrade(lambda text: logger.info("%s", text.strip()))
        except Exception as error:
            # Alembic's words; its class would be an import of what only Dagster depends on
            if "Can't locate revision" not in str(error):
                raise
            logger.warning("Dagster's tables are of a later version, and stay as they are: %s", error)
            return
    logger.info("Dagster's tables are up to date")


if __name__ == "__main__":
    main()

"""How the backups of a PostgreSQL server ended, by the table in which infra/ has them recorded."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.destination.reader import DestinationReader

TABLE = "upkeep.backups"
# of a database without any good backup: a day and the time that one takes
FIRST_WITHIN = timedelta(hours=26)


class Backup(NamedTuple):
    """Backups of one database.

    Attributes:
        database: its name.
        attempted_at: begin of the last one, UTC.
        good_at: end of the last one that was read back and found whole, UTC; None if none ever was.
        due_by: when the next good one must be there, UTC; None likewise.
        error: why the last one failed; None if it did not.
    """

    database: str
    attempted_at: datetime | None
    good_at: datetime | None
    due_by: datetime | None
    error: str | None

    def problem(self, now: datetime) -> str | None:
        """Return what is wrong with them, in a sentence; None if nothing is.

        Args:
            now: the present, UTC.
        """
        if self.good_at:
            last = f"the last good backup of {self.database} is of {self.good_at:%Y-%m-%d %H:%M} UTC"
        else:
            last = f"there is no good backup of {self.database}"
        if self.error:
            return f"The last backup of {self.database} failed: {self.error.rstrip('.')}; {last}."
        due = self.due_by or (self.attempted_at and self.attempted_at + FIRST_WITHIN)
        return f"{last[0].upper()}{last[1:]}, and none has come since." if due and due < now else None


def read_backups(reader: DestinationReader) -> list[Backup]:
    """Return the backups of each database; none where nothing records any.

    Args:
        reader: reads the destination.
    """
    if not reader.is_postgres or reader.rows(f"SELECT to_regclass('{TABLE}')::text") in ([], [(None,)]):
        return []
    sql = f"SELECT database, last_attempt_at, last_good_at, due_by, last_error FROM {TABLE} ORDER BY database"
    return [
        Backup(database, attempted and utc(attempted), good and utc(good), due and utc(due), error)
        for database, attempted, good, due, error in reader.rows(sql)
    ]

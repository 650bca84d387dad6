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
        copied_at: when a good one was last copied off the cluster, UTC; None without copies.
        copy_error: why the last copy failed; None if it did not.
        copy_due_by: when the copy of the last good one must have ended, UTC; None once it is there, and without copies.
    """

    database: str
    attempted_at: datetime | None
    good_at: datetime | None
    due_by: datetime | None
    error: str | None
    copied_at: datetime | None = None
    copy_error: str | None = None
    copy_due_by: datetime | None = None

    @property
    def is_copied(self) -> bool:
        """Whether backups are to be copied off the cluster."""
        return bool(self.copied_at or self.copy_error or self.copy_due_by)

    def problem(self, now: datetime) -> str | None:
        """Return what is wrong with them, in a sentence; None if nothing is.

        Args:
            now: the present, UTC.
        """
        return " ".join(filter(None, [self._failure(now), self._copy_failure(now)])) or None

    def _failure(self, now: datetime) -> str | None:
        if self.good_at:
            last = f"the last good backup of {self.database} is of {self.good_at:%Y-%m-%d %H:%M} UTC"
        else:
            last = f"there is no good backup of {self.database}"
        if self.error:
            return f"The last backup of {self.database} failed: {self.error.rstrip('.')}; {last}."
        due = self.due_by or (self.attempted_at and self.attempted_at + FIRST_WITHIN)
        return f"{last[0].upper()}{last[1:]}, and none has come since." if due and due < now else None

    def _copy_failure(self, now: datetime) -> str | None:
        last = f"the last copy is of {self.copied_at:%Y-%m-%d %H:%M} UTC" if self.copied_at else "there is no copy"
        if self.copy_error:
            return f"The last backup of {self.database} was not copied: {self.copy_error.rstrip('.')}; {last}."
        if self.copy_due_by and self.copy_due_by < now:
            return f"The last backup of {self.database} was not copied in time; {last}."
        return None


def read_backups(reader: DestinationReader) -> list[Backup]:
    """Return the backups of each database; none where nothing records any.

    Args:
        reader: reads the destination.
    """
    if not reader.is_postgres or reader.rows(f"SELECT to_regclass('{TABLE}')::text") in ([], [(None,)]):
        return []
    # as JSON, since the table of an earlier release has no columns of copies
    copy = "to_jsonb(b) ->> "
    sql = (
        f"SELECT database, last_attempt_at, last_good_at, due_by, last_error, ({copy}'copied_at')::timestamptz,"
        f" {copy}'copy_error', ({copy}'copy_due_by')::timestamptz FROM {TABLE} b ORDER BY database"
    )
    return [
        Backup._make(utc(value) if isinstance(value, datetime) else value for value in row) for row in reader.rows(sql)
    ]

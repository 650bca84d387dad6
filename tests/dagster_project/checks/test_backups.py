"""Backups of a PostgreSQL server, as infra/ has them recorded: late, failed, good, or none at all."""

from datetime import datetime, timedelta, timezone

from dagster_project.checks.load_report.backups import backups_are_recent
from dlt_sources.weather.destination.postgres.backups import Backup, read_backups
from tests.helpers.support import query

NOW = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
GOOD = Backup("weather", NOW - timedelta(hours=9), NOW - timedelta(hours=9), NOW + timedelta(hours=17), None)


def test_a_backup_that_failed_or_is_overdue_fails_with_the_age_of_the_last_good_one():
    assert backups_are_recent([], NOW).passed
    good = backups_are_recent([GOOD], NOW)
    assert good.passed
    assert good.figures == {"hours since the last good backup of weather": 9.0}
    failed = backups_are_recent([GOOD._replace(error="No space left on device.")], NOW)
    assert failed.description == (
        "The last backup of weather failed: No space left on device; "
        "the last good backup of weather is of 2026-11-27 03:00 UTC."
    )
    late = backups_are_recent([GOOD._replace(due_by=NOW - timedelta(hours=1))], NOW)
    assert late.description == "The last good backup of weather is of 2026-11-27 03:00 UTC, and none has come since."
    never = Backup("dagster", NOW - timedelta(hours=27), None, None, None)
    assert (
        backups_are_recent([never], NOW).description == "There is no good backup of dagster, and none has come since."
    )


def test_a_copy_that_failed_or_is_overdue_fails_beside_a_good_backup():
    copied = GOOD._replace(copied_at=NOW - timedelta(hours=8))
    assert backups_are_recent([copied], NOW).figures == {
        "hours since the last good backup of weather": 9.0,
        "hours since the last copy of weather": 8.0,
    }
    under_way = copied._replace(copy_due_by=NOW + timedelta(hours=1))
    assert backups_are_recent([under_way], NOW).passed
    refused = copied._replace(copy_error="StatusCode: 403, AccessDenied.")
    assert backups_are_recent([refused], NOW).description == (
        "The last backup of weather was not copied: StatusCode: 403, AccessDenied; "
        "the last copy is of 2026-11-27 04:00 UTC."
    )
    killed = GOOD._replace(copy_due_by=NOW - timedelta(hours=1), error="No space left on device")
    assert backups_are_recent([killed], NOW).description == (
        "The last backup of weather failed: No space left on device; the last good backup of weather is of 2026-11-27 "
        "03:00 UTC. The last backup of weather was not copied in time; there is no copy."
    )


def test_they_are_read_where_they_are_recorded(postgres):
    query(postgres, "CREATE TABLE IF NOT EXISTS nothing (a int)")
    with postgres.reader() as reader:
        assert read_backups(reader) == []
        reader.client.execute_sql("CREATE SCHEMA upkeep")
        reader.client.execute_sql(
            "CREATE TABLE upkeep.backups (database text, last_attempt_at timestamptz, last_good_at timestamptz,"
            " due_by timestamptz, last_error text)"
        )
        reader.client.execute_sql(
            "INSERT INTO upkeep.backups VALUES ('weather', '2026-11-27T03:00Z', '2026-11-27T03:00Z',"
            " '2026-11-28T05:00Z', NULL)"
        )
        assert read_backups(reader) == [GOOD], "the table of a release without copies"
        reader.client.execute_sql(
            "ALTER TABLE upkeep.backups ADD COLUMN copied_at timestamptz, ADD COLUMN copy_error text,"
            " ADD COLUMN copy_due_by timestamptz"
        )
        reader.client.execute_sql(
            "UPDATE upkeep.backups SET copied_at = last_good_at, copy_error = 'refused', copy_due_by = due_by"
        )
        copies = GOOD._replace(copied_at=GOOD.good_at, copy_error="refused", copy_due_by=GOOD.due_by)
        assert read_backups(reader) == [copies]
        reader.client.execute_sql("DROP SCHEMA upkeep CASCADE")

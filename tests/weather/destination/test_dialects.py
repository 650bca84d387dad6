"""Translation of this program's SQL for databases that read another one."""

from datetime import datetime, timedelta, timezone

import pytest

from dlt_sources.weather.destination.reader import ON_THE_HOUR
from dlt_sources.weather.destination.reading.dialects import from_destination, translated

MOMENT = datetime(2026, 5, 20, 12, 0, 0, 5, timezone(timedelta(hours=2)))


def test_parameters_follow_their_places_and_moments_are_utc():
    sql, parameters = translated("SELECT 1 FROM t WHERE a = %s AND dt >= %s LIMIT %s", ("x", MOMENT, 3), "sqlite")
    assert sql == "SELECT 1 FROM t WHERE a = %s AND dt >= %s LIMIT %s"
    assert parameters == ["x", "2026-05-20 10:00:00.000005", 3]


def test_a_percent_sign_is_doubled_only_where_a_driver_halves_it():
    assert translated("SELECT 1 FROM t WHERE a LIKE 'b%%'", (), "sqlite")[0].endswith("LIKE 'b%'")
    assert translated("SELECT 1 FROM t WHERE a LIKE 'b%%' AND c = %s", (1,), "sqlite")[0].endswith(
        "LIKE 'b%%' AND c = %s"
    )


@pytest.mark.parametrize(
    ("dialect", "epoch"),
    [
        ("sqlite", "CAST(STRFTIME('%s', dt) AS INTEGER)"),
        ("mysql", "TIMESTAMPDIFF(SECOND, '1970-01-01', dt)"),
    ],
)
def test_moments_are_counted_in_utc(dialect, epoch):
    assert epoch in translated(f"SELECT 1 FROM t WHERE {ON_THE_HOUR}", (), dialect)[0]


def test_names_that_are_reserved_words_elsewhere_are_quoted():
    assert translated('SELECT before FROM "bronze"."t"', (), "mysql")[0] == "SELECT `before` FROM `bronze`.`t`"


def test_texts_of_moments_become_moments_and_others_stay():
    rows = [("2026-05-20 10:00:00.000000", "2026-05-20", None)]
    assert from_destination(rows, "sqlite") == [(datetime(2026, 5, 20, 10), "2026-05-20", None)]  # noqa: DTZ001
    assert from_destination(rows, "mysql") == rows

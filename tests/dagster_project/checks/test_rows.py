"""Rows at fault as text, and as a table from which alerts read them back."""

from datetime import datetime, timezone

import pytest

from dagster_project.checks.rows import listed, read_rows, since_text, to_table, words_of


def test_a_table_of_rows_is_read_back_whatever_its_texts():
    rows = [
        {"location_id": "a", "cause": "x | y\\", "newest": None, "temp": 80.5},
        {"location_id": "b", "cause": "2\nlines"},
    ]
    assert to_table(rows).splitlines()[0] == "| location_id | cause | newest | temp |"
    assert read_rows(to_table(rows)) == [
        {"location_id": "a", "cause": "x | y\\", "temp": "80.5"},
        {"location_id": "b", "cause": "2 lines"},
    ]


def test_rows_of_earlier_releases_are_read_and_a_number_of_rows_is_none():
    assert read_rows([{"location_id": "a"}, "text"]) == [{"location_id": "a"}, {"row": "text"}]
    assert read_rows(0) == read_rows(None) == []


def test_a_handful_is_named_and_more_are_counted():
    assert listed(list("abc")) == "a; b; c"
    assert listed(list("abcdefg")) == "a; b; c; d; e; and 2 more"
    assert listed(list("abcdefg"), 40) == "a; b; c; d; e; and 35 more"


@pytest.mark.parametrize(
    ("cause", "status", "words"),
    [
        ("not_found: city not found", 404, "city not found (404)"),
        ("connection: no connection to x: refused", None, "no connection to x: refused"),
        ("location 3: this is no latitude", None, "location 3: this is no latitude"),
        (None, None, "cause unknown"),
    ],
)
def test_a_cause_is_its_words_and_status(cause, status, words):
    assert words_of(cause, status) == words


def test_the_date_of_another_day_is_named():
    now = datetime(2026, 5, 20, 12, tzinfo=timezone.utc)
    assert since_text(now.replace(hour=9), now) == "09:00 UTC"
    assert since_text(now.replace(day=19), now) == "2026-05-19 12:00 UTC"

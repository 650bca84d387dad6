"""Backfills that no load has finished, by shard: one shard's load does not finish another's."""

from datetime import datetime, timezone

import pytest

from dlt_sources.weather.status.runs import read_unfinished

AT = datetime(2026, 5, 20, tzinfo=timezone.utc)


class Reader:
    """Reader whose query has these rows: shard, and whether the run left something."""

    def __init__(self, *runs):
        self._rows = [("weather_history", "2026-05-01", None, shard, AT, is_left) for shard, is_left in runs]

    def rows(self, _sql, **_tables):
        """Return the rows."""
        return self._rows


@pytest.mark.parametrize(
    ("runs", "left"),
    [
        ([("1/2", True), ("2/2", False)], ["1/2"]),
        ([("1/2", True), ("2/2", True)], ["1/2", "2/2"]),
        ([("1/2", True), ("2/2", True), ("1/2", False)], ["2/2"]),
        ([("1/2", True), ("2/2", True), (None, False)], []),
        ([(None, True), ("1/2", False)], [None]),
        ([(None, True), (None, False)], []),
    ],
)
def test_a_load_finishes_its_own_shard_and_one_of_all_locations_every_shard(runs, left):
    assert [one.shard for one in read_unfinished(Reader(*runs))] == left

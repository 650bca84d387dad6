"""Refused look-ups: a location that the geocoder does not know is asked for again with growing pauses.

A misspelt entry would otherwise cost a call and a row of ``rejects`` an hour, 8,760 a year. Its reject is one row under
a stable id, which each run updates and which says when the entry is asked for again. So the pauses need no other state:
they survive a lost working directory, and each destination that can be read has them. A corrected entry is another
query, so it is asked for at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from dlt_sources.weather.common.clock import HOUR, floor_hour, utc
from dlt_sources.weather.contracts import Reject
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.locations.model import LocationQuery

# classes that another request meets as well, until the entry or the geocoder's list changes
LASTING = ("not_found", "bad_request")
# 1, 2, 4, 8, 16 hours, then a day: a place that the geocoder learns is found within a day, for 370 calls a year
LONGEST_PAUSE = timedelta(days=1)
# ids in one query: SQLite takes 999 parameters at most
_IDS_AT_ONCE = 500
_COLUMNS = "reject_id, error_class, message, http_status, endpoint, payload, times, first_rejected_at, asked_again_at"


class Refusal(NamedTuple):
    """The open reject of a location that the API refused to look up.

    Attributes:
        error_class: class of the error.
        message: the API's words, or the description of the error.
        http_status: HTTP status; None if there was no response.
        endpoint: path of the request.
        payload: excerpt of the answer.
        times: number of refused look-ups.
        since: moment of the first, UTC.
        asked_again_at: moment from which on the location is asked for again, UTC.
    """

    error_class: str
    message: str
    http_status: int | None
    endpoint: str | None
    payload: str | None
    times: int
    since: datetime
    asked_again_at: datetime

    def columns(self) -> dict[str, Any]:
        """Return the columns of the updated reject, without those that say which request it was."""
        columns = self._asdict()
        del columns["endpoint"]
        return columns | {"first_rejected_at": columns.pop("since")}


def refusal_id(query: LocationQuery) -> str:
    """Return the stable ``reject_id`` of a location's refused look-ups: another query has another one."""
    return entry_id(query.location_id, query.query)


def entry_id(*texts: str) -> str:
    """Return the stable ``reject_id`` of an entry of the user's list.

    Args:
        texts: the texts that tell the entry from others.
    """
    return f"locations-{hashlib.sha256(chr(0).join(texts).encode()).hexdigest()[:24]}"


def next_look_up(times: int, at: datetime) -> datetime:
    """Return the moment from which on a refused location is asked for again: a full hour, as most schedules have it.

    Args:
        times: number of refused look-ups.
        at: moment of the last, UTC.
    """
    return floor_hour(at) + min(HOUR * (1 << min(times - 1, 10)), LONGEST_PAUSE)


def again_text(since: datetime, asked_again_at: datetime) -> str:
    """Return since when a location is refused, and when it is asked for again, as text."""
    return f"since {since:%Y-%m-%d %H:%MZ}, asked again {asked_again_at:%Y-%m-%d %H:%MZ}"


def columns_of_refusal(query: LocationQuery, at: datetime) -> dict[str, Any]:
    """Return the columns of ``rejects`` that a refused look-up has beyond those of any reject.

    Args:
        query: the location, with its earlier refusals.
        at: moment of the refusal, UTC.
    """
    times = query.refusals + 1
    return {
        "reject_id": refusal_id(query),
        "times": times,
        "first_rejected_at": query.refused_since or at,
        "asked_again_at": next_look_up(times, at),
    }


def read_refusals(reader: DestinationReader, queries: Iterable[LocationQuery]) -> dict[str, Refusal]:
    """Return the refusals of which a destination has a reject, by ``refusal_id``.

    Args:
        reader: reads the destination.
        queries: the locations.
    """
    ids = [refusal_id(query) for query in queries]
    # a dataset of an earlier release lacks the columns until something is rejected
    if not ids or "asked_again_at" not in reader.columns(Reject.table):
        return {}
    found: dict[str, Refusal] = {}
    for chunk in (ids[start : start + _IDS_AT_ONCE] for start in range(0, len(ids), _IDS_AT_ONCE)):
        # the newest last: where rows are appended, a reject has several
        sql = (
            f"SELECT {_COLUMNS} FROM {{rejects}} WHERE reject_id IN ({', '.join(['%s'] * len(chunk))})"
            " AND asked_again_at IS NOT NULL ORDER BY rejected_at"
        )
        for reject_id, *others, since, again in reader.rows(sql, *chunk, rejects=Reject.table):
            found[reject_id] = Refusal._make([*others, utc(since), utc(again)])
    return found

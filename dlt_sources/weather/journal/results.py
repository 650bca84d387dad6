"""Results of requests as bytes: a line with the counts of the resource, a line about the request, the body."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import orjson

from dlt_sources.weather.api.responses import Answer, Failure, Request, Result
from dlt_sources.weather.locations.model import LocationQuery, ResolvedLocation


class Entry(NamedTuple):
    """A result as the journal keeps it.

    Attributes:
        counts: the row of ``load_runs`` as it was when the load package began.
        at: moment of the result, UTC.
        calls: calls that the run had made for the resource by then.
        result: the result; the subject of its request is a ``ResolvedLocation``, or the ``LocationQuery`` of a look-up.
        window: the rest of the request's window, as JSON has it; empty for a look-up.
    """

    counts: dict[str, Any]
    at: datetime
    calls: int
    result: Result
    window: dict[str, Any]


def encode(counts: bytes, result: Result, calls: int, at: datetime) -> bytes:
    """Return a result as bytes.

    Args:
        counts: the row of ``load_runs`` when the load package began, as JSON without a line break.
        result: the result of a request about a location or a location query.
        calls: calls that the run has made for the resource.
        at: moment of the result, UTC.
    """
    facts: dict[str, Any] = {"at": at, "calls": calls}
    # orjson writes dataclasses itself, several times as fast as dicts could be made of them
    if isinstance(result, Failure):
        return b"\n".join((counts, orjson.dumps(facts | {"failure": result}), b""))
    return b"\n".join((counts, orjson.dumps(facts | {"request": result.request}), result.body))


def decode(payload: bytes) -> Entry:
    """Return the result that ``encode`` has made bytes of."""
    counts, line, body = payload.split(b"\n", 2)
    facts = orjson.loads(line)
    failure = facts.get("failure")
    asked = failure.pop("request") if failure else facts["request"]
    subject = asked.pop("about")
    location = subject.pop("location", None)
    if since := subject.get("refused_since"):
        subject["refused_since"] = datetime.fromisoformat(since)
    about = ResolvedLocation(**location) if location else LocationQuery(**subject)
    request = Request(**asked, about=about)
    at = datetime.fromisoformat(facts["at"])
    result: Result = Failure(request, **failure) if failure else Answer(request, body, orjson.loads(body), at)
    row = orjson.loads(counts)
    row["started_at"] = datetime.fromisoformat(row["started_at"])
    return Entry(row, at, facts["calls"], result, subject if location else {})

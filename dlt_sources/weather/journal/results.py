"""Results of requests as bytes: a line with the counts of the resource, a line about the request, the body."""

from __future__ import annotations

from dataclasses import fields
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
    """

    counts: dict[str, Any]
    at: datetime
    calls: int
    result: Result


def encode(counts: bytes, result: Result, calls: int, at: datetime) -> bytes:
    """Return a result as bytes.

    Args:
        counts: the row of ``load_runs`` when the load package began, as JSON without a line break.
        result: the result of a request about a location or a location query.
        calls: calls that the run has made for the resource.
        at: moment of the result, UTC.
    """
    request = result.request
    subject = request.about
    about: dict[str, Any] = {"at": at, "calls": calls, "request": _values(request, "about")}
    if isinstance(subject, LocationQuery):
        about["query"] = _values(subject)
    else:
        about["location"] = _values(subject.location)
    if isinstance(result, Failure):
        about["failure"] = _values(result, "request")
    body = result.body if isinstance(result, Answer) else b""
    return b"\n".join((counts, orjson.dumps(about), body))


def decode(payload: bytes) -> Entry:
    """Return the result that ``encode`` has made bytes of."""
    counts, about, body = payload.split(b"\n", 2)
    facts = orjson.loads(about)
    subject = LocationQuery(**facts["query"]) if "query" in facts else ResolvedLocation(**facts["location"])
    request = Request(**facts["request"], about=subject)
    at = datetime.fromisoformat(facts["at"])
    result: Result
    if "failure" in facts:
        result = Failure(request, **facts["failure"])
    else:
        result = Answer(request, body, orjson.loads(body), at)
    row = orjson.loads(counts)
    row["started_at"] = datetime.fromisoformat(row["started_at"])
    return Entry(row, at, facts["calls"], result)


def _values(of: Any, *without: str) -> dict[str, Any]:
    return {field.name: getattr(of, field.name) for field in fields(of) if field.name not in without}

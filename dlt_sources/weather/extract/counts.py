"""Counts of requests and rows of a resource, and the rows of ``rejects`` and ``load_runs`` that report them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any, Literal, NamedTuple

from dlt_sources.weather.api.endpoints import LOCATIONS
from dlt_sources.weather.api.responses import PAYLOAD_EXCERPT, Failure
from dlt_sources.weather.common.errors import MOST_LISTED, listed
from dlt_sources.weather.contracts.records import Doubt, Reject, RowErrorClass
from dlt_sources.weather.destination.capabilities.load_options import active_load_options
from dlt_sources.weather.extract.requests import RequestWindow
from dlt_sources.weather.locations.model import LocationQuery
from dlt_sources.weather.locations.refusals import (
    LASTING,
    Refusal,
    again_text,
    columns_of_refusal,
    entry_id,
    refusal_id,
)

logger = logging.getLogger(__name__)
MOST_CAUSES = 1000
# classes of the rejects of entries of the user's list that fail again and again
MISSPELT = (*LASTING, "bad_location")
Status = Literal["running", "ok", "partial", "failed", "interrupted", "not_reached"]


def _name_of(subject: RequestWindow | LocationQuery) -> str:
    if isinstance(subject, RequestWindow):
        return subject.location.name or subject.location.location_id
    return subject.query


@dataclass
class LoadMetrics:
    """The counts of one resource in one run; ``rows_fetched = rows_loaded + rows_rejected`` must hold at its end.

    A request without a usable answer counts as one row fetched and one rejected, so that the rejects table accounts for
    it too; so does a location whose look-up was refused and that is not asked for yet, without a request. ``expected``
    is the foreseen number of requests, ``up_to_date`` that of locations that need none, ``misspelt`` that of rejected
    entries of the user's list that fail until they are corrected. ``places`` has the first locations that a cause
    affects, in order. ``postponed`` says which budget is spent, and when a load goes on. ``since`` and ``until`` are
    the user's range, for a history; ``shard`` and ``orchestrator_run`` are the run's.
    """

    resource: str
    run_id: str
    command: str
    started_at: datetime
    since: str | None = None
    until: str | None = None
    shard: str | None = None
    orchestrator_run: str | None = None
    expected: int = 0
    up_to_date: int = 0
    requests: int = 0
    requests_failed: int = 0
    rows_fetched: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
    calls: int = 0
    seconds: float = 0.0
    new_columns: set[str] = field(default_factory=set)
    other_fields: set[str] = field(default_factory=set)
    answers_doubtful: int = 0
    doubts: dict[str, None] = field(default_factory=dict)
    causes: Counter[str] = field(default_factory=Counter)
    places: dict[str, dict[str, None]] = field(default_factory=dict)
    misspelt: int = 0
    error: str | None = None
    postponed: str | None = None
    _entries: Counter[tuple[str, str]] = field(default_factory=Counter)
    _clock: float = field(default_factory=monotonic)

    @property
    def left(self) -> int:
        """Number of requests that are foreseen and have not ended."""
        return max(0, self.expected - self.requests)

    @property
    def commonest_cause(self) -> tuple[str, int] | None:
        """The message that most rejects have, and their number; None if nothing was rejected."""
        return next(iter(self.causes.most_common(1)), None)

    @property
    def problem(self) -> str | None:
        """The error that ended the resource, or how much of it failed and the commonest cause; None if nothing did."""
        if self.error or self.postponed or self.commonest_cause is None:
            return self.error or self.postponed
        cause, number = self.commonest_cause
        rows = self.rows_rejected - self.requests_failed
        counts = [f"{self.requests_failed} of {self.requests} requests failed"] if self.requests_failed else []
        counts += [f"{rows} rows were rejected"] if rows else []
        return f"{', '.join(counts)}: {cause.rstrip('.')} ({number})"

    def resume(self) -> None:
        """Start the clock, because another step of the resource begins."""
        self._clock = monotonic()

    def pause(self) -> None:
        """Stop the clock and add the seconds since it was started."""
        self.seconds += monotonic() - self._clock
        self._clock = monotonic()

    def reject_request(self, failure: Failure, endpoint: str, at: datetime) -> dict[str, Any]:
        """Count a failed request and return its row of ``rejects``."""
        self.requests += 1
        self.requests_failed += 1
        self.rows_fetched += 1
        return self._reject(
            "request",
            endpoint,
            at,
            failure.request.about,
            error_class=failure.error_class,
            message=failure.message,
            http_status=failure.http_status,
            payload=failure.payload,
        )

    def reject_row(
        self,
        error_class: RowErrorClass,
        message: str,
        record: str,
        *,
        field: str,
        endpoint: str,
        at: datetime,
        window: RequestWindow,
    ) -> dict[str, Any]:
        """Count a rejected row, which is counted as fetched already, and return its row of ``rejects``."""
        return self._reject(
            "row", endpoint, at, window, error_class=error_class, message=message, payload=record, field=field
        )

    def reject_location(self, position: str, text: str, message: str, at: datetime) -> dict[str, Any]:
        """Count an entry of the user's list that is no location, and return its row of ``rejects``."""
        self.rows_fetched += 1
        self._entries[position, text] += 1
        return self._reject(
            "row",
            None,
            at,
            None,
            # one row for the entry, whichever run rejects it
            reject_id=entry_id(position, text, str(self._entries[position, text])),
            error_class="bad_location",
            message=f"{position}: {message}",
            payload=text,
            query=text,
            field=position,
        )

    def reject_unasked(self, query: LocationQuery, refusal: Refusal, at: datetime) -> dict[str, Any]:
        """Count a location that is not asked for, because its look-up was refused, and return its updated reject.

        Args:
            query: the location.
            refusal: the reject that the destination has of it.
            at: the moment, UTC.
        """
        self.rows_fetched += 1
        return self._reject("request", refusal.endpoint, at, query, reject_id=refusal_id(query), **refusal.columns())

    def _reject(
        self,
        kind: str,
        endpoint: str | None,
        at: datetime,
        subject: RequestWindow | LocationQuery | None,
        **details: Any,
    ) -> dict[str, Any]:
        self.rows_rejected += 1
        message = str(details["message"])
        if isinstance(subject, LocationQuery) and details["error_class"] in LASTING and "times" not in details:
            details |= columns_of_refusal(subject, at)
        if subject is not None:
            again = details.get("asked_again_at")
            name = _name_of(subject)
            self._note_place(message, f"{name} [{again_text(details['first_rejected_at'], again)}]" if again else name)
        # a message may quote a value; so many different ones have no common cause
        if message in self.causes or len(self.causes) < MOST_CAUSES:
            self.causes[message] += 1
        self.misspelt += self.resource == LOCATIONS and details["error_class"] in MISSPELT
        details["payload"] = (details.get("payload") or "")[:PAYLOAD_EXCERPT] or None
        if isinstance(subject, RequestWindow):
            details |= {"location_id": subject.location.location_id}
            details |= {"window_start": subject.start, "window_end": subject.end}
        elif subject is not None:
            details |= {"location_id": subject.location_id, "query": subject.query}
        return dict.fromkeys(Reject.model_fields) | {
            "reject_id": f"{self.run_id}-{self.resource}-{self.rows_rejected}",
            "run_id": self.run_id,
            "resource": self.resource,
            "kind": kind,
            "endpoint": endpoint,
            "rejected_at": at,
            **details,
        }

    def note_doubts(self, doubts: Iterable[tuple[Doubt, str]], place: str) -> None:
        """Count an answer that may not be about what was asked for, log it, and keep the first descriptions."""
        self.answers_doubtful += 1
        for kind, description in doubts:
            text = f"{kind} of {place}: {description}"
            logger.warning("%s: %s, though its rows are loaded", self.resource, text)
            if len(self.doubts) < MOST_LISTED:
                self.doubts[text] = None

    def _note_place(self, cause: str, place: str) -> None:
        if cause in self.places or len(self.places) < MOST_LISTED:
            places = self.places.setdefault(cause, {})
            if len(places) <= MOST_LISTED:
                places[place] = None

    def status(self, *, finished: bool, ended: bool) -> Status:
        """Return the resource's state for ``load_runs``.

        Args:
            finished: whether nothing is left to ask.
            ended: whether the run has ended early, so that nothing more is asked.
        """
        if self.error:
            return "failed"
        if self.postponed:
            return "partial"
        if not finished and ended:
            return "interrupted" if self.requests or self.calls else "not_reached"
        if not finished:
            return "running"
        return "partial" if self.rows_rejected else "ok"

    def row(self, status: Status, at: datetime) -> dict[str, Any]:
        """Return the row of ``load_runs`` with the counts so far; the run's next package replaces it."""
        return {
            "run_id": self.run_id,
            "resource": self.resource,
            "command": self.command,
            "orchestrator_run": self.orchestrator_run,
            "since": self.since,
            "until": self.until,
            "shard": self.shard,
            "status": status,
            "started_at": self.started_at,
            "finished_at": at,
            "seconds": round(self.seconds, 3),
            "calls": self.calls,
            "requests": self.requests,
            "requests_failed": self.requests_failed,
            "rows_fetched": self.rows_fetched,
            "rows_loaded": self.rows_loaded,
            "rows_rejected": self.rows_rejected,
            "merge_strategy": active_load_options().written_by,
            "new_columns": ",".join(sorted(self.new_columns)) or None,
            "other_fields": listed(self.other_fields) or None,
            "answers_doubtful": self.answers_doubtful,
            "database_bytes": None,
            "error": self.problem or ("; ".join(self.doubts) or None),
        }


class Shortfall(NamedTuple):
    """Resource of which more than half is missing: how much of it, and the commonest cause."""

    resource: str
    failed: int
    total: int
    subject: str
    cause: str | None
    rejects: int

    def __str__(self) -> str:
        return f"{self.resource}: {self.failed} of {self.total} {self.subject}{_because(self.cause, self.rejects)}"


def shortfall_of(metrics: LoadMetrics, known_locations: int) -> Shortfall | None:
    """Return what is missing if more than half of a resource's requests failed or of its rows were rejected."""
    # known locations, and those whose hours are there, need no request
    known = known_locations if metrics.resource == LOCATIONS else metrics.up_to_date
    cause, count = metrics.commonest_cause or (None, 0)
    for subject, failed, total in (
        ("requests failed", metrics.requests_failed, metrics.requests + known),
        ("rows were rejected", metrics.rows_rejected, metrics.rows_fetched + known),
    ):
        if failed * 2 > total:
            return Shortfall(metrics.resource, failed, total, subject, cause, count)
    return None


def _because(cause: str | None, count: int) -> str:
    return f": {cause.rstrip('.')} ({count})" if cause else ""

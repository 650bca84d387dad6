"""Rows of ``weather_raw``: answers that cannot be asked for again, as they were received."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from dlt_sources.weather.api.endpoints import ALERTS, Endpoint
from dlt_sources.weather.api.responses import Answer


class RawAnswers:
    """The raw answers of one endpoint in one load package, until they are taken.

    Args:
        endpoint: the endpoint.
        run_id: the run that received the answers.

    Attributes:
        bytes: size of the bodies that wait.
    """

    def __init__(self, endpoint: Endpoint, run_id: str) -> None:
        self._endpoint = endpoint
        self._run_id = run_id
        # others are not kept, or have one answer a location
        self._has_several = endpoint.keeps_raw and (bool(endpoint.timeline) or endpoint.name == ALERTS)
        self._moments: dict[str, datetime] = {}
        self._rows: list[dict[str, Any]] = []
        self.bytes = 0

    def at_distinct_moment(self, answer: Answer) -> Answer:
        """Return the answer a microsecond after the location's last one if it has no later moment.

        The moment is in the key, and a clock may stand or be set back.
        """
        if not self._has_several:
            return answer
        location_id = answer.request.about.location.location_id
        if (last := self._moments.get(location_id)) is not None and answer.fetched_at <= last:
            answer = replace(answer, fetched_at=last + timedelta(microseconds=1))
        self._moments[location_id] = answer.fetched_at
        return answer

    def add(self, answer: Answer) -> None:
        """Keep an answer, unless it only named warnings: it has no rows that could be rebuilt."""
        if self._endpoint.name == ALERTS and answer.request.about.alert is None:
            return
        self.bytes += len(answer.body)
        self._rows.append(
            {
                "location_id": answer.request.about.location.location_id,
                "endpoint": self._endpoint.name,
                "fetched_at": answer.fetched_at,
                "units": answer.request.params.get("units"),
                "run_id": self._run_id,
                "body": answer.body.decode(),
            }
        )

    def take(self) -> list[dict[str, Any]]:
        """Return the rows that wait, and forget them."""
        rows, self._rows, self.bytes = self._rows, [], 0
        return rows

"""Contracts of the parts of ``/data/3.0/onecall``; 4.0 gives minutes and warnings of the same form.

Sources: openweathermap.org/api/one-call-3 and openweathermap.org/api/one-call-4. Units as in ``contracts.weather``.
"""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from dlt_sources.weather.contracts.base import AnswerRow, Integer, Measure, Moment, added, as_json, given
from dlt_sources.weather.contracts.shared import POP, TIMEZONE, TIMEZONE_OFFSET, UNITS, AlertIds, DayValues, HourValues

TAGS_JSON = "tags_json"


class _Issued(AnswerRow):
    """Key columns common to the timed parts."""

    key: ClassVar[tuple[str, ...]] = ("location_id", "dt", "issued_at")

    location_id: str = added("The location, as in bronze.locations")
    issued_at: Moment | None = added("UTC hour in which the answer was fetched")
    fetched_at: Moment | None = added("Moment the answer was received, UTC")


class OneCallHourly(_Issued, HourValues):
    """One of the next 48 hours at one location."""

    table: ClassVar[str] = "one_call_hourly"

    dt: Moment = given("dt", "Hour that the row describes, UTC", required=True)
    units: str | None = added(UNITS)
    timezone: str | None = added(TIMEZONE, null_when="empty")
    timezone_offset: Integer | None = added(TIMEZONE_OFFSET)
    pop: Measure | None = given("pop", POP)


class OneCallDaily(_Issued, DayValues):
    """One of the next 8 days at one location; ``dt`` is its local noon."""

    table: ClassVar[str] = "one_call_daily"

    dt: Moment = given("dt", "Noon of the location's local day, UTC", required=True)
    units: str | None = added(UNITS)
    timezone: str | None = added(TIMEZONE, null_when="empty")
    timezone_offset: Integer | None = added(TIMEZONE_OFFSET)
    summary: str | None = given("summary", "The day in words")
    pop: Measure | None = given("pop", POP)


class OneCallMinutely(_Issued, AlertIds):
    """One of the next 60 minutes at one location."""

    table: ClassVar[str] = "one_call_minutely"

    dt: Moment = given("dt", "Minute that the row describes, UTC", required=True)
    precipitation: Measure | None = given("precipitation", "Precipitation, mm/h", required=True)
    timezone: str | None = added(TIMEZONE, null_when="empty")
    timezone_offset: Integer | None = added(TIMEZONE_OFFSET)


class OneCallAlerts(AnswerRow):
    """One official warning for one location; a warning fetched several times is one row."""

    table: ClassVar[str] = "one_call_alerts"
    key: ClassVar[tuple[str, ...]] = ("location_id", "alert_id")

    location_id: str = added("The location, as in bronze.locations")
    alert_id: str = given(
        "id", "4.0: OpenWeather's id of the warning; 3.0: a hash of its sender, event, times and text", required=True
    )
    fetched_at: Moment | None = added("Moment the answer was received, UTC")
    sender_name: str | None = given("sender_name", "Authority that issued the warning")
    event: str | None = given("event", "Kind of danger")
    start: Moment = given("start", "Moment the danger begins, UTC", required=True)
    end: Moment | None = given("end", "Moment the danger ends, UTC; null is unknown", null_when="zero")
    description: str | None = given("description", "Text of the warning")
    tags: str | None = given(TAGS_JSON, "Kinds of severe weather, as JSON; null in 4.0", json=True)

    @classmethod
    def identity(cls, record: dict[str, Any]) -> object:
        """Return the warning's id; 3.0 gives it none, and it becomes a hash of the content."""
        if isinstance(given_id := record.get("id"), str) and given_id:
            return given_id
        content = [record.get(name) for name in ("sender_name", "event", "start", "end", "description")]
        try:
            text = repr(content)
        except RecursionError:
            text = as_json(content)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @classmethod
    def prepare(cls, record: dict[str, Any]) -> dict[str, Any]:
        """Return the warning with an id, and with the tags as JSON text."""
        prepared = {**record, "id": cls.identity(record)}
        tags = prepared.pop("tags", None)
        if tags is not None:
            prepared[TAGS_JSON] = as_json(tags)
        return prepared

    @classmethod
    def texts_of_lists(cls) -> dict[str, str] | None:
        """Return None: records are changed in other ways as well."""
        return None

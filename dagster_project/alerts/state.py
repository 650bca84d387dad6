"""Alert state: the value that the alert sensor keeps in its cursor between ticks.

It is bounded in size and holds no secret. All times are UNIX seconds. A cursor outlives a release: a renamed field
keeps its stored name as alias, so that cursors of earlier releases stay readable.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Level = Literal["warning", "error"]
HOUR_SECONDS = 3600.0


class StoredModel(BaseModel):
    """Base of the models in the cursor: stored under aliases, constructed by field names."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)


class Incident(StoredModel):
    """Incident: open until everything in ``waits_for`` has succeeded.

    ``waits_for`` holds names of successes (see ``sources/names.py``), ``recovered`` those that have come since,
    ``assets`` the affected assets, ``parts`` the names of the affected parts, ``count`` the number of runs that had the
    problem, ``announced`` the level of the last message about it, ``announced_at`` its time. ``description``,
    ``advice`` and ``details`` are kept until that message is composed. ``news`` says why a further one is due.
    ``held_back`` is set while the hourly limit delays it; until ``hold_until`` automatic retries may resolve it.
    """

    key: str
    subject: str
    level: Level
    assets: list[str] = Field(validation_alias="where", serialization_alias="where")
    waits_for: list[str]
    since: float
    last: float
    count: int = 1
    run_id: str | None = None
    description: str = Field(default="", validation_alias="what", serialization_alias="what")
    advice: str = Field(default="", validation_alias="do", serialization_alias="do")
    details: list[str] = Field(default_factory=list)
    announced: Level | None = None
    held_back: bool = False
    recovered: list[str] = Field(default_factory=list)
    parts: list[str] = Field(default_factory=list)
    news: str = ""
    announced_at: float = 0.0
    hold_until: float = 0.0

    @property
    def is_due(self) -> bool:
        """Whether a message about it is due: it is new, has become an error, or there are news."""
        return bool(self.news) or self.announced not in (self.level, "error")


class ResolvedIncident(StoredModel):
    """Resolved incident: the run that resolved it (None if an asset's age did), when, and what is still missing."""

    incident: Incident
    run_id: str | None = None
    at: float = 0.0
    shortfalls: list[str] = Field(default_factory=list)


class Message(StoredModel):
    """Message, with the names of the channels that have not received it yet."""

    title: str
    body: str
    level: Literal["warning", "error", "recovered"]
    at: float
    undelivered_to: list[str] = Field(default_factory=list, validation_alias="to", serialization_alias="to")


class ChannelState(StoredModel):
    """Channel state: failures in a row, their reason, the time of the next try, and when messages were delivered."""

    failures: int = 0
    reason: str = ""
    retry_at: float = 0.0
    sent: list[float] = Field(default_factory=list)


class AlertState(StoredModel):
    """Alert state, the whole cursor.

    ``started`` is when alerts began. ``position`` is the highest storage id read so far of the events that end runs,
    ``handled`` the ids just below it that were read. ``sent`` holds when messages were composed during the last hour,
    ``held_back`` the number of messages that the hourly limit delayed since the last one, ``resolved`` the resolved
    incidents whose messages wait for it. ``waiting`` holds messages that some channel has not received, ``lost`` the
    number of those that were summed up. ``outside`` holds the loads outside Dagster of the last hours that were read,
    ``outside_at`` when that was. ``reported`` holds the faults that the check ``channels_work`` showed last, by
    channel or setting.
    """

    started: float
    position: int
    handled: list[int] = Field(default_factory=list)
    open: dict[str, Incident] = Field(default_factory=dict)
    sent: list[float] = Field(default_factory=list)
    held_back: int = 0
    outside: list[str] = Field(default_factory=list)
    outside_at: float = 0.0
    resolved: list[ResolvedIncident] = Field(default_factory=list)
    lost: int = 0
    waiting: list[Message] = Field(default_factory=list)
    channels: dict[str, ChannelState] = Field(default_factory=dict)
    reported: dict[str, str] | None = Field(default=None, validation_alias="told", serialization_alias="told")


def in_the_last_hour(moments: list[float], now: float) -> list[float]:
    """Return those of the moments that are less than an hour ago."""
    return [moment for moment in moments if moment > now - HOUR_SECONDS]

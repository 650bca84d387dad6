"""What the alert sensor remembers between ticks: its cursor, small and bounded, without a secret."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

Level = Literal["warning", "error"]
HOUR = 3600.0


class Incident(BaseModel):
    """Something that is wrong until everything in ``waits_for`` has succeeded; times are UNIX seconds.

    ``what``, ``do`` and ``details`` are kept until they are sent. ``count`` is the number of runs that met it.
    """

    key: str
    subject: str
    level: Level
    where: list[str]
    waits_for: list[str]
    since: float
    last: float
    count: int = 1
    run_id: str | None = None
    what: str = ""
    do: str = ""
    details: list[str] = Field(default_factory=list)
    announced: Level | None = None
    held_back: bool = False


class Message(BaseModel):
    """A message, and the channels (by their names) that have not got it."""

    title: str
    body: str
    level: Literal["warning", "error", "recovered"]
    at: float
    to: list[str] = Field(default_factory=list)


class ChannelState(BaseModel):
    """How one channel does: failures in a row, why, when it is tried again, and when it got messages."""

    failures: int = 0
    reason: str = ""
    retry_at: float = 0.0
    sent: list[float] = Field(default_factory=list)


class Account(BaseModel):
    """Everything the sensor knows.

    ``position`` is the highest storage id that was read of the events that end runs, ``handled`` the ids just below
    it that are done with. ``told`` is what the check ``channels_work`` said last.
    """

    started: float
    position: int
    handled: list[int] = Field(default_factory=list)
    open: dict[str, Incident] = Field(default_factory=dict)
    sent: list[float] = Field(default_factory=list)
    held_back: int = 0
    lost: int = 0
    waiting: list[Message] = Field(default_factory=list)
    channels: dict[str, ChannelState] = Field(default_factory=dict)
    told: dict[str, str] | None = None


def in_the_last_hour(moments: list[float], now: float) -> list[float]:
    """Those of the moments that are less than an hour ago."""
    return [moment for moment in moments if moment > now - HOUR]

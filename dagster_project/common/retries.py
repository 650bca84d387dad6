"""Automatic retries of what an hourly load did not get: their pauses, their tag, and how long alerts wait for them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta

# of a run that asks again, with the number of the try
TRY_TAG = "weather/try"
# classes of failed requests that a later try may get
PASSING_CLASSES = ("rate_limited", "server_error", "timeout", "connection", "invalid_answer", "unexpected_answer")
# before each try; they grow, so that an outage of minutes is over at one of them, and all fit into the hour
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 3, 7, 15))
# for the last try and its run; also if no try is made, because the destination cannot be read
HOLD = sum(PAUSES, timedelta(minutes=9))


def schedule_is_off() -> bool:
    """Return whether another scheduler starts the loads, so that neither the schedule nor retries are on."""
    return os.environ.get("WEATHER_SCHEDULE", "").strip().lower() == "off"


def hold_seconds(tags: Mapping[str, str]) -> float:
    """Return how long alerts about a run wait for further tries, in seconds; 0 if none follows.

    Args:
        tags: the tags of the run.
    """
    number = tags.get(TRY_TAG, "0")
    is_last = number.isdecimal() and int(number) >= len(PAUSES)
    return 0.0 if is_last or schedule_is_off() else HOLD.total_seconds()

"""A clock that stands still, and the API key that no log, table or file may ever show."""

from __future__ import annotations

from datetime import datetime, timedelta

# of the right form, so that nothing refuses it before it is sent
SENTINEL_KEY = "5e47135e47135e47135e47135e471310"


class Clock:
    """Clock that moves only when told to, shared by the source and the simulator."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        """Return the moment at which the clock stands."""
        return self.moment

    def pass_time(self, **delta: float) -> None:
        """Move on by hours=, minutes=, days=."""
        self.moment += timedelta(**delta)

"""Steps of a timeline, by number: hours of UTC, or days of a location."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from math import floor
from typing import NamedTuple

HOUR_SECONDS = 3600
DAY_SECONDS = 86_400
# the sun takes four minutes a degree of longitude
SECONDS_PER_DEGREE = 240
# a day's start is asked for by its afternoon: between noon by the sun and the following midnight by any clock
AFTERNOON = 4 * HOUR_SECONDS
# clocks are ahead of the sun nearly everywhere, by up to 3 hours, and nowhere more than 2 hours behind it
CLOCK_BEHIND_SUN = 2 * HOUR_SECONDS
# One Call 4.0 begins on 1979-01-01, UTC (openweathermap.org/api/one-call-4). A place whose clock is far ahead has its
# noon of that day before it: New Zealand's summer time is an hour ahead of the sun
CLOCK_AHEAD_OF_SUN = HOUR_SECONDS


class Steps(NamedTuple):
    """The steps of a timeline at one location. Each row of the timeline belongs to one step, by its ``dt``.

    A day is numbered by the date that its ``dt``, which is noon by the location's clock, has by the sun at its
    longitude. So numbers follow each other at every longitude and UTC offset, over changes of the clock too. Where the
    date line is not at 180°, the sun's date is the one before or after the civil date.

    Attributes:
        seconds: length of a step.
        page: rows of an answer.
        ahead: seconds by which the sun's clock is ahead of UTC; 0 for steps shorter than a day.
        is_exact: whether a row belongs to a step only if its ``dt`` is the step's beginning.
    """

    seconds: int
    page: int
    ahead: float = 0.0
    is_exact: bool = True

    def number(self, moment: float) -> int | None:
        """Return the number of the step that a Unix time belongs to; None if it belongs to none."""
        number, rest = divmod(moment + self.ahead, self.seconds)
        return None if self.is_exact and rest else int(number)

    def numbers(self, moments: list[int]) -> list[int | None]:
        """Return the numbers of the steps of many Unix times."""
        if self.is_exact:
            return [None if moment % self.seconds else moment // self.seconds for moment in moments]
        return [floor((moment + self.ahead) / self.seconds) for moment in moments]

    def begins(self, number: int) -> datetime:
        """Return the beginning of a step, UTC; of a day, by the sun."""
        return datetime.fromtimestamp(round(number * self.seconds - self.ahead), timezone.utc)

    def last_hour(self, number: int) -> datetime:
        """Return the beginning of the last hour of a step, UTC; of a shorter step, its beginning."""
        return self.begins(number) + timedelta(seconds=max(self.seconds - HOUR_SECONDS, 0))

    def start_of(self, number: int) -> int:
        """Return the ``start`` of an answer whose first row is a step.

        UNCONFIRMED: what a ``start`` between two steps gives. Of an hour, it is the step's ``dt``. Of a day, whose
        ``dt`` is known only from an answer, it is a moment that lies in the day, after its noon and nearest to it, by
        all clocks that are in use; so it does not matter whether an answer begins with the day that ``start`` lies in,
        with the last noon before it, or with the nearest one.
        """
        if self.seconds < DAY_SECONDS:
            return number * self.seconds
        return round(number * DAY_SECONDS - self.ahead) + DAY_SECONDS // 2 + AFTERNOON

    def newest_complete(self, now: datetime) -> int:
        """Return the number of the newest step that is no forecast any more: the present hour, or the last whole day.

        Args:
            now: the present moment.
        """
        moment = now.timestamp()
        if self.seconds < DAY_SECONDS:
            return floor(moment / self.seconds)
        return floor((moment + self.ahead - CLOCK_BEHIND_SUN) / DAY_SECONDS) - 1

    def earliest(self, begins: datetime) -> int:
        """Return the number of the first step of a timeline.

        Args:
            begins: the beginning of the timeline.
        """
        moment = begins.timestamp()
        if self.seconds < DAY_SECONDS:
            return floor(moment / self.seconds)
        return -floor(-(moment + CLOCK_AHEAD_OF_SUN - DAY_SECONDS // 2 + self.ahead) / DAY_SECONDS)

    def of_moment(self, moment: datetime) -> int:
        """Return the number of the step that a moment lies in."""
        return floor((moment.timestamp() + self.ahead) / self.seconds)

    def of_date(self, moment: datetime) -> int:
        """Return the number of the step that a moment of the user's range names: its hour, or the day of its date."""
        return floor(moment.timestamp() / self.seconds)


def steps_at(longitude: float, step: timedelta, page: int, *, is_exact: bool) -> Steps:
    """Return the steps of a timeline at a location.

    Args:
        longitude: degrees east.
        step: length of a step.
        page: rows of an answer.
        is_exact: whether rows of steps shorter than a day belong to a step only if they stand at its beginning.
    """
    seconds = int(step.total_seconds())
    if seconds < DAY_SECONDS:
        return Steps(seconds, page, is_exact=is_exact)
    return Steps(seconds, page, longitude * SECONDS_PER_DEGREE, is_exact=False)

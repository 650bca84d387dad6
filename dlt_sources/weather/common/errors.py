"""Exceptions, one class per action that the user should take, each with a process exit code; numbers in messages.

They have a separate module so that every module can raise them without import cycles.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Literal

from dlt_sources.weather.common.subscription_plans import Product

# names in one line
MOST_LISTED = 20


def counted(number: int, noun: str) -> str:
    """Return a number and its noun, in the plural unless it is one."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def enumerated(names: Iterable[str]) -> str:
    """Return names in one text, apart by semicolons if any has a comma: "Rome,IT; Lisbon,PT"."""
    texts = list(names)
    return ("; " if any("," in text for text in texts) else ", ").join(texts)


class WeatherError(Exception):
    """Base of all exceptions of this package; its message is for users and holds no secret.

    Args:
        message: the message.
        cause: the commonest cause of the failures, the same text for all that share it; None if it is not known.
        count: number of failures with that cause.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "", *, cause: str | None = None, count: int = 0) -> None:
        super().__init__(message)
        self.cause = cause
        self.cause_count = count


class ConfigurationError(WeatherError):
    """A setting is wrong; nothing was requested or loaded. The user should correct it."""

    exit_code = 2


class KeyRefusedError(WeatherError):
    """No key is set, or the API refuses it or its subscription, so every request would fail. The user should fix it."""

    exit_code = 3


class IncompleteError(WeatherError):
    """Too many requests or rows failed; the others are loaded. The next run requests the missing ones."""

    exit_code = 4


class UnreachableError(IncompleteError):
    """The API cannot be reached: network, DNS, TLS or a proxy fails. The user should repair that; nothing is lost."""


class DestinationError(WeatherError):
    """The destination did not accept the rows; they stay in the working directory. The user should fix it and rerun."""

    exit_code = 5


class RepairNeededError(DestinationError):
    """The destination is full or read-only, say, or refuses the login. A person must change it, or every try fails."""


class RowsRefusedError(DestinationError):
    """The destination is up but refuses the rows, so another attempt alone will not help."""


class WriterBusyError(WeatherError):
    """Another run holds the dataset and did not finish in time. The user should rerun later."""

    exit_code = 6


class LateError(WeatherError):
    """A place has no recent row, or a package is set aside. The user should look at ``weather status``."""

    exit_code = 7


class BudgetSpentError(WeatherError):
    """The calls of a day or a month are spent, or kept for more urgent ones. A load goes on at ``renewed_at``.

    Args:
        message: the message.
        product: product whose calls are limited.
        is_backfill: whether the calls are of a range of the user's, which only a load of the same range asks for.
        period: day, month, or money for the calls of a month that cost money.
        limit: calls allowed in the period.
        spent: calls counted in the period.
        renewed_at: moment from which on such calls may be made again, UTC.
    """

    def __init__(
        self,
        message: str,
        *,
        product: Product,
        is_backfill: bool,
        period: Literal["day", "month", "money"],
        limit: int,
        spent: int,
        renewed_at: datetime,
    ) -> None:
        super().__init__(message)
        self.product: Product = product
        self.is_backfill = is_backfill
        self.period = period
        self.limit = limit
        self.spent = spent
        self.renewed_at = renewed_at


def listed(names: Iterable[str]) -> str:
    """Return names in one line, the first of them if they are many.

    Args:
        names: the names, in any order.
    """
    ordered = sorted(names)
    more = f" and {len(ordered) - MOST_LISTED} more" if len(ordered) > MOST_LISTED else ""
    return ", ".join(ordered[:MOST_LISTED]) + more


def reason(error: BaseException) -> str:
    """Return the message of the innermost cause of dlt's nested exceptions, on one line."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return " ".join(str(error).split())

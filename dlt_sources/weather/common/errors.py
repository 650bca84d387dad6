"""What can go wrong, grouped by what the caller should do about it; each class has its process exit code.

The classes stand in a file of their own so that every module can raise them without import cycles.
"""

from __future__ import annotations

from typing import ClassVar


class WeatherError(Exception):
    """The root: a message for a person, never a secret in it."""

    exit_code: ClassVar[int] = 1


class ConfigurationError(WeatherError):
    """Something the user set is wrong; nothing was asked or loaded. Mend the setting."""

    exit_code = 2


class KeyRefusedError(WeatherError):
    """There is no key, or the API refuses it or the plan behind it; asking on is useless. Mend the key."""

    exit_code = 3


class IncompleteError(WeatherError):
    """What came is loaded, but too much did not come. The next run asks for it again."""

    exit_code = 4


class DestinationError(WeatherError):
    """The destination did not take the rows; they wait in the working directory. Mend it and run again."""

    exit_code = 5


class RowsRefusedError(DestinationError):
    """The destination is up but refuses the rows themselves; trying again alone will not help."""


class WriterBusyError(WeatherError):
    """Another run writes to the same dataset and did not finish in time. Run again later."""

    exit_code = 6


def reason(error: BaseException) -> str:
    """The innermost cause of dlt's nested exceptions, on one line."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return " ".join(str(error).split())

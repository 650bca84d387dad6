"""Dagster failures for the user: one sentence, no secret, and no retry of an error that stays."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dagster import Failure, MetadataValue
from dlt.common.configuration.exceptions import ConfigurationException

from dagster_project.common.environment import secret_key
from dagster_project.common.failure_text import TRACEBACK
from dlt_sources.weather.common.configuration import configuration_error
from dlt_sources.weather.common.errors import (
    ConfigurationError,
    KeyRefusedError,
    RepairNeededError,
    RowsRefusedError,
    UnreachableError,
    WeatherError,
    reason,
)
from dlt_sources.weather.common.redaction import redact

PERMANENT = (ConfigurationError, KeyRefusedError, RowsRefusedError)
PERMANENT_CLASSES = frozenset(error.__name__ for error in PERMANENT)
# tries go on, in case a person ends the cause meanwhile
TOLD_AT_ONCE = PERMANENT_CLASSES | {RepairNeededError.__name__}
# keys of a failure's metadata, which alerts read
ERROR_CLASS, TO_DO, CAUSE = "error class", "what to do", "cause"
# Dagster shows the checks of an asset whose step failed as failed, without a reason
CHECKS, NOT_EXECUTED = "checks", "not executed, because this step failed"
# of failures and materialisations
REQUESTS, REQUESTS_FAILED = "requests", "requests_failed"
# by exit code
HINTS = {
    2: "Correct the setting, then materialise again.",
    3: "Correct the key, then materialise again; WEATHER_DEMO=1 runs everything without one.",
    4: "Look at the rejects table; the next run asks again for what failed.",
    5: "The rows are kept and loaded by the next run. Repair the destination.",
    6: "Another run or command writes to the same dataset. Materialise again when it is done.",
}


UNREACHABLE = "Repair the network, DNS, TLS or proxy that the message names; the next run asks for everything."


def failure(error: WeatherError, metadata: Mapping[str, Any] | None = None) -> Failure:
    """Return the Dagster failure of an error that concerns the user.

    Args:
        error: the error.
        metadata: further entries of the failure's metadata.
    """
    hint = UNREACHABLE if isinstance(error, UnreachableError) else HINTS.get(error.exit_code)
    entries: dict[str, Any] = dict(metadata or {}) | {ERROR_CLASS: type(error).__name__, CHECKS: NOT_EXECUTED}
    if hint:
        entries[TO_DO] = hint
    if error.cause:
        entries |= {CAUSE: redact(error.cause, secret_key()), "failures with this cause": error.cause_count}
    return Failure(
        description=redact(str(error), secret_key()),
        metadata=entries,
        allow_retries=not isinstance(error, PERMANENT),
    )


@contextmanager
def reported_failures() -> Iterator[None]:
    """Translate every error into a failure without the key in its text, which Dagster stores for good.

    Raises:
        Failure: any error inside.
    """
    try:
        yield
    except Failure:
        raise
    except WeatherError as error:
        raise failure(error) from None
    except ConfigurationException as error:
        # dlt's own, from a file that cannot be read
        raise failure(configuration_error(error)) from None
    except Exception as error:  # noqa: BLE001 - Dagster would store the text of any of them
        key = secret_key()
        description = redact(f"{type(error).__name__}: {reason(error)}", key)
        trace = redact("".join(traceback.format_exception(error)), key)
        shown = MetadataValue.md(f"```\n{trace}\n```")
        raise Failure(description=description, metadata={ERROR_CLASS: type(error).__name__, TRACEBACK: shown}) from None

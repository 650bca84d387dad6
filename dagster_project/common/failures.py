"""What goes wrong in a step, said to a person: one sentence, no secret, and no retry where trying again is useless."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dagster import Failure, MetadataValue

from dagster_project.common.environment import secret_key
from dlt_sources.weather.common.errors import (
    ConfigurationError,
    KeyRefusedError,
    RowsRefusedError,
    WeatherError,
    reason,
)
from dlt_sources.weather.common.redaction import redact

PERMANENT = (ConfigurationError, KeyRefusedError, RowsRefusedError)
# by these names alerts find them again
ERROR_CLASS, TO_DO = "error class", "what to do"
HINTS = {
    2: "Mend the setting, then materialise again.",
    3: "Mend the key, then materialise again; WEATHER_DEMO=1 runs everything without one.",
    4: "What came is loaded. Look at the rejects table; the next run asks again.",
    5: "The rows are kept and loaded by the next run. Mend the destination.",
    6: "Another run or command writes to the same dataset. Materialise again when it is done.",
}


def failure(error: WeatherError, metadata: Mapping[str, Any] | None = None) -> Failure:
    """The Dagster failure of an error that concerns the user."""
    hint = HINTS.get(error.exit_code)
    return Failure(
        description=redact(str(error), secret_key()),
        metadata=dict(metadata or {}) | {ERROR_CLASS: type(error).__name__} | ({TO_DO: hint} if hint else {}),
        allow_retries=not isinstance(error, PERMANENT),
    )


@contextmanager
def failures_said() -> Iterator[None]:
    """Turn errors into failures whose text, which Dagster keeps for good, holds no key.

    Raises:
        Failure: whatever went wrong.
    """
    try:
        yield
    except Failure:
        raise
    except WeatherError as error:
        raise failure(error) from None
    except Exception as error:  # noqa: BLE001 - Dagster would keep the text of whatever it is
        key = secret_key()
        said = redact(f"{type(error).__name__}: {reason(error)}", key)
        trace = redact("".join(traceback.format_exception(error)), key)
        shown = MetadataValue.md(f"```\n{trace}\n```")
        raise Failure(description=said, metadata={ERROR_CLASS: type(error).__name__, "traceback": shown}) from None

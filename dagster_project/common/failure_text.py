"""Text of a failure that Dagster has stored, for the logs of its services, which import no dlt."""

from __future__ import annotations

import re
from typing import Any

from dlt_sources.weather.common.logs import SHOWN_FRAMES

# key of a failure's metadata
TRACEBACK = "traceback"


def failure_text(data: Any, *, short: bool) -> tuple[str, str]:
    """Return a failure's sentence, and the calls that led to an unexpected exception (nothing for other failures).

    Args:
        data: data of a failure's event, whose ``error`` is not None.
        short: return the last calls only.
    """
    if user_data := getattr(data, "user_failure_data", None):
        trace = user_data.metadata.get(TRACEBACK)
        lines = str(trace.value).strip("`\n") if trace else ""
        # a line with the file, and the code below it, which is indented further
        calls = re.findall(r"^  File .*(?:\n    .*)*", lines, flags=re.MULTILINE)
        return user_data.description or "", _last(calls) if short else lines
    error = data.error
    while error.cause is not None:
        # Dagster wraps the exceptions of a step in its own
        error = error.cause
    calls = [call.rstrip() for call in error.stack]
    return error.message.strip(), _last(calls) if short else data.error.to_string().strip()


def _last(calls: list[str]) -> str:
    return "\n".join(["Last calls:", *calls[-SHOWN_FRAMES:]]) if calls else ""

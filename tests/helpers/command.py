"""The command line in this process, by click's runner; the exit code and both streams are those of the process."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from click.testing import CliRunner

from dlt_sources.weather.cli import weather
from tests.helpers.clock import SENTINEL_KEY

# nobody listens there
NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Finished:
    """Exit code, standard output and standard error of a command."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Both streams."""
        return self.out + self.err


def settings_of(api: str) -> dict[str, str]:
    """Return the settings of a command against a simulated API, as environment variables."""
    return {
        "SOURCES__WEATHER__BASE_URL": api,
        "SOURCES__WEATHER__API_KEY": SENTINEL_KEY,
        "SOURCES__WEATHER__CALLS_PER_MINUTE": "30000",
        "SOURCES__WEATHER__BACKOFF_SECONDS": "0.01",
        "SOURCES__WEATHER__RATE_LIMIT_BACKOFF_SECONDS": "0.05",
    }


def run(*arguments: str, api: str = NOWHERE, **environment: str) -> Finished:
    """Run the command line to its end; an error that would be a traceback is raised."""
    with _logs_restored(), patch.dict(os.environ, settings_of(api) | environment):
        result = CliRunner().invoke(weather, arguments, prog_name="weather")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Finished(result.exit_code, result.stdout, result.stderr)


@contextmanager
def _logs_restored() -> Iterator[None]:
    """Undo the command's logging, which replaces the handlers of pytest."""
    root, dlt_logger = logging.getLogger(), logging.getLogger("dlt")
    before = [(one, one.level, one.propagate, list(one.handlers)) for one in (root, dlt_logger)]
    # a Dagster instance leaves one, and a command looks at them for the form of its logs
    root.handlers[:] = [handler for handler in root.handlers if handler.name != "json"]
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        for logger, level, propagate, handlers in before:
            logger.setLevel(level)
            logger.propagate = propagate
            logger.handlers[:] = handlers

"""Output of the command line: tables on standard output, messages on standard error.

A message is a line of text; if the logs are JSON, it is a JSON line.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console

from dlt_sources.weather.common.logs import logs_are_json
from dlt_sources.weather.common.redaction import redact

logger = logging.getLogger("weather")
# characters, enough for every table, if standard output is not a terminal
WIDTH_WITHOUT_TERMINAL = 130


class ForgivingFile(io.FileIO):
    """Standard output or error of the process, which goes on if nobody can take what it says.

    Attributes:
        error: the first error of a write, after which nothing more is written; None if there was none.
    """

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write, or remember the error."""
        if self.error is None:
            try:
                return super().write(data)
            except OSError as error:
                self.error = error
        return len(data)


def guard_streams() -> None:
    """Let no closed pipe, full disk or missing letter of a code page end a command: its work is what counts."""
    sys.stdout, sys.stderr = _guarded(sys.stdout, 1), _guarded(sys.stderr, 2)


def _guarded(stream: TextIO | None, number: int) -> TextIO:
    # Python has no stream for a number that was closed when it started
    encoding = stream.encoding if stream else "utf-8"
    file = io.BufferedWriter(ForgivingFile(number, "w", closefd=False))
    is_live = number == 2 or file.isatty()
    return io.TextIOWrapper(file, encoding, errors="replace", line_buffering=is_live, write_through=is_live)


def output_problem() -> str:
    """Return why standard output could not be written; "" if it was, or if its reader has left."""
    sys.stdout.flush()
    error = getattr(getattr(getattr(sys.stdout, "buffer", None), "raw", None), "error", None)
    return "" if error is None or error.errno == errno.EPIPE else str(error.strerror)


def wide_console() -> Console:
    """Return a console on standard output, as wide as the terminal or as the widest table."""
    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL)


def as_called(command: str) -> str:
    """Return a command of this program in the way this process was called, so that it can be copied."""
    program = "weather" if Path(sys.argv[0]).stem == "weather" else "python -m dlt_sources.weather"
    # uv sets the variable for its child processes
    return f"uv run {program} {command}" if "UV" in os.environ else f"{program} {command}"


def tell(message: str, level: int = logging.INFO, **facts: object) -> None:
    """Print a message on standard error, or log it if logs are JSON.

    Args:
        message: the message, one sentence or more.
        level: level of ``logging``; errors are red.
        facts: further members of the JSON line.
    """
    if logs_are_json():
        logger.log(level, message, extra=facts)
    elif level >= logging.ERROR:
        click.secho(f"Error: {redact(message, None)}", fg="red", file=sys.stderr)
    else:
        # progress bars replace the stream, so that messages appear above them; `err=True` would pass them by
        click.echo(redact(message, None), file=sys.stderr)


def span(seconds: float) -> str:
    """Return a time as days and hours, hours and minutes, or minutes.

    Args:
        seconds: the time.
    """
    hours, minutes = divmod(int(seconds) // 60, 60)
    return (
        f"{hours // 24} d {hours % 24} h"
        if hours >= 48
        else f"{hours} h {minutes:02} min"
        if hours
        else f"{minutes} min"
    )

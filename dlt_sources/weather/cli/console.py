"""Output of the command line: tables on standard output, messages on standard error.

A message is a line of text; if the logs are JSON, it is a JSON line.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import click
from rich.console import Console

from dlt_sources.weather.common.logs import logs_are_json

logger = logging.getLogger("weather")
# characters, enough for every table, if standard output is not a terminal
WIDTH_WITHOUT_TERMINAL = 130


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
        click.secho(f"Error: {message}", fg="red", err=True)
    else:
        click.secho(message, err=True)

"""Output of the command line: tables on standard output, sentences on standard error.

A sentence is a line of text, or a JSON line where logs are JSON.
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
# wide enough for every table, where nothing says how wide the reader's screen is
WIDTH_OF_A_FILE = 130


def wide_console() -> Console:
    """Standard output: as wide as the terminal, or wide enough where there is none."""
    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE)


def as_called(command: str) -> str:
    """Another command of this program, the way this one was called, so that it can be copied."""
    program = "weather" if Path(sys.argv[0]).stem == "weather" else "python -m dlt_sources.weather"
    # uv tells its children where it is
    return f"uv run {program} {command}" if "UV" in os.environ else f"{program} {command}"


def tell(message: str, level: int = logging.INFO, **facts: object) -> None:
    """Say it; ``facts`` stand beside it in JSON."""
    if logs_are_json():
        logger.log(level, message, extra=facts)
    elif level >= logging.ERROR:
        click.secho(f"Error: {message}", fg="red", err=True)
    else:
        click.secho(message, err=True)

"""Saying something to the user on standard error: a line of text, or a JSON line where logs are JSON."""

from __future__ import annotations

import logging

import click

from dlt_sources.weather.logs import logs_are_json

logger = logging.getLogger("weather")


def tell(message: str, level: int = logging.INFO, **facts: object) -> None:
    """Say it; ``facts`` stand beside it in JSON."""
    if logs_are_json():
        logger.log(level, message, extra=facts)
    elif level >= logging.ERROR:
        click.secho(f"Error: {message}", fg="red", err=True)
    else:
        click.secho(message, err=True)

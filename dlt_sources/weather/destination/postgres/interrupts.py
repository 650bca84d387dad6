"""Queries that a signal interrupts: by itself libpq waits for an answer inside C, where Python hears no signal."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2 import extensions


@contextmanager
def interruptible_queries() -> Iterator[None]:
    """Have a signal end a query of PostgreSQL at once, on the server too; for commands that only read.

    psycopg2 knows no COPY meanwhile, and the setting is that of the whole process.
    """
    before = extensions.get_wait_callback()
    extensions.set_wait_callback(_wait)
    try:
        yield
    finally:
        extensions.set_wait_callback(before)


def _wait(connection: Any) -> None:
    try:
        while (state := connection.poll()) != extensions.POLL_OK:
            reading = [connection.fileno()] if state == extensions.POLL_READ else []
            writing = [connection.fileno()] if state == extensions.POLL_WRITE else []
            select.select(reading, writing, [])
    except KeyboardInterrupt:
        with suppress(psycopg2.Error):
            connection.cancel()
        raise

"""A signal ends a query at once, in both databases, so that Ctrl-C is heard in ``weather status``."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from dlt_sources.weather.destination.postgres.interrupts import interruptible_queries
from dlt_sources.weather.destination.target import Target

LONG = {"postgres": "SELECT pg_sleep(30)", "duckdb": "SELECT count(*) FROM range(100000000000) a WHERE sqrt(range) > 3"}


def test_a_signal_ends_a_query(target: Target) -> None:
    with target.connection() as client:
        client.create_dataset()
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    began = time.monotonic()

    def ask() -> None:
        with interruptible_queries(), target.reader() as reader:
            timer.start()
            reader.rows(LONG[target.destination], table="none")

    with pytest.raises(KeyboardInterrupt):
        ask()

    assert time.monotonic() - began < 15
    with target.reader() as reader:
        assert reader.rows("SELECT 1", table="none") == [(1,)]

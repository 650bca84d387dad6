"""Signals during a command that writes: the first one ends it in order, the second at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dlt_sources.weather.cli.console import tell
from dlt_sources.weather.common.interrupts import interruptible
from dlt_sources.weather.extract.run import Run


@contextmanager
def interruptible_run(ending: str) -> Iterator[Callable[[Run], None]]:
    """Let the first SIGINT or SIGTERM interrupt a run, and the second stop at once.

    Args:
        ending: what the run does before it stops, for a message.

    Yields:
        Function to call with the run when it starts; before that, the first signal stops at once.
    """
    runs: list[Run] = []

    def on_first(name: str) -> bool:
        for run in runs:
            run.interrupt()
            tell(f"{name}: {ending}, then stopping. A second signal stops at once.", logging.WARNING)
        return bool(runs)

    with interruptible(on_first):
        yield runs.append

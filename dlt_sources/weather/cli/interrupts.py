"""Signals during a command that writes: the first one ends it in order, the second at once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager

from dlt_sources.weather.cli.console import tell
from dlt_sources.weather.common.interrupts import Interruptible, work_interruptible


def told_interrupts(ending: str) -> AbstractContextManager[Callable[[Interruptible], None]]:
    """Return ``work_interruptible`` that tells the user of the first signal.

    Args:
        ending: what is done before the command ends, for the message.
    """
    return work_interruptible(lambda name: tell(f"{name}: {ending}. A second signal stops at once.", logging.WARNING))

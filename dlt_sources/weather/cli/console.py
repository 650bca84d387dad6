"""The console that tables are printed on."""

from __future__ import annotations

import sys

from rich.console import Console

# wide enough for every table, where nothing says how wide the reader's screen is
WIDTH_OF_A_FILE = 130


def wide_console() -> Console:
    """Standard output: as wide as the terminal, or wide enough where there is none."""
    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE)

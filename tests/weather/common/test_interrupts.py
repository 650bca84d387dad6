"""Signals at the two ends of a command: before it begins, and when its exit code is decided."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.processes import finish, start

# the interpreter frees the modules last, when it has taken the handlers of signals away
ENDING = """
import os, signal, sys
from dlt_sources.weather.common.interrupts import end_by_signals_in_order, settle

class Freed:
    def __del__(self, kill=os.kill, process=os.getpid(), number=int(signal.{name})):
        kill(process, number)

end_by_signals_in_order()
freed = Freed()
settle(7)
os.kill(os.getpid(), signal.{name})
print("said")
sys.exit(7)
"""


@pytest.mark.process
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_when_the_exit_code_is_decided_does_not_change_it(name: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ENDING.format(name=name)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "said\n", "")


@pytest.mark.process
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="/proc says when the command hears signals")
def test_a_command_that_two_signals_end_before_it_has_begun_says_nothing_and_exits_with_130() -> None:
    process = start("status")
    deadline = time.monotonic() + 60
    while not _hears(process.pid, signal.SIGTERM):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    ended = finish(process)
    assert (ended.code, ended.said) == (130, "")


def _hears(process: int, number: signal.Signals) -> bool:
    """Return whether a process has a handler of a signal."""
    text = Path(f"/proc/{process}/status").read_text()
    caught = next((line.split()[1] for line in text.splitlines() if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (number - 1) & 1)

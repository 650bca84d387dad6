"""Running one measurement in a fresh process: wall time with interpreter start and imports, and peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
# far beyond every case: a process that takes longer hangs
LONGEST_SECONDS = 900


@dataclass(frozen=True)
class Measured:
    """What one process took.

    Attributes:
        seconds: wall time from the start of the process to its end.
        cpu_seconds: processor time of it and its threads, which other programs disturb less.
        peak_mb: its peak resident memory, in millions of bytes.
        said: the JSON object it printed last, empty if it printed none.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    said: dict[str, Any]


def cache_bytecode(folder: Path) -> None:
    """Have every process keep its compiled modules in ``folder``, whatever the caller's environment says.

    Installed programs start from compiled modules; compiling all of dlt anew would add seconds to every start.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)


def environment(folder: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a measured process: dlt's data in ``folder``, no key, no telemetry, no configuration.

    Whatever configures dlt in the caller's environment is left out, so that every run measures the same.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if "__" not in name and not name.startswith(("DLT_", "OPENWEATHER_"))
    }
    return kept | {
        "PYTHONPATH": str(PROJECT),
        "DLT_DATA_DIR": str(folder / "dlt"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        **(extra or {}),
    }


def measure(arguments: Sequence[str], folder: Path, extra: Mapping[str, str] | None = None) -> Measured:
    """Run ``python -m`` with arguments in ``folder`` and measure it.

    The peak is what the kernel kept for exactly this process (``wait4``). The caller should be small: the kernel
    counts the moment before the new program replaces it.

    Raises:
        RuntimeError: it failed or hung; its last words are in the message.
    """
    out, err = folder / "out", folder / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=folder,
            env=environment(folder, extra),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
        watchdog = threading.Timer(LONGEST_SECONDS, process.kill)
        watchdog.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        finally:
            watchdog.cancel()
        seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = err.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{arguments[0]} ended with {process.returncode}:\n{tail}")
    # Linux counts kilobytes, macOS bytes
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    return Measured(seconds, usage.ru_utime + usage.ru_stime, peak, _last_object(out))


def _last_object(path: Path) -> dict[str, Any]:
    lines = path.read_text(errors="replace").strip().splitlines()
    return dict(json.loads(lines[-1])) if lines and lines[-1].startswith("{") else {}

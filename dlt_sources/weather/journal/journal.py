"""The journal of one run: a file a load package, deleted once the package's rows are in the tables."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from dlt_sources.weather.api.responses import Answer, Result
from dlt_sources.weather.common.errors import RepairNeededError
from dlt_sources.weather.journal.records import RecordWriter
from dlt_sources.weather.journal.results import encode

FOLDER = "journal"


def journal_files(working_directory: Path) -> list[Path]:
    """Return the journals that a run has left in its working directory, oldest first."""
    return sorted((working_directory / FOLDER).glob("*.journal"))


class Journal:
    """Journal of a run. Another thread may append than the one that begins and ends packages.

    Args:
        working_directory: the run's working directory; it is created with the first answer. None for a run that nobody
            would recover: nothing is kept.
    """

    def __init__(self, working_directory: Path | None) -> None:
        self._folder = working_directory and working_directory / FOLDER
        self._packages = self._ended = 0
        self._counts: dict[str, bytes] = {}
        self._writer: RecordWriter | None = None
        self._lock = threading.Lock()

    def begin(self, counts: Iterable[dict[str, Any]]) -> None:
        """Begin the journal of the next load package; that of the package before is kept until ``end``.

        Args:
            counts: the present row of ``load_runs`` of each resource whose answers are kept.
        """
        self.close()
        self._packages += 1
        self._counts = {row["resource"]: orjson.dumps(row) for row in counts}

    def append(self, result: Result, calls: int, at: datetime) -> None:
        """Keep a result if it is of a resource whose answers are kept.

        Args:
            result: the answer or failure.
            calls: calls that the run has made for the resource.
            at: the present moment, UTC; an answer has its own.

        Raises:
            RepairNeededError: the disk does not take it.
        """
        counts = self._counts.get(result.request.resource)
        if counts is None or self._folder is None:
            return
        payload = encode(counts, result, calls, result.fetched_at if isinstance(result, Answer) else at)
        try:
            with self._lock:
                if self._writer is None:
                    self._writer = RecordWriter(_file(self._folder, self._packages))
                self._writer.append(payload)
        except OSError as error:
            raise RepairNeededError(
                f"Answers cannot be kept in {self._folder}: {error.strerror or error}. Nothing more is asked. "
                "Those that came before are kept and loaded by the next run."
            ) from None

    def end(self) -> None:
        """Delete the journal of the oldest package that has not ended, because its rows are in the tables."""
        self._ended += 1
        if self._ended == self._packages:
            self.close()
        if self._folder is not None:
            _file(self._folder, self._ended).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the package's journal; its file is kept for the next run."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None


def _file(folder: Path, package: int) -> Path:
    return folder / f"{package:05}.journal"

"""Logs of steps and ticks in local files; a tick that writes nothing leaves no file.

Dagster opens a file for each tick of a sensor or schedule, 2,880 a day for one sensor alone, and most stay empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

# private: the path by which Dagster's documentation names the class in dagster.yaml; dagster 1.13.1 exports it nowhere
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

from dagster_project.instance.storage import records_folder


class LocalLogs(LocalComputeLogManager):
    """Dagster's default manager of logs, in the folder of the instance's records, without empty files of ticks."""

    @classmethod
    def config_type(cls) -> Any:
        """Return an empty configuration: the folder follows from ``DAGSTER_HOME``."""
        return {}

    @classmethod
    def from_config_value(
        cls,
        inst_data: Any,
        config_value: Mapping[str, Any],  # noqa: ARG003 - Dagster calls it by name
    ) -> LocalLogs:
        """Return the manager for this process."""
        return cls(base_dir=str(Path(records_folder()) / "storage"), inst_data=inst_data)

    @property
    def folder(self) -> Path:
        """Folder of all logs; a log's file is below it, at the path that its key names."""
        return Path(self._base_dir)

    @contextmanager
    def open_log_stream(self, log_key: Sequence[str], io_type: Any) -> Iterator[Any]:
        """Yield a stream for the log of a tick; what it holds at the end is appended to the log's file.

        Args:
            log_key: names the log.
            io_type: standard output or standard error.

        Yields:
            The stream.
        """
        stream = StringIO()
        try:
            yield stream
        finally:
            if text := stream.getvalue():
                with super().open_log_stream(log_key, io_type) as file:
                    if file:
                        file.write(text)

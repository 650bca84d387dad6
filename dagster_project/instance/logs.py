"""Logs of Dagster's processes in the form of the command line's: readable on a terminal, one JSON object a line else.

A line of a run has timestamp (UTC), level, logger, message, run_id (Dagster's), job, step, asset, event (the kind of
Dagster's event) and, in a load, load_run_id, as in ``bronze.load_runs``. ``WEATHER_LOG_FORMAT=json`` or ``text``
settles the form; otherwise standard error being a terminal does.
"""

from __future__ import annotations

import logging
import os
import sys

from structlog.typing import EventDict, WrappedLogger

from dagster_project.common.environment import secret_key
from dlt_sources.weather.common.logs import LogFormat, configure_logging, log_formatter
from dlt_sources.weather.common.process_memory import wait_for_collection

CHECKS_OF = "check_"


def configure_dagster_logging() -> None:
    """Bring the logs of this process, whichever of Dagster's it is, into one form."""
    log_format = _log_format()
    configure_logging(log_format, key=secret_key(), enrich=[_of_dagster])
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # a complaint of DuckDB's binding would be a line in no form
    wait_for_collection()
    if log_format == "text":
        return
    # for the code servers that this process starts: each says a line before it reads any of our settings
    os.environ.setdefault("DAGSTER_CLI_API_GRPC_LOG_FORMAT", "json")
    logging.setLoggerClass(JsonLogger)
    for name in ("dagster", "dagster-webserver"):
        # made before us, and given its handler by its service, some after us
        service = logging.getLogger(name)
        service.__class__ = JsonLogger
        for handler in service.handlers:
            _write_json(handler)
        service.propagate = not service.handlers


class JsonLogger(logging.Logger):
    """A logger that writes JSON whatever handler it is given, and itself only.

    The console log of a run is a logger that Dagster makes for itself from Python's current logger class, with a
    coloured handler. A run's configuration could replace it, but runs started from the asset graph have none. The
    daemon gives its loggers handlers in its own form.
    """

    def addHandler(self, hdlr: logging.Handler) -> None:  # noqa: N802 - logging's own name
        """Add a handler; one that writes to a stream gets our formatter, and then nobody else writes the line."""
        super().addHandler(hdlr)
        if isinstance(hdlr, logging.StreamHandler):
            _write_json(hdlr)
            self.propagate = False


def _write_json(handler: logging.Handler) -> None:
    handler.setFormatter(log_formatter("json", secret_key(), [_of_dagster]))


def _log_format() -> LogFormat:
    wanted = os.environ.get("WEATHER_LOG_FORMAT", "").strip().lower()
    if wanted == "json" or (wanted != "text" and not sys.stderr.isatty()):
        return "json"
    return "text"


def _of_dagster(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Say what Dagster attaches to a line of a run in fields of their own."""
    meta, happened = event.pop("dagster_meta", None), event.pop("dagster_event", None)
    event.pop("dagster_event_batch_metadata", None)
    if not meta:
        return event
    if "run_id" in event:
        # the load's, bound while it lasts
        event["load_run_id"] = event["run_id"]
    # lines of sensors and schedules have no run
    step = meta.get("step_key")
    event.update(event=meta.get("orig_message", event["event"]), run_id=meta.get("run_id"), job=meta.get("job_name"))
    event.update(step=step, asset=event.get("asset") or _asset_of(step))
    if happened is not None:
        event["event_type"] = happened.event_type_value
        if happened.is_failure and (error := getattr(happened.event_specific_data, "error", None)):
            event["error"] = error.to_string()
    return event


def _asset_of(step: str | None) -> str | None:
    """The asset a step loads or checks: steps are named after their resource."""
    return f"bronze/{step.removeprefix(CHECKS_OF)}" if step else None

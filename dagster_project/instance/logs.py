"""Logs of Dagster's processes in the command line's format: text on a terminal, else one JSON object a line.

A line of a run has timestamp (UTC), level, logger, message, run_id (Dagster's), job, step, asset, event_type (of
Dagster's event) and, during a load, load_run_id, as in ``bronze.load_runs``. ``WEATHER_LOG_FORMAT=json`` or ``text``
sets the format; the default is text if standard error is a terminal.
"""

from __future__ import annotations

import logging
import os
import sys

from structlog.typing import EventDict, WrappedLogger

from dagster_project.common.environment import secret_key
from dlt_sources.weather.common.logs import LogFormat, configure_logging, log_formatter
from dlt_sources.weather.common.process_memory import wait_for_collection

CHECK_PREFIX = "check_"


def configure_dagster_logging() -> None:
    """Set the log format of this process, which may be any of Dagster's."""
    log_format = _log_format()
    configure_logging(log_format, key=secret_key(), enrich=[_add_dagster_fields])
    # the monitoring writes two lines whenever it looks at a run
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # a filter, since the daemon resets the levels of its loggers
    logging.getLogger("dagster.daemon.MonitoringDaemon").addFilter(_is_warning)
    # otherwise DuckDB's binding may report leaked objects at exit, in its own format
    wait_for_collection()
    # for the code servers that this process starts: each logs a line in Dagster's format before it imports this module.
    # Daemon and webserver set the level themselves; then the line is JSON of Dagster's, with its text in `event`
    os.environ.setdefault("DAGSTER_CLI_API_GRPC_LOG_LEVEL", "WARNING")
    if log_format == "json":
        os.environ.setdefault("DAGSTER_CLI_API_GRPC_LOG_FORMAT", "json")
    # process-wide, because no setting reaches the console logger of a run. Tried with dagster 1.13.1:
    # `Definitions(loggers=…)` is ignored by runs without `loggers` in their configuration (all of the asset graph's),
    # and `python_logs: dagster_handler_config` in dagster.yaml adds a second line to the coloured one.
    logging.setLoggerClass(ServiceLogger)
    for name in ("dagster", "dagster-webserver"):
        # these exist already, and the daemon gives them new handlers after this. A handler or a `dictConfig` of ours
        # would be replaced then; `--log-format json` redacts no key, and is an option of each command
        service = logging.getLogger(name)
        service.__class__ = ServiceLogger
        service.setLevel(min(service.level or logging.INFO, logging.INFO))
        for handler in service.handlers:
            handler.setLevel(min(handler.level, logging.INFO))
            _set_format(handler)
        service.propagate = not service.handlers


def _is_warning(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


class ServiceLogger(logging.Logger):
    """Logger whose stream handlers all write in our format, and whose lines reach no other logger's handlers.

    Dagster makes the console logger of a run from Python's current logger class, with a coloured handler. The daemon
    gives its loggers handlers in another format.
    """

    def addHandler(self, hdlr: logging.Handler) -> None:  # noqa: N802 - logging's own name
        """Add a handler; one for a stream gets our formatter and ends propagation, so each line is written once."""
        super().addHandler(hdlr)
        if isinstance(hdlr, logging.StreamHandler):
            _set_format(hdlr)
            self.propagate = False


def _set_format(handler: logging.Handler) -> None:
    handler.setFormatter(log_formatter(_log_format(), secret_key(), [_add_dagster_fields]))


def _log_format() -> LogFormat:
    setting = os.environ.get("WEATHER_LOG_FORMAT", "").strip().lower()
    if setting == "json" or (setting != "text" and not sys.stderr.isatty()):
        return "json"
    return "text"


def _add_dagster_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the objects that Dagster attaches to a line of a run by plain fields (a structlog processor)."""
    meta, dagster_event = event.pop("dagster_meta", None), event.pop("dagster_event", None)
    event.pop("dagster_event_batch_metadata", None)
    if not meta:
        return event
    if "run_id" in event:
        # the load's run id, bound for its duration
        event["load_run_id"] = event["run_id"]
    # lines of sensors and schedules have no run
    step = meta.get("step_key")
    event.update(event=meta.get("orig_message", event["event"]), run_id=meta.get("run_id"), job=meta.get("job_name"))
    event.update(step=step, asset=event.get("asset") or _asset_of(step))
    if _log_format() == "text":
        for name in ("run_id", "job", "step", "asset"):
            if event[name] is None:
                del event[name]
    if dagster_event is not None:
        event["event_type"] = dagster_event.event_type_value
        if dagster_event.is_failure and (error := getattr(dagster_event.event_specific_data, "error", None)):
            # on a terminal, structlog writes the lines of an exception below the event
            event["error" if _log_format() == "json" else "exception"] = error.to_string()
    return event


def _asset_of(step: str | None) -> str | None:
    """Return the asset that a step loads or checks: steps of bronze are named after their resource."""
    if not step:
        return None
    # Dagster names the steps of the other assets after the asset's key
    if "__" in step:
        return step.replace("__", "/", 1)
    return "alerts" if step.startswith("alerts_") else f"bronze/{step.removeprefix(CHECK_PREFIX)}"

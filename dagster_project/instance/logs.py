"""Logs of Dagster's processes in the command line's format: text on a terminal, else one JSON object a line.

A line of a run has timestamp (UTC), level, logger, message, run_id (Dagster's), job, step, asset, event_type (of
Dagster's event) and, during a load, load_run_id, as in ``bronze.load_runs``. ``WEATHER_LOG_FORMAT=json`` or ``text``
sets the format; the default is text if standard error is a terminal.
"""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from typing import Any

from pydantic import SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

from dagster_project.common.failure_text import failure_text
from dlt_sources.weather.common.logs import LogFormat, configure_logging, configured_format, log_formatter
from dlt_sources.weather.common.process_memory import wait_for_collection
from dlt_sources.weather.common.redaction import has_vault

CHECK_PREFIX = "check_"
# steps of jobs that load no asset
_OWN_STEPS = {"delete_old_runs", "delete_old_rows"}


def configure_dagster_logging() -> None:
    """Set the log format of this process, which may be any of Dagster's."""
    log_format = _log_format()
    configure_logging(log_format, key=_key(), enrich=[_fields(log_format)])
    logging.setLogRecordFactory(NamedRecord)
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
    for name in ("dagster", "dagster-webserver", "uvicorn", "uvicorn.error", "uvicorn.access"):
        # these exist already, and daemon and uvicorn give them new handlers after this. A handler or a `dictConfig` of
        # ours would be replaced then; `--log-format json` redacts no key, and is an option of each command
        service = logging.getLogger(name)
        service.__class__ = ServiceLogger
        service.setLevel(min(service.level or logging.INFO, logging.INFO))
        for handler in service.handlers:
            handler.setLevel(min(handler.level, logging.INFO))
            _set_format(handler)
        service.propagate = not service.handlers


def _is_warning(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


class NamedRecord(logging.LogRecord):
    """Record with its logger's name in ``origin`` too, which Dagster copies with the other attributes that it adds."""

    def __init__(self, name: str | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(name or "", *args, **kwargs)
        # `dagster` is context.log. No name: `makeLogRecord`, by which Dagster finds out what is no added attribute
        if name not in (None, "dagster"):
            self.origin = name


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

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        """Log a message, unless it is a copy: a run copies the lines of the loggers in ``managed_python_loggers``.

        The original has the fields of the run, and reaches the handlers of its own logger.
        """
        if "origin" not in (kwargs.get("extra") or {}):
            super().log(level, msg, *args, **kwargs)


def _set_format(handler: logging.Handler) -> None:
    log_format = _log_format()
    handler.setFormatter(log_formatter(log_format, _key(), [_fields(log_format)]))


def _key() -> SecretStr | None:
    """Return the API key if only dlt can find it; redaction finds the others, and dlt takes 60 MB in each process."""
    if not has_vault():
        return None
    from dagster_project.common.environment import secret_key  # noqa: PLC0415 - imports dlt

    return secret_key()


def _log_format() -> LogFormat:
    setting = os.environ.get("WEATHER_LOG_FORMAT", "").strip().lower()
    if setting in ("json", "text"):
        return "json" if setting == "json" else "text"
    # standard error of a process may change: while a step runs, it is a file
    return configured_format() or ("text" if sys.stderr.isatty() else "json")


def _fields(log_format: LogFormat) -> Processor:
    return partial(_add_dagster_fields, log_format)


def _add_dagster_fields(log_format: LogFormat, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the objects that Dagster attaches to a line of a run by plain fields (a structlog processor)."""
    meta, dagster_event = event.pop("dagster_meta", None), event.pop("dagster_event", None)
    event.pop("dagster_event_batch_metadata", None)
    event.pop("origin", None)
    if "run_id" in event:
        # the load's run id, bound for its duration
        event["load_run_id"] = event.pop("run_id")
    if not meta:
        return event
    # lines of sensors and schedules have no run
    step = meta.get("step_key")
    event.update(event=meta.get("orig_message", event["event"]), run_id=meta.get("run_id"), job=meta.get("job_name"))
    event.update(step=step, asset=event.get("asset") or _asset_of(step))
    if log_format == "text":
        for name in ("run_id", "job", "step", "asset"):
            if event[name] is None:
                del event[name]
    if dagster_event is not None:
        event["event_type"] = dagster_event.event_type_value
        if dagster_event.is_failure:
            _add_error(log_format, dagster_event.event_specific_data, event)
    return event


def _add_error(log_format: LogFormat, data: Any, event: EventDict) -> None:
    """Add the error of a failure: on a terminal a sentence, and the last calls of an exception on the lines below."""
    if getattr(data, "error", None) is None:
        return
    sentence, trace = failure_text(data, short=log_format == "text")
    if log_format == "json":
        event["error"] = "\n".join(text for text in (sentence, trace) if text)
        return
    event["event"] = f"{event['event'].rstrip('.')}: {sentence}"
    if trace:
        event["exception"] = trace


def _asset_of(step: str | None) -> str | None:
    """Return the asset that a step loads or checks: steps of bronze are named after their resource."""
    if not step:
        return None
    # Dagster names the steps of the other assets after the asset's key
    if "__" in step:
        return step.replace("__", "/", 1)
    if step.startswith("alerts_"):
        return "alerts"
    return None if step in _OWN_STEPS else f"bronze/{step.removeprefix(CHECK_PREFIX)}"

"""Configuration of all logs, dlt's included: text for a terminal, or one JSON object per line."""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Iterable
from typing import Literal, TextIO

import structlog
from pydantic import SecretStr
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from dlt_sources.weather.common.redaction import known_secrets, print_redacted, redact

logger = logging.getLogger(__name__)
LogFormat = Literal["text", "json"]
# of a traceback on a terminal
SHOWN_FRAMES = 3
# dlt warns of it at every Arrow batch: a JSON column is text to Arrow, which is intended here
_EXPECTED = "several column hints were different"
# in messages of Python, Arrow, DuckDB and PostgreSQL
_FULL_DISK = os.strerror(errno.ENOSPC)
# dlt's, which it logs with a traceback and goes on
_TRACE_DUMP = "Failed to create trace dump"


class Redactor:
    """structlog processor that redacts secrets in every text: the last safeguard, in case a library logs a URL.

    Args:
        key: the API key, if one is set.
    """

    def __init__(self, key: SecretStr | None) -> None:
        self._key = key

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Return the event with every text redacted."""
        secrets = known_secrets()
        return {
            name: redact(value, self._key, secrets) if isinstance(value, str) else value
            for name, value in event.items()
        }


class PresentStandardError(logging.StreamHandler[TextIO]):
    """Handler that writes to the present ``sys.stderr``: progress bars replace it, so that lines appear above them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        self.stream = sys.stderr
        super().emit(record)


class DltHandler(PresentStandardError):  # noqa: N818 - no exception; its base is the stream
    """Handler of dlt's logger, which keeps its first formatter: dlt sets another one when it is first configured."""

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802 - logging's own name
        """Set the formatter, unless there is one."""
        if self.formatter is None:
            super().setFormatter(fmt)


def configured_format() -> LogFormat | None:
    """Return the format that ``configure_logging`` has set in this process; None if it was not called."""
    names = {handler.name for handler in logging.getLogger().handlers}
    return "json" if "json" in names else "text" if "text" in names else None


def logs_are_json() -> bool:
    """Return whether the logs are JSON, as set by ``configure_logging``."""
    return configured_format() == "json"


def log_formatter(
    log_format: LogFormat = "text", key: SecretStr | None = None, enrich: Iterable[Processor] = ()
) -> logging.Formatter:
    """Return the formatter of all logs.

    Args:
        log_format: text for a terminal, or json: one object per line with timestamp (UTC), level, logger, message, and
            the bound variables run_id, resource and location.
        key: the API key, redacted in every text.
        enrich: structlog processors of the caller, which may add to an event or rename its members.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _drop_formatted,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *enrich,
    ]
    final: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    # an exception becomes text before the redactor runs, which changes nothing but text
    if log_format == "json":
        final += [structlog.processors.format_exc_info, structlog.processors.EventRenamer("message"), Redactor(key)]
        # letters that the stream does not have would be lost
        has_all_letters = "utf" in (getattr(sys.stderr, "encoding", None) or "").lower()
        final += [structlog.processors.JSONRenderer(ensure_ascii=not has_all_letters, default=str)]
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
        final += [structlog.processors.ExceptionRenderer(_short_traceback), Redactor(key), renderer]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=final)


def _drop_formatted(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Remove what another handler's formatter has left in the record: the text once more, and its time."""
    event.pop("message", None)
    event.pop("asctime", None)
    return event


def _short_traceback(exc_info: ExcInfo) -> str:
    """Return the end of a traceback, for a terminal: the JSON line of a file or collector has all of it."""
    return "".join(traceback.format_exception(*exc_info, limit=-SHOWN_FRAMES, chain=False)).rstrip()


def configure_logging(
    log_format: LogFormat = "text",
    level: int = logging.INFO,
    key: SecretStr | None = None,
    enrich: Iterable[Processor] = (),
) -> None:
    """Send all logs to standard error in one format.

    Args:
        log_format: text or json, as in ``log_formatter``.
        level: least level that is logged.
        key: the API key, redacted in every text.
        enrich: structlog processors of the caller, as in ``log_formatter``.
    """
    formatter = log_formatter(log_format, key, enrich)
    logging.basicConfig(handlers=[_named(log_format, PresentStandardError(), formatter)], level=level, force=True)
    logging.captureWarnings(capture=True)
    for name in ("sqlglot", "filelock", "asyncio", "uvicorn"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    # dlt's logger does not propagate
    dlt_logger = logging.getLogger("dlt")
    dlt_logger.handlers = [_named(log_format, DltHandler(), formatter)]
    dlt_logger.propagate = False
    leave_out_expected_warnings()
    if log_format == "json":
        _log_uncaught_exceptions()


def leave_out_expected_warnings() -> None:
    """Keep warnings out of the log that a load would repeat: dlt's of JSON columns, and SQLAlchemy's of dlt's SQL."""
    warnings.filterwarnings("ignore", "implicitly coercing SELECT object to scalar subquery")
    logging.getLogger("dlt").addFilter(_is_unexpected)
    logging.getLogger("dlt").addFilter(_in_a_sentence)
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _report_unraisable


def _is_unexpected(record: logging.LogRecord) -> bool:
    return _EXPECTED not in record.getMessage()


def _in_a_sentence(record: logging.LogRecord) -> bool:
    """Shorten dlt's warnings of a full disk to a sentence each, and drop that of its trace, which nothing here reads.

    The command's last line says what is full, what is kept and what to do.
    """
    error = record.exc_info[1] if record.exc_info else None
    if _FULL_DISK not in f"{record.getMessage()} {error}":
        return True
    head, _, traceback_text = record.getMessage().partition("Traceback (most recent call last):")
    last = traceback_text.strip().rpartition("\n")[2] or (str(error) if error else "")
    record.msg, record.args, record.exc_info = f"{head.strip()} {last}".strip(), (), None
    return _TRACE_DUMP not in head


def _report_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Report an exception that Python cannot raise, unless a file was closed by its finalizer on a full disk.

    pyarrow's ``ParquetWriter`` writes its footer when it is closed, and so in its finalizer after a first write failed.
    """
    if _FULL_DISK in str(unraisable.exc_value):
        return
    if not logs_are_json():
        sys.__unraisablehook__(unraisable)
    elif unraisable.exc_value is not None:
        _log_uncaught(f"{unraisable.err_msg or 'Exception ignored in'} {unraisable.object!r}", unraisable.exc_value)


def _log_uncaught_exceptions() -> None:
    """Write exceptions that nothing catches, of any thread, as lines of the log: Python prints them as text.

    Hooks of others, such as those of a debugger, stay.
    """
    if sys.excepthook in (sys.__excepthook__, print_redacted):
        sys.excepthook = lambda _kind, error, _trace: _log_uncaught("The process ended by an exception.", error)
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _log_exception_of_thread


def _log_exception_of_thread(found: threading.ExceptHookArgs) -> None:
    # a thread may end itself so
    if found.exc_value is not None and not isinstance(found.exc_value, SystemExit):
        _log_uncaught(f"Thread {found.thread.name if found.thread else '?'} ended by an exception.", found.exc_value)


def _log_uncaught(message: str, error: BaseException) -> None:
    logger.critical(message, exc_info=(type(error), error, error.__traceback__))


def _named(name: str, handler: logging.Handler, formatter: logging.Formatter) -> logging.Handler:
    handler.name = name
    handler.setFormatter(formatter)
    return handler

"""Log lines: the text once, in one field, and exceptions that are short on a terminal and hold no key."""

import errno
import json
import logging
import os
import subprocess
import sys

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs import PluggableRunContext
from pydantic import SecretStr

from dlt_sources.weather.common.logs import DltHandler, leave_out_expected_warnings, log_formatter
from tests.helpers.clock import SENTINEL_KEY


def record(message, exc_info=None):
    return logging.LogRecord("a.logger", logging.INFO, "file.py", 1, message, (), exc_info)


def deep(calls):
    secret = SENTINEL_KEY
    if calls:
        return deep(calls - 1)
    raise ValueError(f"https://api.example.org/?appid={secret}")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_record_that_another_handler_has_formatted_has_its_text_once(log_format):
    shared = record("hello there")
    logging.Formatter("%(asctime)s %(message)s").format(shared)
    line = log_formatter(log_format).format(shared)
    assert line.count("hello there") == 1
    assert "asctime" not in line
    if log_format == "json":
        assert json.loads(line)["message"] == "hello there"


def test_an_exception_on_a_terminal_is_short_and_shows_neither_the_key_nor_local_variables():
    try:
        deep(30)
    except ValueError:
        exc_info = sys.exc_info()
    text = log_formatter("text", SecretStr(SENTINEL_KEY)).format(record("it failed", exc_info))
    assert SENTINEL_KEY not in text
    assert "ValueError: https://api.example.org/?appid=<redacted>" in text
    assert "calls = " not in text
    assert len(text.splitlines()) < 15
    line = log_formatter("json", SecretStr(SENTINEL_KEY)).format(record("it failed", exc_info))
    assert SENTINEL_KEY not in line
    assert json.loads(line)["exception"].count("in deep") > 3, "a collector gets more of it"


def test_dlt_keeps_the_format_though_it_is_configured_after_the_logs(monkeypatch):
    handler, ours = DltHandler(), log_formatter("json")
    handler.setFormatter(ours)
    monkeypatch.setattr(logging.getLogger("dlt"), "handlers", [handler])
    # as a run's process does that imports the instance before dlt
    Container()[PluggableRunContext].initialize_runtime()
    assert logging.getLogger("dlt").handlers == [handler]
    assert handler.formatter is ours


def test_a_full_disk_is_told_in_a_sentence_and_other_failures_keep_their_traceback():
    lines = logging.getLogger("dlt")
    leave_out_expected_warnings()
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    shown = f"Job for a.parquet retried with message Traceback (most recent call last):\n  a call\n\nOSError: {full}\n"

    def said(message, error=None):
        line = record(message, error and (type(error), error, None))
        return (line.getMessage(), line.exc_info) if lines.filter(line) else None

    assert said(shown) == (f"Job for a.parquet retried with message OSError: {full}", None)
    assert said("an exception in a job", full) == (f"an exception in a job {full}", None)
    assert said("Failed to create trace dump via pickle", full) is None
    other = ValueError("x")
    assert said("Failed to create trace dump via pickle", other)[1][1] is other


def test_a_file_that_its_finalizer_cannot_close_on_a_full_disk_is_not_told(capsys, monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    leave_out_expected_warnings()

    class Writer:
        def __init__(self, number):
            self.number = number

        def __del__(self):
            raise OSError(self.number, os.strerror(self.number))

    Writer(errno.ENOSPC)
    assert capsys.readouterr().err == ""
    Writer(errno.EIO)
    assert "Input/output error" in capsys.readouterr().err


UNCAUGHT = """
import sys, threading, warnings
from dlt_sources.weather.common.logs import configure_logging

class Freed:
    def __del__(self):
        raise ValueError("when it was freed")

configure_logging("json")
warnings.warn("a warning")
thread = threading.Thread(target=lambda: 1 / 0, name="worker")
thread.start()
thread.join()
Freed()
raise RuntimeError(sys.argv[1])
"""


@pytest.mark.process
def test_warnings_and_exceptions_that_nothing_catches_are_lines_of_json_without_the_key():
    ended = subprocess.run(
        [sys.executable, "-c", UNCAUGHT, f"at https://x/?appid={SENTINEL_KEY}"],
        env=os.environ | {"OPENWEATHER_API_KEY": SENTINEL_KEY},
        capture_output=True,
        text=True,
        check=False,
    )
    said = [json.loads(line) for line in ended.stderr.splitlines()]
    assert ended.returncode == 1
    assert "a warning" in said[0]["message"]
    assert [line["message"].split(" <")[0] for line in said[1:]] == [
        "Thread worker ended by an exception.",
        "Exception ignored in",
        "The process ended by an exception.",
    ]
    assert [line["exception"].splitlines()[-1].partition(":")[0] for line in said[1:]] == [
        "ZeroDivisionError",
        "ValueError",
        "RuntimeError",
    ]
    assert SENTINEL_KEY not in ended.stderr

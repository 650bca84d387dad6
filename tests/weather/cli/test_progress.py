"""Progress bars on a terminal: log lines stand whole above them, and no total is invented."""

import io
import logging
import re
import sys

import pytest

from dlt_sources.weather.cli.progress import Bars, Lines, progress
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.logs import configure_logging
from dlt_sources.weather.extract.counts import LoadMetrics

WARNING = "OpenWeather refuses calls; the next try is at 17:21:50 UTC"
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self):
        """Return True."""
        return True

    def pieces(self):
        """Return what is written from one beginning of a line to the next."""
        return [piece.strip() for piece in re.split(r"[\r\n]", CONTROL.sub("", self.getvalue()))]


@pytest.fixture
def on_terminal(monkeypatch):
    """Let standard error be a terminal of 200 columns; the logs are as before afterwards."""
    loggers = [logging.getLogger(), logging.getLogger("dlt")]
    before = [(list(one.handlers), one.level, one.propagate) for one in loggers]

    def begin():
        stream = Terminal()
        for name, value in {"TERM": "xterm", "COLUMNS": "200"}.items():
            monkeypatch.setenv(name, value)
        # in the test, since pytest sets the stream when the test begins
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    yield begin
    for one, (handlers, level, propagate) in zip(loggers, before, strict=True):
        one.handlers, one.propagate = handlers, propagate
        one.setLevel(level)


def counts(**numbers):
    return LoadMetrics("current_weather", "run", "load", utc_now(), **numbers)


def test_a_warning_during_a_load_is_a_whole_line_above_the_bars(on_terminal):
    # configured before the bars begin, as a command does
    terminal = on_terminal()
    configure_logging("text")
    with progress(quiet=False) as bars:
        assert isinstance(bars, Bars)
        bars(counts(expected=5, requests=1))
        for name in ("dlt", "dlt_sources.weather.api"):
            logging.getLogger(name).warning(WARNING)
        bars(counts(expected=5, requests=2))
    warnings = [piece for piece in terminal.pieces() if WARNING in piece]
    assert len(warnings) == 2
    for line in warnings:
        assert line.startswith("20"), "the time begins the line"
        assert line.count("━") == line.count("requests ") == 0


@pytest.mark.parametrize(("expected", "shown"), [(5, "0/5"), (0, "0/?")])
def test_a_bar_shows_the_total_that_is_known_from_the_beginning(on_terminal, expected, shown):
    terminal = on_terminal()
    with Bars() as bars:
        bars(counts(expected=expected))
    assert shown in terminal.getvalue()
    assert "/100" not in terminal.getvalue()


def test_json_logs_on_a_terminal_have_no_bars_that_would_break_their_lines(on_terminal):
    on_terminal()
    configure_logging("json")
    assert isinstance(progress(quiet=False), Lines)

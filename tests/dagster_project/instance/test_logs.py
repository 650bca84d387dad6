"""Dagster's loggers write each message once, in our format, whatever handlers Dagster gives them."""

import io
import json
import logging
from types import SimpleNamespace

import pytest

from dagster_project.instance.logs import ServiceLogger, configure_dagster_logging


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_message_of_dagster_is_one_line_in_our_format(log_format, monkeypatch, capsys):
    monkeypatch.setenv("WEATHER_LOG_FORMAT", log_format)
    logger = ServiceLogger("dagster.of_a_test")
    logger.parent = logging.getLogger()
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s - dagster - %(message)s"))
    logger.addHandler(handler)
    logger.warning("Launching %s", "services")
    (line,) = stream.getvalue().splitlines()
    assert line.count("Launching services") == 1
    assert "asctime" not in line
    assert (json.loads(line)["message"] == "Launching services") if log_format == "json" else "- dagster -" not in line
    assert "Launching" not in capsys.readouterr().err, "no other handler writes it too"


def formatted(monkeypatch, log_format, event=None, **fields):
    monkeypatch.setenv("WEATHER_LOG_FORMAT", log_format)
    stream = io.StringIO()
    logger = ServiceLogger("dagster.of_a_test")
    logger.addHandler(logging.StreamHandler(stream))
    meta = {"orig_message": "It happened", "run_id": None, "job_name": None, "step_key": None} | fields
    logger.error("-", extra={"dagster_meta": meta, "dagster_event": event})
    return stream.getvalue()


def test_a_line_of_a_sensor_names_no_run_on_a_terminal(monkeypatch):
    line = formatted(monkeypatch, "text")
    assert "It happened" in line
    assert "None" not in line
    assert json.loads(formatted(monkeypatch, "json"))["run_id"] is None


@pytest.mark.parametrize(
    ("step", "asset"),
    [
        ("forecast", "bronze/forecast"),
        ("check_forecast", "bronze/forecast"),
        ("reports__weather", "reports/weather"),
        ("alerts_channels_work", "alerts"),
    ],
)
def test_a_line_of_a_step_names_its_asset(monkeypatch, step, asset):
    assert json.loads(formatted(monkeypatch, "json", step_key=step))["asset"] == asset


def test_a_stack_trace_has_lines_on_a_terminal(monkeypatch):
    error = SimpleNamespace(to_string=lambda: "It failed\n\nStack Trace:\n  File 1")
    event = SimpleNamespace(
        event_type_value="STEP_FAILURE", is_failure=True, event_specific_data=SimpleNamespace(error=error)
    )
    assert "\nStack Trace:\n  File 1" in formatted(monkeypatch, "text", event)
    assert json.loads(formatted(monkeypatch, "json", event))["error"].startswith("It failed\n")


def test_the_monitoring_stays_silent_after_the_daemon_sets_its_loggers(monkeypatch):
    monkeypatch.setattr("dagster_project.instance.logs.configure_logging", lambda *_, **__: None)
    monkeypatch.setattr("dagster_project.instance.logs.wait_for_collection", lambda: None)
    monkeypatch.setattr(logging, "setLoggerClass", lambda _: None)
    configure_dagster_logging()
    monitoring = logging.getLogger("dagster.daemon.MonitoringDaemon")
    # as dictConfig does with each child of a logger that it configures
    monitoring.setLevel(logging.NOTSET)
    assert not monitoring.filter(logging.makeLogRecord({"levelno": logging.INFO}))
    assert monitoring.filter(logging.makeLogRecord({"levelno": logging.WARNING}))

"""Dagster's loggers write each message once, in our format, whatever handlers Dagster gives them."""

import io
import json
import logging

import pytest
from dagster import DagsterInstance, job, op

from dagster_project.common.failures import failure, reported_failures
from dagster_project.instance.logs import ServiceLogger, configure_dagster_logging
from dlt_sources.weather.common.errors import IncompleteError


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
        ("delete_old_runs", None),
        ("delete_old_rows", None),
    ],
)
def test_a_line_of_a_step_names_its_asset(monkeypatch, step, asset):
    assert json.loads(formatted(monkeypatch, "json", step_key=step))["asset"] == asset


@pytest.fixture
def lines_of(monkeypatch, capsys):
    """Run a step in a job, with the logs of a run's process, and return the lines of standard error."""
    root, dlt = logging.getLogger(), logging.getLogger("dlt")
    kept = (root.handlers[:], root.level, dlt.handlers[:], dlt.propagate)
    logger_class, factory = logging.getLoggerClass(), logging.getLogRecordFactory()
    monkeypatch.setattr("dagster_project.instance.logs.wait_for_collection", lambda: None)

    def run(log_format, step, managed=("dlt_sources",)):
        monkeypatch.setenv("WEATHER_LOG_FORMAT", log_format)
        configure_dagster_logging()
        monkeypatch.delenv("WEATHER_LOG_FORMAT")
        settings = {"python_logs": {"managed_python_loggers": list(managed), "python_log_level": "INFO"}}

        @job(name="a_job")
        def run_step():
            op(name="a_step")(step)()

        capsys.readouterr()
        run_step.execute_in_process(instance=DagsterInstance.ephemeral(settings=settings), raise_on_error=False)
        return capsys.readouterr().err.splitlines()

    yield run
    root.handlers[:], root.level, dlt.handlers[:], dlt.propagate = kept
    logging.setLoggerClass(logger_class)
    logging.setLogRecordFactory(factory)
    for name in ("dlt_sources", "dlt"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.mark.parametrize("managed", [("dlt_sources",), ("dlt",), ("root",), ("dlt_sources", "dlt", "root"), ()])
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_each_message_of_a_run_is_one_line_whatever_loggers_dagster_manages(lines_of, log_format, managed):
    def step(context):
        logging.getLogger("dlt_sources.weather.api.sending.waits").warning("calls fail")
        logging.getLogger("dlt_sources.weather.api.sending.waits").info("the limit is reached")
        logging.getLogger("dlt").error("a job failed")
        logging.getLogger("another.library").warning("a warning of another")
        context.log.warning("a message of the step")

    lines = lines_of(log_format, step, managed)
    for message, logger in [
        ("calls fail", "dlt_sources.weather.api.sending.waits"),
        ("the limit is reached", "dlt_sources.weather.api.sending.waits"),
        ("a job failed", "dlt"),
        ("a warning of another", "another.library"),
        ("a message of the step", "dagster"),
    ]:
        (line,) = [line for line in lines if message in line]
        assert (json.loads(line)["logger"] == logger) if log_format == "json" else f"[{logger}]" in line


def test_a_line_of_the_source_has_the_fields_of_the_run(lines_of):
    (line,) = [
        line
        for line in lines_of("json", lambda _: logging.getLogger("dlt_sources.weather").info("It happened"))
        if "It happened" in line
    ]
    found = json.loads(line)
    assert (found["job"], found["step"], found["message"]) == ("a_job", "a_step", "It happened")
    assert "origin" not in found


TWO_LINES = "a fault\nin two lines"


def fail_for_the_user(_context):
    raise failure(IncompleteError("OpenWeather cannot be reached: connection refused."))


def fail_unexpectedly(_context):
    def innermost():
        raise RuntimeError(TWO_LINES)

    with reported_failures():
        innermost()


def fail_outside(_context):
    raise RuntimeError(TWO_LINES)


def test_a_failure_for_the_user_is_its_sentence(lines_of):
    lines = lines_of("text", fail_for_the_user)
    (line,) = [line for line in lines if "cannot be reached" in line]
    assert 'Execution of step "a_step" failed' in line
    assert not [line for line in lines if line.startswith(("  File", "Stack Trace", "Traceback"))]
    (line,) = [line for line in lines_of("json", fail_for_the_user) if "cannot be reached" in line]
    assert json.loads(line)["error"] == "OpenWeather cannot be reached: connection refused."


@pytest.mark.parametrize("fail", [fail_unexpectedly, fail_outside])
def test_an_unexpected_exception_is_its_last_calls_on_a_terminal_and_all_of_it_in_json(lines_of, fail):
    lines = lines_of("text", fail)
    assert sum("a fault" in line for line in lines) == 1
    frames = [line for line in lines if line.startswith("  File ")]
    assert 1 <= len(frames) <= 3
    assert "test_logs.py" in frames[-1]
    assert "\\n" not in "".join(lines), "the lines of a terminal are real ones"
    (line,) = [line for line in lines_of("json", fail) if '"STEP_FAILURE"' in line]
    assert "RuntimeError" in json.loads(line)["error"]
    assert "test_logs.py" in json.loads(line)["error"]


def test_the_monitoring_stays_silent_after_the_daemon_sets_its_loggers(monkeypatch):
    monkeypatch.setattr("dagster_project.instance.logs.configure_logging", lambda *_, **__: None)
    monkeypatch.setattr("dagster_project.instance.logs.wait_for_collection", lambda: None)
    monkeypatch.setattr(logging, "setLoggerClass", lambda _: None)
    monkeypatch.setattr(logging, "setLogRecordFactory", lambda _: None)
    configure_dagster_logging()
    monitoring = logging.getLogger("dagster.daemon.MonitoringDaemon")
    # as dictConfig does with each child of a logger that it configures
    monitoring.setLevel(logging.NOTSET)
    assert not monitoring.filter(logging.makeLogRecord({"levelno": logging.INFO}))
    assert monitoring.filter(logging.makeLogRecord({"levelno": logging.WARNING}))

"""Dagster's loggers write each message once, in our format, whatever handlers Dagster gives them."""

import io
import json
import logging

import pytest

from dagster_project.instance.logs import ServiceLogger


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

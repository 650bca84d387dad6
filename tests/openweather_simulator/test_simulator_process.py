"""The simulator as a process: one line when it is ready, silence, and a clean end."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import requests
from click.testing import CliRunner

from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.openweather_simulator.__main__ import main
from tests.helpers.simulator_support import KEY


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_process_says_where_it_listens_and_ends_cleanly(number: signal.Signals) -> None:
    command = [
        sys.executable,
        "-m",
        "dlt_sources.openweather_simulator",
        "--port",
        "0",
        "--one-call",
        "--key",
        KEY,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("OpenWeather simulator on http://127.0.0.1:")
        url = line.split()[-1]
        params = {"appid": KEY, "lat": 1, "lon": 2}
        assert requests.get(url + "/data/3.0/onecall", params=params, timeout=10).status_code == 200
        params["appid"] = "0" * 32
        assert requests.get(url + "/data/2.5/weather", params=params, timeout=10).status_code == 401
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (0, "", "")


def test_a_taken_port_is_one_sentence() -> None:
    with serve(Simulator()) as url:
        result = CliRunner().invoke(main, ["--port", url.rsplit(":", 1)[1]])
    assert result.exit_code == 1
    assert result.output.startswith("Error: cannot listen on 127.0.0.1:")


def test_help_explains_every_option() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for option in ("--host", "--port", "--calls-per-minute", "--latency-ms", "--one-call-version", "--plan", "--key"):
        assert option in result.output


def test_latency_is_added_to_every_answer_and_shutdown_does_not_wait_for_slow_ones() -> None:
    with serve(Simulator(latency=30.0)) as url, pytest.raises(requests.ReadTimeout):
        requests.get(url + "/data/2.5/weather", params={"appid": KEY}, timeout=0.2)

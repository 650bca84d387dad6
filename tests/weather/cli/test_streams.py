"""Streams that take nothing: closed, a pipe without a reader, a full disk, a code page without the letter."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from dlt_sources.weather.cli import console
from tests.helpers.command import run


def full_disk() -> int:
    return os.open("/dev/full", os.O_WRONLY)


def pipe_without_reader() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize(
    ("opened", "problem"),
    # that a reader has left, as head does, is no problem
    [(full_disk, "No space left on device"), (pipe_without_reader, "")],
)
def test_what_nobody_takes_raises_nothing(monkeypatch, opened, problem):
    number = opened()
    with monkeypatch.context() as patch, console._guarded(sys.stdout, number) as stream:
        patch.setattr(sys, "stdout", stream)
        for _ in range(3):
            console.wide_console().print("a table " * 10_000)
            stream.flush()
        assert console.output_problem() == problem
    os.close(number)


def test_a_letter_that_a_code_page_lacks_does_not_cut_a_table(tmp_path):
    path = tmp_path / "out"
    number = os.open(path, os.O_WRONLY | os.O_CREAT)
    stream = console._guarded(io.TextIOWrapper(io.BytesIO(), "ascii"), number)
    Console(file=stream).print("Málaga 12 °C", "\udcff", "end")
    stream.close()
    os.close(number)
    assert path.read_text() == "M?laga 12 ?C ? end\n"


@pytest.mark.parametrize("command", ["plan", "status"])
def test_a_table_that_is_lost_is_told(monkeypatch, command):
    monkeypatch.setattr("dlt_sources.weather.cli.output_problem", lambda: "No space left on device")
    finished = run(command, "--demo")
    assert finished.code == 1, finished.said
    assert "The output could not be written: No space left on device." in finished.err


@pytest.mark.process
@pytest.mark.usefixtures("duckdb")
def test_a_process_that_loads_exits_0_with_a_full_disk_and_a_closed_stream():
    command = f"{sys.executable} -m dlt_sources.weather --demo --location 1,1 --resources forecast >/dev/full 2>&-"
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)}
    finished = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "Traceback" not in finished.stderr
    assert Path("weather_demo.duckdb").stat().st_size


@pytest.mark.process
def test_ctrl_c_while_modules_are_imported_ends_the_command_without_a_traceback():
    asks = """
import sys
class Interrupted:
    def find_spec(self, name, path, target=None):
        if name == "dlt_sources.weather.cli":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
import dlt_sources.weather.__main__
"""
    ended = subprocess.run([sys.executable, "-c", asks], check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (130, "")

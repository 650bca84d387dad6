"""Modules that ``dagster.yaml`` names are imported by services that load nothing, and need no library for it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

SETTINGS = Path(__file__).parents[3] / "dagster_project" / "dagster.yaml"
# each process that imports dlt and what it brings takes 60 MB and a second for it
COSTLY = {"dlt", "pyarrow", "duckdb", "aiohttp", "matplotlib", "numpy"}


@pytest.mark.process
def test_the_modules_that_the_instance_names_import_nothing_that_loads_data():
    named = [value["module"] for value in _tables(yaml.safe_load(SETTINGS.read_text())) if "module" in value]
    assert len(named) == 3
    asks = f"import sys, {', '.join(named)}; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True).stdout
    assert COSTLY.isdisjoint(said.split())


def _tables(node):
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _tables(value)

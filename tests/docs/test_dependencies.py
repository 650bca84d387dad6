"""The loader's dependencies, which its image alone has, are those that it imports."""

import ast
import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# who brings what is imported and not named itself
BROUGHT_BY = {
    "fsspec": "dlt",
    "grpc": "dagster",
    "grpc_health": "dagster",
    "numpy": "matplotlib",
    "PIL": "matplotlib",
    "psycopg2": "dlt",
    "sqlalchemy": "dagster",
    "tomlkit": "dlt",
    "typing_extensions": "pydantic",
    "yaml": "pyyaml",
    "yarl": "aiohttp",
}


def imported(folder: str) -> set[str]:
    names = set()
    for file in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"dlt_sources", "dagster_project"}


@pytest.mark.parametrize(("folder", "extra"), [("dlt_sources", None), ("dagster_project", "dagster")])
def test_what_is_imported_is_a_dependency(folder, extra):
    wanted = PROJECT["dependencies"] + (PROJECT["optional-dependencies"][extra] if extra else [])
    declared = {Requirement(line).name.replace("-", "_") for line in wanted}
    missing = {name for name in imported(folder) if BROUGHT_BY.get(name, name) not in declared}
    assert not missing


def test_the_loader_needs_no_dagster():
    lock = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    needs = {one["name"]: {need["name"] for need in one.get("dependencies", [])} for one in lock}
    found, waiting = set(), ["weather-bronze"]
    while waiting:
        found.add(name := waiting.pop())
        waiting += needs[name] - found
    assert not {name for name in found if re.match("dagster|matplotlib|numpy|kubernetes", name)}

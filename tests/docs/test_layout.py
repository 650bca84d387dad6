"""Limits of the layout, so that a listing stays readable: entries a folder, lines a file, lines a function."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = [
    path
    for package in ("dlt_sources", "dagster_project", "tests/chaos")
    for path in sorted((ROOT / package).rglob("*.py"))
]
MAX_MODULES, MAX_LINES, MAX_FUNCTION_LINES = 10, 300, 50


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_no_folder_has_more_than_ten_modules() -> None:
    folders = Counter(named(path.parent) for path in MODULES)
    assert {folder: number for folder, number in folders.items() if number > MAX_MODULES} == {}


def test_no_file_is_longer_than_300_lines() -> None:
    lines = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {file: number for file, number in lines.items() if number > MAX_LINES} == {}


def test_no_function_is_longer_than_50_lines() -> None:
    long = {
        f"{named(path)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in MODULES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno
        and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    }
    assert long == {}


def test_each_folder_says_what_it_is_for() -> None:
    silent = [named(path) for path in MODULES if path.name == "__init__.py" and not ast.get_docstring(parsed(path))]
    assert silent == []

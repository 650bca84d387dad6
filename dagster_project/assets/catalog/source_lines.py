"""Lines of the source that describe a table: its contract, and the row of its endpoint.

They are found from the installed modules, so they hold in a checkout and in an image.
"""

from __future__ import annotations

import linecache
import re
import sys
import warnings
from collections.abc import Iterable

from dagster import BetaWarning, CodeReferencesMetadataValue, LocalFileCodeReference

from dlt_sources.weather.api.endpoints import free, one_call
from dlt_sources.weather.api.endpoints.model import Endpoint
from dlt_sources.weather.contracts import Contract

KEY = "dagster/code_references"


def code_references(contracts: Iterable[type[Contract]], endpoint: Endpoint | None) -> dict[str, object]:
    """Return the entry of an asset's metadata that links it to its source; empty if the files are not there.

    Args:
        contracts: contracts of the asset's tables.
        endpoint: the endpoint whose answers it holds; None if it has none of its own.
    """
    found = [_line(one.__module__, (rf"^class {one.__name__}\b",), f"contract of {one.table}") for one in contracts]
    if endpoint is not None:
        module = free if endpoint.product == "free" else one_call
        name = re.escape(f'"{endpoint.name}"')
        patterns = (rf"\bname={name}", rf"^ +{name},$", name)
        found.append(_line(module.__name__, patterns, f"endpoint {endpoint.name}"))
    references = [one for one in found if one]
    return {KEY: _value(references)} if references else {}


def _line(module: str, patterns: Iterable[str], label: str) -> tuple[str, int, str] | None:
    """Return file, number and label of the first line of a module that a pattern matches; earlier patterns win."""
    file = sys.modules[module].__file__ or ""
    lines = linecache.getlines(file)
    for pattern in patterns:
        for number, line in enumerate(lines, 1):
            if re.search(pattern, line):
                return file, number, label
    return None


def _value(references: list[tuple[str, int, str]]) -> CodeReferencesMetadataValue:
    with warnings.catch_warnings():
        # the pages have shown them since Dagster 1.8; the classes are still called beta
        warnings.simplefilter("ignore", BetaWarning)
        return CodeReferencesMetadataValue(
            code_references=[
                LocalFileCodeReference(file_path=file, line_number=number, label=label)
                for file, number, label in references
            ]
        )

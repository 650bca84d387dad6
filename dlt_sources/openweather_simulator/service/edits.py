"""Edits that make a correct answer slightly wrong: values by dotted path, shifted times, repeated rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dlt_sources.openweather_simulator.service.faults import Fault


def edited(answer: Any, fault: Fault) -> Any:
    """Return the answer with a fault's edits made to it (in place)."""
    if fault.duplicate:
        rows = answer.get("list", answer.get("data")) if isinstance(answer, dict) else answer
        if rows:
            rows.append(rows[-1])
    for path, value in fault.set.items():
        for parent, name in _parents(answer, path.split("."), create=True):
            parent[name] = value
    for path in fault.remove:
        for parent, name in _parents(answer, path.split("."), create=False):
            if isinstance(parent, list):
                del parent[name]
            else:
                parent.pop(name, None)
    if fault.dt_offset:
        _shift(answer, fault.dt_offset)
    return answer


def _parents(node: Any, path: list[str], *, create: bool) -> Iterable[tuple[Any, Any]]:
    """Yield the container and the key of every value that a path matches."""
    name, rest = path[0], path[1:]
    if isinstance(node, list):
        keys: Iterable[Any] = range(len(node)) if name == "*" else [int(name)] if name.isdecimal() else []
        keys = [key for key in keys if key < len(node)]
    elif isinstance(node, dict):
        keys = list(node) if name == "*" else [name]
    else:
        return
    for key in keys:
        if not rest:
            yield node, key
            continue
        if isinstance(node, dict) and not isinstance(node.get(key), (dict, list)):
            if not create:
                continue
            node[key] = {}
        yield from _parents(node[key], rest, create=create)


def _shift(node: Any, seconds: int) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("dt"), int):
            node["dt"] += seconds
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            _shift(child, seconds)

"""Options of a running simulator, set from another process: subscription, limits, undocumented behaviour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dlt_sources.openweather_simulator.answers.one_call.rules import rules_from_json
from dlt_sources.openweather_simulator.service.endpoints import PLANS
from dlt_sources.openweather_simulator.service.limits import limits_from_json
from dlt_sources.openweather_simulator.service.simulator import Simulator


def set_options(simulator: Simulator, values: Mapping[str, Any]) -> None:
    """Set the options that a JSON object names; the others stay as they are.

    Raises:
        TypeError, ValueError: an option, or a value, that does not exist; nothing is set then.
    """
    if unknown := values.keys() - _READERS.keys():
        raise ValueError(f"no option {', '.join(sorted(unknown))}")
    read = {name: _READERS[name](value) for name, value in values.items()}
    for name, value in read.items():
        setattr(simulator, name, value)


def _version(value: object) -> object:
    if value not in {3, 4, None}:
        raise ValueError("one_call_version is 3, 4 or null")
    return value


def _plan(value: object) -> object:
    if value not in PLANS:
        raise ValueError(f"plan is one of {', '.join(PLANS)}")
    return value


_READERS: Mapping[str, Callable[[Any], object]] = {
    "one_call_version": _version,
    "plan": _plan,
    "one_call_keys": lambda value: value if value == "all" else frozenset(value),
    "calls_per_minute": lambda value: None if value is None else int(value),
    "limits": limits_from_json,
    "rules": rules_from_json,
    "failed_calls_counted": bool,
}

"""Memory for what dlt works out of type hints.

A load resolves some 400 configurations, for which dlt looks into type hints 40,000 times: a quarter of the load's
processor time. The answers depend on the hint alone, and the tests load some hundreds of times in one process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from dlt.common import typing
from dlt.common.configuration.specs import base_configuration

PURE = (
    base_configuration.is_secret_hint,
    base_configuration.extract_inner_hint,
    base_configuration.is_credentials_inner_hint,
    typing.extract_inner_type,
)


def remember_hints() -> None:
    """Let dlt work each hint out once in this process."""
    for function in PURE:
        remembered = _remembered(function)
        for module in [one for name, one in sys.modules.items() if name.partition(".")[0] == "dlt"]:
            if vars(module).get(function.__name__) is function:
                setattr(module, function.__name__, remembered)


def _remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    known = cache(function)

    @wraps(function)
    def ask(*hints: Any, **options: Any) -> Any:
        try:
            return known(*hints, **options)
        except TypeError:  # a hint that cannot be hashed
            return function(*hints, **options)

    return ask

"""Memory for what dlt works out of type hints, and for the settings that it looks up.

A load resolves some 400 configurations, for which dlt looks into type hints 40,000 times and asks for each setting
under a dozen names: half of the load's processor time. A hint's answers depend on the hint alone, a setting's on the
environment and ``dlt.config``, and the tests load some hundreds of times in one process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, NamedTuple

from dlt.common import typing, validation
from dlt.common.configuration import resolve
from dlt.common.configuration.providers.doc import BaseDocProvider
from dlt.common.configuration.providers.environ import EnvironProvider
from dlt.common.configuration.providers.provider import ConfigProvider
from dlt.common.configuration.specs import base_configuration

PURE = (
    base_configuration.is_secret_hint,
    base_configuration.extract_inner_hint,
    base_configuration.is_credentials_inner_hint,
    base_configuration.is_hint_not_resolvable,
    typing.extract_inner_type,
    typing.is_callable_type,
    typing.is_dict_generic_type,
    typing.is_list_generic_type,
    typing.is_literal_type,
    typing.is_optional_type,
    typing.is_typeddict,
    typing.is_union_type,
)


def remember_hints() -> None:
    """Let dlt work each hint out once in this process."""
    for function in PURE:
        remembered = _remembered(function)
        for module in [one for name, one in sys.modules.items() if name.partition(".")[0] == "dlt"]:
            if vars(module).get(function.__name__) is function:
                setattr(module, function.__name__, remembered)
    # its second argument, the names of the class's module, follows from the first
    known = cache(validation.get_type_hints)
    validation.get_type_hints = lambda spec, **_names: known(spec)


def remember_settings() -> None:
    """Let dlt look each setting up once, until the environment or ``dlt.config`` changes."""
    look_up = resolve.resolve_single_provider_value
    memory = _Memory({}, {})

    @wraps(look_up)
    def ask(provider: ConfigProvider, key: str, hint: Any, *where: Any) -> Any:
        nonlocal memory
        document = str(provider._config_doc) if isinstance(provider, BaseDocProvider) else ""
        if not document and not isinstance(provider, EnvironProvider):
            return look_up(provider, key, hint, *where)
        present = memory
        if present.environment != os.environ._data:
            # loads in other threads keep the one that they have
            present = memory = _Memory(dict(os.environ._data), {})
        name = (type(provider), document, key, hint, *where)
        try:
            if name not in present.found:
                present.found[name] = look_up(provider, key, hint, *where)
            return present.found[name]
        except TypeError:  # a hint that cannot be hashed
            return look_up(provider, key, hint, *where)

    resolve.resolve_single_provider_value = ask


class _Memory(NamedTuple):
    """What was found in an environment."""

    environment: dict[Any, Any]
    found: dict[Any, Any]


def _remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    known = cache(function)

    @wraps(function)
    def ask(*hints: Any, **options: Any) -> Any:
        try:
            return known(*hints, **options)
        except TypeError:  # a hint that cannot be hashed
            return function(*hints, **options)

    return ask

"""Memory for what dlt works out of type hints, and for the settings that it looks up.

A load resolves some 400 configurations, for which dlt looks into type hints 40,000 times and asks for each setting
under a dozen names: half of the load's processor time. A hint's answers depend on the hint alone, a setting's on the
environment and ``dlt.config``, and the tests load some hundreds of times in one process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from copy import deepcopy
from functools import cache, wraps
from typing import Any

import dlt
from dlt.common import typing, validation
from dlt.common.configuration import resolve
from dlt.common.configuration.providers.doc import BaseDocProvider
from dlt.common.configuration.providers.environ import EnvironProvider
from dlt.common.configuration.providers.provider import ConfigProvider
from dlt.common.configuration.specs import base_configuration
from dlt.common.destination import Destination
from dlt.common.schema import schema, utils

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

_PLAIN = {str, int, bool, float, type(None)}


def remember() -> None:
    """Let dlt work each hint and setting out once in this process, and copy plain values quickly."""
    remember_hints()
    remember_settings()
    copy_quickly()


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


def copy_quickly() -> None:
    """Let dlt copy schemas, which are plain documents, and count a configuration's fields, in a third of the time."""
    for module in (schema, utils):
        module.deepcopy = _copied
    count = cache(
        lambda kind: sum(map(base_configuration.is_valid_configspec_field, kind.__dataclass_fields__.values()))
    )
    # asked for whenever a configuration is taken for true or false
    base_configuration.BaseConfiguration.__len__ = lambda self: count(type(self))


def _copied(value: Any) -> Any:
    if type(value) is dict:
        return {name: _copied(one) for name, one in value.items()}
    if type(value) is list:
        return [_copied(one) for one in value]
    return value if type(value) in _PLAIN else deepcopy(value)


def remember_settings() -> None:
    """Let dlt look each setting up once, and each destination's capabilities, until the environment changes."""
    look_up, capabilities = resolve.resolve_single_provider_value, Destination.capabilities
    is_secret = base_configuration.is_secret_hint
    memory = _Memory()

    @wraps(look_up)
    def ask(provider: ConfigProvider, key: str, hint: Any, *where: Any) -> Any:
        document = str(provider._config_doc) if isinstance(provider, BaseDocProvider) else ""
        if not document and not isinstance(provider, EnvironProvider):
            return look_up(provider, key, hint, *where)
        # of the hint, these providers ask nothing else
        question = (type(provider), document, key, is_secret(hint), *where)
        return memory.ask(question, lambda: look_up(provider, key, hint, *where))

    @wraps(capabilities)
    def of_destination(self: Destination[Any, Any], config: Any = None, naming: Any = None) -> Any:
        if config is not None:
            return capabilities(self, config, naming)
        rules = (type(naming), naming.max_length) if naming else None
        given = [(name, id(value)) for name, value in self.config_params.items()]
        documents = [one._config_doc for one in dlt.config.config_providers if isinstance(one, BaseDocProvider)]
        question = (_Same(self), str(given), str(documents), rules)
        # dlt changes what it gets
        return memory.ask(question, lambda: capabilities(self, None, naming)).copy()

    resolve.resolve_single_provider_value = ask
    Destination.capabilities = of_destination


class _Same:
    """An object as a key, equal to itself only; kept, so that no other gets its number."""

    def __init__(self, one: object) -> None:
        self.one = one

    def __hash__(self) -> int:
        return id(self.one)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.one is other.one


class _Memory:
    """Answers that hold for one environment."""

    def __init__(self) -> None:
        self._state: tuple[dict[Any, Any], dict[Any, Any]] = ({}, {})

    def ask(self, question: Any, answer: Callable[[], Any]) -> Any:
        """Return the answer, worked out if the question is new in the present environment."""
        environment, known = self._state
        if environment != os.environ._data:
            # loads in other threads keep the one that they have
            known = {}
            self._state = (dict(os.environ._data), known)
        if question not in known:
            known[question] = answer()
        return known[question]


def _remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    # by its number, since some hints take longer to hash than to answer; kept, so that no other gets it
    known: dict[Any, tuple[Any, Any]] = {}

    @wraps(function)
    def ask(hint: Any, *arguments: Any, **options: Any) -> Any:
        question = (id(hint), *arguments, *options.items())
        if question not in known:
            known[question] = (hint, function(hint, *arguments, **options))
        return known[question][1]

    return ask

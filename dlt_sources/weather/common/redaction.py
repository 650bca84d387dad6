"""Redaction of secrets in everything that leaves the process: by value, and by the places in which they stand.

OpenWeather takes the key only as the query parameter ``appid``, so it is part of every URL and would travel with any
exception or log line that contains one. Passwords of databases and proxies are in URLs too, which libraries quote in
their errors.
"""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from collections.abc import Iterator, Set
from contextlib import suppress
from functools import lru_cache
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote

from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.configuration.providers import StringTomlProvider
from dlt.common.configuration.providers.toml import SettingsTomlProvider
from dlt.common.configuration.specs import PluggableRunContext
from pydantic import SecretStr

REDACTED = "<redacted>"
# OpenWeather's keys have 32 characters; a shorter value may be a word that answers contain
SHORTEST_KEY = 16
# a shorter secret is replaced where it stands alone, not inside of words
SHORTEST_ANYWHERE = 8
SHORTEST_SECRET = 4
_PARAMETER = re.compile(r"(appid=)[^&\s\"'<>)]+", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile(r"(\w://[^/\s:@]*:)[^/\s]*(?=@)")
_NAMES_OF_SECRETS = re.compile(r"PASSWORD|PASSWD|(?<!^)(?<!^OLD)PWD$|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY")
_NAMES_OF_URLS = re.compile(r"CREDENTIALS|_PROXY$|_URLS?$|_URI$|_DSN$|^URLS?$")
_URL = re.compile(r"(?:[\w+.-]+://)?[^:/@]*:(?P<password>.+)@[^@]*", re.DOTALL)
_PASSWORD_IN_DSN = re.compile(r"password=(?:'((?:[^'\\]|\\.)+)'|(\S+))")


def redact(text: str, key: SecretStr | None, secrets: Set[str] | None = None) -> str:
    """Return a text for people, a message or a log line, with every secret of the process replaced by a placeholder.

    Args:
        text: the text.
        key: the API key, if one is set.
        secrets: the process's secrets, if the caller knows them already.
    """
    text = _PASSWORD_IN_URL.sub(rf"\1{REDACTED}", _PARAMETER.sub(rf"\1{REDACTED}", text))
    values = (known_secrets() if secrets is None else secrets) | ({key.get_secret_value()} if key else set())
    for secret in sorted(values, key=len, reverse=True):
        text = _without(text, secret)
    return text


def redact_body(text: str, key: SecretStr | None) -> str:
    """Return an answer's text without the key, where a key can stand: as ``appid`` in a URL, or long enough to be one.

    Args:
        text: the text.
        key: the API key, if one is set.
    """
    text = _PARAMETER.sub(rf"\1{REDACTED}", text)
    if key and len(key.get_secret_value()) >= SHORTEST_KEY:
        text = text.replace(key.get_secret_value(), REDACTED)
    return text


def may_hold_key(body: bytes, key: SecretStr) -> bool:
    """Return whether ``redact_body`` would change a body; cheap, since every answer is asked.

    Args:
        body: the body.
        key: the API key.
    """
    secret = key.get_secret_value()
    return (len(secret) >= SHORTEST_KEY and secret.encode() in body) or b"appid=" in body or b"APPID=" in body


def _without(text: str, secret: str) -> str:
    if len(secret) >= SHORTEST_ANYWHERE:
        return text.replace(secret, REDACTED)
    if len(secret) < SHORTEST_SECRET or secret not in text:
        return text
    return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", REDACTED, text)


def known_secrets() -> set[str]:
    """Return the secrets that the environment and ``.dlt/secrets.toml`` hold: keys, passwords, alert URLs."""
    given = tuple((name, value) for name, value in os.environ.items() if value and _names_secret(name.upper(), value))
    found = set(_secrets_among(given))
    # a file that cannot be read gives the process no secret; its error is told elsewhere
    with suppress(ConfigurationException):
        for provider in Container()[PluggableRunContext].providers.providers:
            if isinstance(provider, SettingsTomlProvider) and provider.supports_secrets and not provider.is_empty:
                found |= _secrets_of(provider)
    return found


def _names_secret(name: str, value: str) -> bool:
    if _NAMES_OF_SECRETS.search(name):
        return True
    return name != "NO_PROXY" and bool(_NAMES_OF_URLS.search(name)) and len(value) >= SHORTEST_SECRET


@lru_cache(maxsize=8)
def _secrets_among(given: tuple[tuple[str, str], ...]) -> frozenset[str]:
    return frozenset(secret for name, value in given for secret in _secrets_in(name.upper(), value))


@lru_cache(maxsize=8)
def _secrets_of(provider: SettingsTomlProvider) -> frozenset[str]:
    leaves = _leaves((), StringTomlProvider.loads(provider.to_toml()).unwrap())
    return _secrets_among(tuple((name, value) for name, value in leaves if _names_secret(name, value)))


def _leaves(path: tuple[str, ...], node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _leaves((*path, str(name).upper()), value)
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(path, value)
    else:
        yield "__".join(path), str(node)


def _secrets_in(name: str, value: str) -> Iterator[str]:
    """Yield what is secret in a value, by its name, in each way in which it may be written."""
    if value.startswith(("{", "[")):
        try:
            leaves = list(_leaves((name,), json.loads(value)))
        except ValueError:
            leaves = []
        for path, leaf in leaves:
            if _names_secret(path, leaf):
                yield from _secrets_in(path, leaf)
        return
    if name.endswith(("ALERTS__URLS", "ALERTS__URL")) or _NAMES_OF_SECRETS.search(name):
        secrets = [value]
    else:
        secrets = [match["password"]] if (match := _URL.fullmatch(value)) else []
        secrets += [quoted or plain for quoted, plain in _PASSWORD_IN_DSN.findall(value)]
    for secret in secrets:
        yield from {secret, secret.strip(), unquote(secret), quote(unquote(secret), safe="")}


def print_redacted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an exception that ends the process, without secrets: a hook for ``sys.excepthook``."""
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace)), None))

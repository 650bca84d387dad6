"""Redaction of secrets in everything that leaves the process: by value, and by the places in which they stand.

OpenWeather takes the key only as the query parameter ``appid``, so it is part of every URL and would travel with any
exception or log line that contains one. Passwords of databases and proxies are in URLs too, which libraries quote in
their errors.

It needs no dlt, which Dagster's services would otherwise import for the format of their logs (60 MB each): it reads the
files of secrets itself. Where settings can be read, ``settings.providers`` adds what dlt's providers hold.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Set
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote

from pydantic import SecretStr

REDACTED = "<redacted>"
_NAMES_OF_FILES = ("secrets.toml", "config.toml")
# the table in which dlt is told to ask a vault
_PROVIDERS = re.compile(r"""^\s*\[?\s*["']?providers\b""", re.MULTILINE)
_other_secrets: list[Callable[[], Set[str]]] = []
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
    for file in settings_files("secrets.toml"):
        found |= secrets_in_toml(_read(file))
    for others in _other_secrets:
        found |= others()
    return found


def add_secrets(others: Callable[[], Set[str]]) -> None:
    """Redact further secrets of the process.

    Args:
        others: returns them; called for each text that is redacted.
    """
    _other_secrets.append(others)


def has_vault() -> bool:
    """Return whether dlt is set to look for secrets in a vault, which only dlt can ask."""
    if any(name.upper().startswith("PROVIDERS__ENABLE_") for name in os.environ):
        return True
    return any(_PROVIDERS.search(_read(path)) for name in _NAMES_OF_FILES for path in settings_files(name))


def settings_files(name: str) -> Iterator[Path]:
    """Yield where dlt looks for a file: in the project's folder of settings, then in that of all projects.

    Args:
        name: ``config.toml`` or ``secrets.toml``.
    """
    yield Path(os.environ.get("DLT_PROJECT_DIR", "."), os.environ.get("DLT_CONFIG_FOLDER", ".dlt"), name)
    # as dlt.common.runtime.run_context.global_dir chooses; of a user's two folders dlt reads one
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        yield Path("/var/dlt", name)
        return
    home = Path("~").expanduser()
    if not os.access(home, os.W_OK):
        yield Path(tempfile.gettempdir(), "dlt", name)
    yield home / ".dlt" / name
    if data := os.environ.get("XDG_DATA_HOME"):
        yield Path(data, "dlt", name)


def _read(file: Path) -> str:
    """Return a file's text; one that cannot be read gives the process no secret, and its error is told elsewhere."""
    try:
        status = file.stat()
    except OSError:
        return ""
    return _text(file.absolute(), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _text(file: Path, _modified: int, _size: int) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


@lru_cache(maxsize=8)
def _document(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    import tomlkit  # noqa: PLC0415 - most processes have no such file

    with suppress(tomlkit.exceptions.TOMLKitError):
        return dict(tomlkit.parse(text).unwrap())
    return {}


def _names_secret(name: str, value: str) -> bool:
    if _NAMES_OF_SECRETS.search(name):
        return True
    return name != "NO_PROXY" and bool(_NAMES_OF_URLS.search(name)) and len(value) >= SHORTEST_SECRET


@lru_cache(maxsize=8)
def _secrets_among(given: tuple[tuple[str, str], ...]) -> frozenset[str]:
    return frozenset(secret for name, value in given for secret in _secrets_in(name.upper(), value))


@lru_cache(maxsize=8)
def secrets_in_toml(text: str) -> frozenset[str]:
    """Return the secrets in a file of dlt's settings.

    Args:
        text: the file's text.
    """
    leaves = _leaves((), _document(text))
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
    if name.endswith(("ALERTS__URLS", "ALERTS__URL", "HEARTBEAT_URL")) or _NAMES_OF_SECRETS.search(name):
        secrets = [value]
        if name.endswith("HEARTBEAT_URL"):
            # an error may quote the path alone
            secrets += [part for part in value.split("/")[3:] if len(part) >= SHORTEST_KEY]
    else:
        secrets = [match["password"]] if (match := _URL.fullmatch(value)) else []
        secrets += [quoted or plain for quoted, plain in _PASSWORD_IN_DSN.findall(value)]
    for secret in secrets:
        yield from {secret, secret.strip(), unquote(secret), quote(unquote(secret), safe="")}


def print_redacted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an exception that ends the process, without secrets: a hook for ``sys.excepthook``."""
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace)), None))

"""Taking secrets out of the texts of alerts: the API key, passwords in URLs, and what the alert URLs hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl, unquote, urlsplit

from dagster_project.common.environment import secret_key
from dlt_sources.weather.common.redaction import REDACTED, redact

_IN_URL = re.compile(r"(\w://)[^/\s@]+@")
_NAMED = re.compile(r"\b(password|passwd|pwd|token|secret|api_?key)(\s*[=:]\s*)[^\s&,;\"')]+", re.IGNORECASE)
# shorter parts of a URL are words that a text may well need
SHORTEST = 8


def scrubber(urls: Sequence[str]) -> Callable[[str], str]:
    """Make the function that takes secrets out of a text."""
    key = secret_key()
    parts = sorted({part for url in urls for part in _parts(url)}, key=len, reverse=True)

    def scrub(text: str) -> str:
        text = redact(text, key)
        text = _NAMED.sub(rf"\1\2{REDACTED}", _IN_URL.sub(rf"\1{REDACTED}@", text))
        for part in parts:
            text = text.replace(part, REDACTED)
        return text

    return scrub


def _parts(url: str) -> list[str]:
    """The URL, and what in it may be secret: all but scheme and host."""
    try:
        split = urlsplit(url)
        values = [value for _, value in parse_qsl(split.query)]
        found = [split.username, split.password, *split.path.split("/"), *values]
    except ValueError:
        found = []
    known = [part for part in found if part]
    return [part for part in (url, *known, *map(unquote, known)) if len(part) >= SHORTEST]

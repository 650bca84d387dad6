"""Redaction of the API key in everything that leaves the HTTP client.

OpenWeather takes the key only as the query parameter ``appid``, so it is part of every URL and would travel with any
exception or log line that contains one.
"""

from __future__ import annotations

import re

from pydantic import SecretStr

REDACTED = "<redacted>"
_PARAMETER = re.compile(r"(appid=)[^&\s\"'<>)]+", re.IGNORECASE)


def redact(text: str, key: SecretStr | None) -> str:
    """Return a text with the key, and the value of any ``appid`` parameter, replaced by a placeholder."""
    text = _PARAMETER.sub(rf"\1{REDACTED}", text)
    if key is not None and key.get_secret_value():
        text = text.replace(key.get_secret_value(), REDACTED)
    return text

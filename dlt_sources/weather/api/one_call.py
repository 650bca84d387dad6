"""Behaviour of One Call 4.0 that other products lack. Source: openweathermap.org/api/one-call-4.

Its answers link to the pages before and after them, and the links hold the key. Pages are computed here and links never
followed, so that they are cut out of an answer before anything keeps it.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

PATH = "/data/4.0/onecall/"
LINKS = ("prev", "next")
# a member of any object whose value is a text, the last of a body that was cut off included. A quote inside of a JSON
# text is escaped, so that no text's content looks like a member
_TEXT = rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
_LINK = rb'"(?:' + "|".join(LINKS).encode() + rb')"\s*:\s*' + _TEXT
_LINKS = re.compile(rb",\s*" + _LINK + rb"|" + _LINK + rb"\s*,?", re.DOTALL)


def without_links(body: bytes) -> bytes:
    """Return the body of an answer without its links, and otherwise as it was received.

    Args:
        body: the body, whole JSON or not.
    """
    return _LINKS.sub(b"", body) if any(name.encode() in body for name in LINKS) else body


def without_odd_links(body: bytes, data: Any) -> tuple[bytes, Any]:
    """Return an answer without links that are no text, or whose names are written with escapes.

    Args:
        body: the body without plain links.
        data: the body as Python objects.
    """
    if not isinstance(data, dict) or not any(name in data for name in LINKS):
        return body, data
    rest = {name: value for name, value in data.items() if name not in LINKS}
    return orjson.dumps(rest), rest

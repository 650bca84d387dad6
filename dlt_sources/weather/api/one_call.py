"""Behaviour of One Call 4.0 that other products lack: links with the key, and warnings by id.

Source: openweathermap.org/api/one-call-4. Answers link to the pages before and after them, and the links hold the key.
Pages are computed here and links never followed, so that they are cut out of an answer before anything keeps it.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any
from urllib.parse import quote

import orjson
from pydantic import ConfigDict, TypeAdapter, ValidationError

# typing's has too little for pydantic before Python 3.12
from typing_extensions import TypedDict

PATH = "/data/4.0/onecall/"
TIMELINES = f"{PATH}timeline/"
LINKS = ("prev", "next")
# characters; ids are UUIDs in the vendor's example
LONGEST_ID = 200
# what follows the name of a member whose value is a text, the last of a body that was cut off included
_TEXT = re.compile(rb'\s*:\s*"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_COMMA = re.compile(rb"\s*,?")
# first letters of NaN and Infinity, which are no JSON, but pydantic reads them
_NUMBERS_OF_PYDANTIC = ((b"N", b"NaN"), (b"I", b"Infinity"))


def without_links(body: bytes) -> bytes:
    """Return the body of an answer without its links, and otherwise as it was received.

    Args:
        body: the body, whole JSON or not.
    """
    for name in LINKS:
        # a quote inside of a JSON text is escaped, so that no text's content looks like a member
        member = b'"%s"' % name.encode()
        # links are the last members of an answer; to search a body from its beginning takes several times as long
        position = body.rfind(member)
        while position >= 0:
            value = _TEXT.match(body, position + len(member))
            if value is not None:
                before, after = body[:position].rstrip(), body[value.end() :]
                has_comma = before.endswith(b",")
                body = before[:-1] + after if has_comma else before + _COMMA.sub(b"", after, count=1)
            position = body.rfind(member, 0, position)
    return body


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


class _Moment(TypedDict):
    """The part of a row that an outline has."""

    __pydantic_config__ = ConfigDict(extra="ignore", strict=True)  # type: ignore[misc]

    dt: int


class _Outline(TypedDict):
    """An answer whose rows have their moments only."""

    __pydantic_config__ = ConfigDict(extra="allow", strict=True)  # type: ignore[misc]

    data: list[_Moment]


@cache
def _outlines() -> TypeAdapter[_Outline]:
    return TypeAdapter(_Outline)


def outline(path: str, body: bytes) -> dict[str, Any] | None:
    """Return the answer of a timeline with the moments of its rows only; None if it is to be read as a whole.

    Arrow makes columns of the rows without Python objects, which take 12 % of the processor time of a long history. The
    body is checked to be JSON all the same. An answer with anything unusual in it is read as a whole.

    Args:
        path: path of the request.
        body: the body without plain links.
    """
    # escapes are rare, and some are no text of a database
    if not path.startswith(TIMELINES) or b"\\" in body:
        return None
    # a single letter is looked for thirty times as fast as a word
    if any(letter in body and word in body for letter, word in _NUMBERS_OF_PYDANTIC):
        return None
    try:
        found: dict[str, Any] = dict(_outlines().validate_json(body))
    except ValidationError:
        return None
    return None if any(name in found for name in LINKS) else found


def read_body(body: bytes) -> Any:
    """Return a body, of which there was an outline, as Python objects.

    Args:
        body: the body.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # a number beyond the largest float, which the contract rejects with its row
        return json.loads(body)


def alert_path(alert_id: str) -> str:
    """Return the path of the text of a warning."""
    return f"{PATH}alert/{quote(alert_id, safe='')}"


def alert_ids(record: Any) -> list[str]:
    """Return the ids of the warnings that a row of any timeline names.

    Args:
        record: the row, as the API sent it.
    """
    named = record.get("alerts") if isinstance(record, dict) else None
    ids = named if isinstance(named, list) else []
    return [one for one in ids if isinstance(one, str) and 0 < len(one) <= LONGEST_ID]


def alert_texts(data: Any) -> list[Any] | None:
    """Return the warnings that an answer holds; None if it has another form.

    UNCONFIRMED: whether the warning is the answer itself, as the vendor's example shows it, or an entry of ``data``, as
    in all other answers of 4.0. Both are read. A row of weather, which has a ``dt``, is no warning.

    Args:
        data: the answer.
    """
    if not isinstance(data, dict):
        return None
    rows = data.get("data")
    if rows is None:
        return [data]
    return [row for row in rows if not (isinstance(row, dict) and "dt" in row)] if isinstance(rows, list) else None

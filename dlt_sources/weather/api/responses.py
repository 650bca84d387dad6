"""Requests to the API and what can come of them: a usable answer, a failure, or a reason to wait.

Source of the rules: the error sections of openweathermap.org/api and recorded answers; ``cod`` is a string for some
statuses and an int for others, so the HTTP status decides unless the body of a 200 says otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

PAYLOAD_EXCERPT = 1000
# an escaped NUL in a JSON text: valid JSON, but no database text can hold it
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


@dataclass(frozen=True, slots=True)
class Request:
    """One question to the API: for which resource, the path, its parameters without the key, and what it is about."""

    resource: str
    path: str
    params: dict[str, str]
    about: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A usable answer: HTTP 200, and JSON without an error in it."""

    request: Request
    body: bytes
    data: Any
    fetched_at: datetime


@dataclass(frozen=True)
class Failure:
    """A request that ended without a usable answer.

    ``error_class`` is one of key_refused, rate_limited, not_found, bad_request, redirected, server_error, timeout,
    connection, invalid_answer.
    """

    request: Request
    error_class: str
    message: str
    http_status: int | None = None
    payload: str | None = None

    @property
    def ends_the_run(self) -> bool:
        """Whether every other request would fail alike."""
        return self.error_class in ("key_refused", "rate_limited")

    @property
    def is_transient(self) -> bool:
        """Whether another try may succeed."""
        return self.error_class in ("server_error", "timeout", "connection", "invalid_answer")


@dataclass(frozen=True)
class TooManyCalls:
    """A 429: wait ``retry_after`` seconds (0: the API did not say) and ask the same again."""

    retry_after: float


Result = Answer | Failure


def classify(
    request: Request, status: int, body: bytes, retry_after: str | None, now: datetime
) -> Answer | Failure | TooManyCalls:
    """Tell what came of a call from its HTTP status and body, received ``now``."""
    try:
        if b"\\u0000" in body:
            body = _NUL.sub(rb"\1", body)
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        if status == 200:
            return Failure(request, "invalid_answer", "The answer is not JSON.", status, _excerpt(body))
        data = None
    if status == 200:
        status = _code_in_body(data)
    if status == 200:
        return Answer(request, body, data, now)
    if status == 429:
        return TooManyCalls(_seconds(retry_after, now))
    said = data.get("message") if isinstance(data, dict) else None
    return Failure(request, _error_class(status), str(said or f"HTTP {status}"), status, _excerpt(body))


def _excerpt(body: bytes) -> str:
    return body[: PAYLOAD_EXCERPT * 4].decode("utf-8", "replace").replace("\x00", "")[:PAYLOAD_EXCERPT]


def _code_in_body(data: object) -> int:
    """The ``cod`` of an answer: until about 2016 errors came with HTTP 200, so the body is still looked at."""
    code = data.get("cod", 200) if isinstance(data, dict) else 200
    try:
        code = int(code)
    except (TypeError, ValueError, OverflowError):
        return 200
    return code if 300 <= code < 600 else 200


def _error_class(status: int) -> str:
    if status in (401, 403):
        return "key_refused"
    if status == 404:
        return "not_found"
    if status >= 500:
        return "server_error"
    return "redirected" if 300 <= status < 400 else "bad_request"


def _seconds(retry_after: str | None, now: datetime) -> float:
    """Seconds that a Retry-After header asks for, given as seconds or as a date; 0 where it says nothing usable."""
    if not retry_after:
        return 0.0
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - now).total_seconds())
    except (TypeError, ValueError):
        return 0.0

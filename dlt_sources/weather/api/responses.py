"""Requests to the API and their results: a usable answer, a failure, or a refusal to wait out.

Source of the rules: the error sections of openweathermap.org/api and recorded answers. ``cod`` is a string for some
statuses and an int for others, so the HTTP status decides unless the body of a 200 reports an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import orjson

from dlt_sources.weather.api import one_call
from dlt_sources.weather.common.subscription_plans import Product
from dlt_sources.weather.contracts.records import RequestErrorClass

# the requests that would fail in the same way as one that failed: those of its resource, of its product, or all
Scope = Literal["resource", "product", "run"]
# why One Call refuses a key: a wrong key, no subscription, or one to its other version
RefusalCause = Literal["key", "subscription", "version"]
# openweathermap.org/api/one-call-3 and /api/one-call-4; all other paths are of the plan
_ONE_CALL_PATHS = ("/data/3.0/onecall", "/data/4.0/onecall")

# characters of a body that are kept with a failure
PAYLOAD_EXCERPT = 1000
# an escaped NUL in a JSON text: valid JSON, but no database text can hold it
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the API.

    Attributes:
        resource: dlt resource that the calls are counted for.
        path: path below the base URL.
        params: query parameters, without the key.
        about: subject of the request, handed back with the result: a ``RequestWindow``, or a ``LocationQuery``.
    """

    resource: str
    path: str
    params: dict[str, str]
    about: Any = None

    @property
    def product(self) -> Product:
        """Product that the call is billed for; refusals of one product say nothing about another."""
        return "one_call" if self.path.startswith(_ONE_CALL_PATHS) else "free"


@dataclass(frozen=True, slots=True)
class Answer:
    """Usable answer: HTTP 200, and JSON without an error in it.

    Attributes:
        request: the request answered.
        body: the body as received, except for escaped NULs and links that hold the key, which are removed.
        data: the body as Python objects.
        fetched_at: moment of receipt, UTC.
        is_outline: whether the rows in ``data`` have their moments only, see ``one_call.outline``.
    """

    request: Request
    body: bytes
    data: Any
    fetched_at: datetime
    is_outline: bool = False

    def as_whole(self) -> Answer:
        """Return the answer with everything that its rows have."""
        return replace(self, data=one_call.read_body(self.body), is_outline=False) if self.is_outline else self


@dataclass(frozen=True)
class Failure:
    """Request that ended without a usable answer.

    Attributes:
        request: the request that failed.
        error_class: class of the error, as in ``bronze.rejects``.
        message: one sentence, without secrets.
        http_status: status of the last response; None if there was none.
        payload: excerpt of the last response's body, without secrets; None if there was none.
        scope: requests that would fail in the same way and are not sent any more; None for this one alone.
        refused_for: cause of a refusal by One Call; None if it is not known.
        connected: False if no connection could be made, so that the failure says nothing about the request.
    """

    request: Request
    error_class: RequestErrorClass
    message: str
    http_status: int | None = None
    payload: str | None = None
    scope: Scope | None = None
    refused_for: RefusalCause | None = None
    connected: bool = True

    @property
    def is_transient(self) -> bool:
        """Whether another attempt may succeed."""
        return self.error_class in ("server_error", "timeout", "connection", "invalid_answer")


@dataclass(frozen=True)
class TooManyCalls:
    """Response 429: wait ``retry_after`` seconds (0: the API named none), then send the same request.

    Attributes:
        retry_after: seconds to wait.
        failure: failure of the request if it is given up.
    """

    retry_after: float
    failure: Failure


Result = Answer | Failure


def classify(
    request: Request, status: int, body: bytes, retry_after: str | None, now: datetime
) -> Answer | Failure | TooManyCalls:
    """Classify the response to a request.

    Args:
        request: the request sent.
        status: HTTP status.
        body: body as received, without the links of One Call, see ``one_call.without_links``.
        retry_after: value of the ``Retry-After`` header, if there was one.
        now: moment of receipt, UTC.
    """
    has_links = request.path.startswith(one_call.PATH)
    if has_links and status == 200:
        outline = one_call.outline(request.path, body)
        if outline and _code_in_body(outline) == 200:
            return Answer(request, body, outline, now, is_outline=True)
    try:
        if b"\\u0000" in body:
            body = _NUL.sub(rb"\1", body)
        data = orjson.loads(body)
        if has_links:
            body, data = one_call.without_odd_links(body, data)
    except orjson.JSONDecodeError:
        if status == 200:
            return Failure(request, "invalid_answer", "The answer is not JSON.", status, excerpt(body))
        data = None
    if status == 200:
        status = _code_in_body(data)
    if status == 200:
        return Answer(request, body, data, now)
    message = data.get("message") if isinstance(data, dict) else None
    error_class = "blocked" if status == 403 and not isinstance(data, dict) else _error_class(status)
    failure = Failure(request, error_class, str(message or f"HTTP {status}"), status, excerpt(body))
    return TooManyCalls(_seconds(retry_after, now), failure) if status == 429 else failure


def excerpt(body: bytes) -> str:
    """Return the beginning of a body as text that a database can hold."""
    return body[: PAYLOAD_EXCERPT * 4].decode("utf-8", "replace").replace("\x00", "")[:PAYLOAD_EXCERPT]


def _code_in_body(data: object) -> int:
    """Return the ``cod`` of a 200's body if it is an error: until about 2016 errors came with HTTP 200."""
    code = data.get("cod", 200) if isinstance(data, dict) else 200
    try:
        code = int(code)
    except (TypeError, ValueError, OverflowError):
        return 200
    return code if 300 <= code < 600 else 200


def _error_class(status: int) -> RequestErrorClass:
    if status in (401, 403):
        return "key_refused"
    if status == 429:
        return "rate_limited"
    if status == 404:
        return "not_found"
    if status >= 500:
        return "server_error"
    return "redirected" if 300 <= status < 400 else "bad_request"


def _seconds(retry_after: str | None, now: datetime) -> float:
    """Return the seconds that a ``Retry-After`` header names, as a number or as a date; 0 if it names none."""
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

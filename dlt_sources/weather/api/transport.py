"""One HTTP call: its URL with the key, the bounded answer, and a sentence for each way in which a call breaks.

The key leaves this module only towards the API: every text that comes back is redacted here.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import get_args
from urllib.parse import quote, urlsplit

import aiohttp
import yarl
from pydantic import SecretStr

from dlt_sources.weather.api import one_call
from dlt_sources.weather.api.connection import SingleAttempt, proxy_for, tls_context
from dlt_sources.weather.api.endpoints import BY_NAME
from dlt_sources.weather.api.responses import Failure, Request, Result, TooManyCalls, classify, excerpt
from dlt_sources.weather.common.redaction import SHORTEST_KEY, may_hold_key, redact, redact_body
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.common.subscription_plans import Product

logger = logging.getLogger(__name__)
# an unreachable host is known to be sooner than a slow answer
MOST_SECONDS_TO_CONNECT = 10.0
BYTES_PER_MB = 1_000_000
# an answer of air pollution for so many days takes 0.3 MB; a longer window may take as much more
DAYS_PER_LIMIT = 90
# open files of a process that are no connections to the API: databases, logs, dlt's files
FILES_RESERVED = 128
FEWEST_CONNECTIONS = 4
# the largest plan (Expert, 100,000 calls a minute) needs 667; each may hold a whole answer
MOST_CONNECTIONS = 700
PRODUCTS: tuple[Product, ...] = get_args(Product)


class TooManyFilesError(Exception):
    """The process has no file handle left for a connection; the call was not made."""


class Transport:
    """Connection pool to the API. Open and close it in one event loop; it may be opened again in another.

    Args:
        settings: key, base URL, time-out and the largest answer.
        now: clock that stamps answers, UTC.

    Raises:
        ConfigurationError: the environment names a proxy or certificates that cannot be used.
    """

    def __init__(self, settings: WeatherSettings, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._key = settings.secret_key or SecretStr("")
        self._now = now
        if 0 < len(self._key.get_secret_value()) < SHORTEST_KEY:
            logger.warning(
                "The API key is shorter than %d characters. In answers it is redacted in URLs only, since it may be a "
                "part of their words",
                SHORTEST_KEY,
            )
        self._proxy = proxy_for(settings.url_of(""))
        self._tls = tls_context() if urlsplit(settings.url_of("")).scheme == "https" else None
        # enough in flight to reach the rate at 300 ms latency, with some to spare
        rate = max(settings.limits_of(product).per_minute for product in PRODUCTS)
        most = max(8, min(MOST_CONNECTIONS, round(rate / 60 * 0.4)))
        self.connections = min(most, max(FEWEST_CONNECTIONS, _free_file_handles()))

    async def open(self) -> None:
        """Open the pool."""
        timeout = self._settings.timeout_seconds
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.connections, ssl=self._tls or True),
            timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, MOST_SECONDS_TO_CONNECT)),
            proxy=self._proxy.url if self._proxy else None,
            # the API needs none; an empty jar is searched for every call all the same
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Close the pool."""
        await self._session.close()

    async def call(self, request: Request) -> Result | TooManyCalls:
        """Make one call and classify the response.

        Args:
            request: the request.

        Returns:
            The answer, the failure, or the refusal to wait out, redacted.

        Raises:
            TooManyFilesError: no file handle is left; nothing was sent.
        """
        try:
            async with self._session.get(
                self._url(request),
                allow_redirects=False,
                middlewares=(SingleAttempt(),),
                proxy_headers=self._proxy.headers if self._proxy else None,
            ) as response:
                body, is_whole = await _read(response, self._most_bytes(request))
        except aiohttp.ConnectionTimeoutError:
            return Failure(request, "timeout", f"No connection to {self._host} in time.", connected=False)
        except asyncio.TimeoutError:
            return Failure(request, "timeout", f"No answer within {self._settings.timeout_seconds:g} s.")
        except (aiohttp.ClientError, OSError) as error:
            if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE):
                raise TooManyFilesError from None
            connected = not isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError)
            return Failure(request, "connection", self._redacted(describe(error)), connected=connected)
        if not is_whole:
            message = (
                f"The answer is larger than {self._most_bytes(request) / BYTES_PER_MB:g} MB (max_answer_mb); reading "
                f"stopped after {len(body):,} bytes."
            )
            return Failure(request, "too_large", message, response.status, redact_body(excerpt(body), self._key))
        return self._classified(request, response, body)

    def _classified(self, request: Request, response: aiohttp.ClientResponse, body: bytes) -> Result | TooManyCalls:
        if request.path.startswith(one_call.PATH):
            # nearly every answer has links with the key; what is left of it afterwards is looked for below
            body = one_call.without_links(body)
        if may_hold_key(body, self._key):
            body = redact_body(body.decode("utf-8", "replace"), self._key).encode()
        result = classify(request, response.status, body, response.headers.get("Retry-After"), self._now())
        if isinstance(result, TooManyCalls):
            return replace(result, failure=self._redacted_failure(result.failure))
        return self._redacted_failure(result) if isinstance(result, Failure) else result

    def _redacted_failure(self, failure: Failure) -> Failure:
        payload = None if failure.payload is None else redact_body(failure.payload, self._key)
        return replace(failure, message=self._redacted(failure.message), payload=payload)

    def _redacted(self, text: str) -> str:
        return redact(text, self._key)

    @property
    def _host(self) -> str:
        return urlsplit(self._settings.url_of("")).hostname or ""

    def _most_bytes(self, request: Request) -> int:
        """Return the size of the largest answer that is read."""
        endpoint = BY_NAME.get(request.resource)
        days = self._settings.history_days_per_call if endpoint and endpoint.incremental else 0
        return int(self._settings.max_answer_mb * BYTES_PER_MB * max(1.0, days / DAYS_PER_LIMIT))

    def _url(self, request: Request) -> yarl.URL:
        query = "&".join(f"{name}={_quoted(value)}" for name, value in request.params.items())
        query += f"&appid={quote(self._key.get_secret_value(), safe='')}"
        return yarl.URL(f"{self._settings.url_of(request.path)}?{query}", encoded=True)


# coordinates, units and language are those of many calls
@lru_cache(maxsize=1024)
def _quoted(value: str) -> str:
    return quote(value, safe="")


async def _read(response: aiohttp.ClientResponse, most_bytes: int) -> tuple[bytes, bool]:
    """Read a body piece by piece, so that neither a long nor a packed one fills the memory.

    ``ClientResponse.read`` has no limit. It also lifts the one that aiohttp puts on the pieces that it unpacks.

    Returns:
        The body, and whether it is whole; otherwise its beginning, a little longer than the limit.
    """
    announced = response.content_length
    if announced is not None and announced <= most_bytes and "Content-Encoding" not in response.headers:
        return await response.read(), True
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > most_bytes:
            response.close()
            return b"".join(pieces), False
    return b"".join(pieces), True


def describe(error: BaseException) -> str:
    """Return a sentence for an error of the connection, the same for every request that meets it."""
    match error:
        case aiohttp.ClientConnectorCertificateError(certificate_error=cause):
            sentence = f"certificate verify failed: {getattr(cause, 'verify_message', '') or cause}"
        case aiohttp.ClientConnectorDNSError():
            sentence = f"the name {error.host} cannot be resolved: {_words(error.os_error)}"
        case aiohttp.ClientProxyConnectionError():
            sentence = f"the proxy cannot be reached: {_words(error.os_error)}"
        case aiohttp.ClientHttpProxyError():
            sentence = f"the proxy answers {error.status} {error.message}"
        case aiohttp.ClientConnectorError():
            sentence = f"no connection to {error.host}:{error.port}: {_words(error.os_error)}"
        case aiohttp.ServerDisconnectedError():
            sentence = "the connection was closed without an answer"
        case aiohttp.ClientPayloadError():
            sentence = "the answer broke off"
        case _:
            sentence = f"{type(error).__name__}: {error}"
    return sentence


def _words(error: OSError) -> str:
    """Return the system's words for an error; asyncio puts addresses and error numbers around them."""
    if error.errno == errno.ECONNREFUSED:
        return "connection refused"
    return error.strerror or str(error) or type(error).__name__


def _free_file_handles() -> int:
    """Return the number of connections that the process may open besides the files that it needs."""
    try:
        import resource  # noqa: PLC0415 - Windows has no such module, and no such limit
    except ImportError:
        return 1_000_000
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return 1_000_000
    with suppress(OSError):
        return limit - max(FILES_RESERVED, sum(1 for _ in Path("/proc/self/fd").iterdir()) + FILES_RESERVED // 2)
    return limit - FILES_RESERVED

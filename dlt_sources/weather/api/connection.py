"""How connections are made: the environment's proxy and certificates, and no call that aiohttp repeats by itself.

aiohttp's ``trust_env`` reads the proxy again for every call, sends credentials of ``~/.netrc`` to the API, goes past a
proxy that it does not support, and raises a traceback at a proxy that it cannot read.
"""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from dlt_sources.weather.common.errors import ConfigurationError

# in order of precedence; OpenSSL reads the first two by itself
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Proxy(NamedTuple):
    """Proxy: its URL without credentials, and the headers that hold them."""

    url: URL
    headers: dict[str, str]


def tls_context() -> ssl.SSLContext | None:
    """Return a context with the certificates that the environment names besides the system's; None if it names none.

    Raises:
        ConfigurationError: a variable names no file of certificates.
    """
    for variable in CERTIFICATE_VARIABLES:
        if not (path := os.environ.get(variable)):
            continue
        where = Path(path)
        if not (where.is_dir() if variable == "SSL_CERT_DIR" else where.exists()):
            raise ConfigurationError(f"{variable} names {path}, which does not exist. It must name certificates (PEM).")
        context = ssl.create_default_context()
        try:
            context.load_verify_locations(None if where.is_dir() else path, path if where.is_dir() else None)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"{variable} names {path}, which holds no certificates (PEM): {error}.") from None
        context.set_alpn_protocols(["http/1.1"])
        return context
    return None


def proxy_for(base_url: str) -> Proxy | None:
    """Return the proxy of the environment for the API; None if calls go straight to it.

    Args:
        base_url: the API's URL. Plain HTTP stays on this machine and takes no proxy.

    Raises:
        ConfigurationError: the proxy's URL cannot be read, or the kind of proxy is not supported.
    """
    api = urlsplit(base_url)
    proxies = getproxies()
    kind = "https" if "https" in proxies else "all"
    text = proxies.get(kind)
    if api.scheme != "https" or not text or proxy_bypass(api.netloc):
        return None
    variable = _variable(kind)
    # as curl and requests read it
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme != "http":
        raise ConfigurationError(
            f"{variable} names a proxy of the kind {parts.scheme}://, which is not supported; only http:// is, which "
            "carries encrypted calls as well. To go past the proxy, name the API's host in NO_PROXY."
        )
    if not host or "@" in parts.path or parts.fragment:
        raise ConfigurationError(
            f"{variable} is no URL of a proxy. Write it like http://user:password@host:3128; in the password, special "
            "characters are written as %40 for @, %3A for :, %2F for /, %23 for #."
        )
    headers = {}
    if parts.username is not None:
        credentials = b64encode(f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()).decode()
        headers["Proxy-Authorization"] = f"Basic {credentials}"
    return Proxy(URL.build(scheme="http", host=host, port=port or 80), headers)


def _variable(kind: str) -> str:
    """Return the variable that sets a kind of proxy, as it is written in the environment."""
    name = f"{kind}_proxy"
    return next((variable for variable in (name, name.upper()) if os.environ.get(variable)), name.upper())


class SingleAttempt:
    """Middleware of one call, which keeps aiohttp from repeating it on a dropped connection.

    aiohttp repeats idempotent requests by itself, and a repeated call would be neither rate-limited nor counted. It has
    no option against that. ``TCPConnector(force_close=True)`` repeats all the same, and takes 0.29 ms of CPU a call
    instead of 0.06; the middleware takes 0.002 (aiohttp 3.14).
    """

    def __init__(self) -> None:
        self._sent = False
        self._error: aiohttp.ClientError = aiohttp.ServerDisconnectedError()

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Pass the first attempt on and refuse the second.

        Raises:
            aiohttp.ClientError: the error of the first attempt, raised again by the second.
        """
        if self._sent:
            raise self._error
        self._sent = True
        try:
            return await handler(request)
        except aiohttp.ClientError as error:
            self._error = error
            raise

"""Proxies and certificates of the environment: used as curl and requests use them, or refused in a sentence."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dlt_sources.weather.api.connection import CERTIFICATE_VARIABLES, proxy_for
from dlt_sources.weather.api.responses import Answer
from tests.helpers.command import run
from tests.weather.api.asking import question

API = "https://api.openweathermap.org"
PASSWORD = "pr0xy-pässword"
BODY = b'{"name":"x"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)
    for variable in CERTIFICATE_VARIABLES:
        monkeypatch.delenv(variable, raising=False)


@contextmanager
def serving(handle: Callable[..., Coroutine[Any, Any, None]], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve connections; yield the port."""
    loop = asyncio.new_event_loop()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await handle(reader, writer)
        writer.close()

    server = loop.run_until_complete(asyncio.start_server(guarded, "127.0.0.1", 0, ssl=context))
    loop.set_exception_handler(lambda *_: None)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:

        async def stop() -> None:
            server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("HTTPS_PROXY", f"http://user:{PASSWORD}@proxy:port", "HTTPS_PROXY is no URL"),
        ("HTTPS_PROXY", f"http://user:{PASSWORD}@proxy:99999", "HTTPS_PROXY is no URL"),
        ("https_proxy", f"user:{PASSWORD}/with@slash@proxy:3128", "https_proxy is no URL"),
        ("HTTPS_PROXY", f"http://user:{PASSWORD}#x@proxy:3128", "%23 for #"),
        ("ALL_PROXY", f"socks5://user:{PASSWORD}@proxy:1080", "socks5://, which is not supported"),
        ("HTTPS_PROXY", f"https://user:{PASSWORD}@proxy:3128", "https://, which is not supported"),
        ("HTTPS_PROXY", "http://", "HTTPS_PROXY is no URL"),
        ("SSL_CERT_FILE", "/no/such/file.pem", "SSL_CERT_FILE names /no/such/file.pem, which does not exist"),
        ("REQUESTS_CA_BUNDLE", __file__, "which holds no certificates"),
        ("CURL_CA_BUNDLE", "/no/such/file.pem", "CURL_CA_BUNDLE names"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(monkeypatch, variable, value, words):
    monkeypatch.setenv(variable, value)
    finished = run("--location", "1,1", api=API)
    assert finished.code == 2, finished.said
    assert words in finished.err
    assert PASSWORD not in finished.said
    assert "Traceback" not in finished.said


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "http://user:pw@proxy:3128"),
        ("https_proxy", "user:pw@proxy:3128"),
        ("ALL_PROXY", "http://user:p%77@proxy:3128/"),
    ],
)
def test_a_proxy_may_be_written_as_for_curl(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    proxy = proxy_for(API)
    assert str(proxy.url) == "http://proxy:3128"
    assert proxy.headers == {"Proxy-Authorization": f"Basic {base64.b64encode(b'user:pw').decode()}"}
    assert proxy_for("http://127.0.0.1:8080") is None, "what stays on this machine needs none"
    monkeypatch.setenv("NO_PROXY", "example.org,.openweathermap.org")
    assert proxy_for(API) is None


def test_a_proxy_that_wants_a_password_is_named_as_the_cause(monkeypatch, client):
    asked = []

    async def refuse(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    with serving(refuse) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"user:{PASSWORD}@127.0.0.1:{port}")
        result = client(base_url=API, attempts=1).fetch(question())
    assert (result.error_class, result.message) == ("connection", "the proxy answers 407 Proxy Authentication Required")
    assert not result.connected
    credentials = base64.b64encode(f"user:{PASSWORD}".encode())
    assert asked[0].startswith(b"CONNECT api.openweathermap.org:443")
    assert credentials in asked[0]
    assert PASSWORD not in repr(result)


def test_a_proxy_that_cannot_be_reached_is_named_as_the_cause(monkeypatch, client):
    monkeypatch.setenv("HTTPS_PROXY", f"user:{PASSWORD}@127.0.0.1:9")
    result = client(base_url=API, attempts=1).fetch(question())
    assert result.message == "the proxy cannot be reached: connection refused"
    assert PASSWORD not in repr(result)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of this machine, and its key."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.timezone.utc)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "certificate.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    return folder / "certificate.pem"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(ANSWER)
    await writer.drain()


@pytest.mark.parametrize("variable", [None, "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_each_tools_variable_for_certificates_is_heard(monkeypatch, client, certificate, variable):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    if variable:
        monkeypatch.setenv(variable, str(certificate))
    with serving(answer, context) as port:
        result = client(base_url=f"https://127.0.0.1:{port}", attempts=1).fetch(question())
    if variable:
        assert isinstance(result, Answer), result
    else:
        assert result.message == "certificate verify failed: self-signed certificate"
        assert not result.connected

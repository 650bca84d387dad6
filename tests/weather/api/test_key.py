"""The API key shows in no result, log or representation of the client."""

from __future__ import annotations

import logging

import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.api.responses import Answer
from tests.helpers.clock import SENTINEL_KEY
from tests.weather.api.asking import question

ECHO = SENTINEL_KEY.encode()


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"body": b'{"message":"bad key %s","cod":401}' % ECHO, "status": 401}, id="401"),
        pytest.param({"body": b'{"message":{"appid":"%s"},"cod":"404"}' % ECHO, "status": 404}, id="404"),
        pytest.param({"body": b'{"url":"http://x/?appid=%s&q=1","cod":"404"}' % ECHO}, id="404 in a 200"),
        pytest.param({"body": b"<a href='/?APPID=%s'>" % ECHO, "status": 502}, id="502"),
        pytest.param({"body": b"not JSON, %s" % ECHO}, id="no JSON"),
        pytest.param({"body": b"\xff %s" % ECHO}, id="no UTF-8"),
        pytest.param({"body": b"x" * 990 + ECHO, "status": 400}, id="where the excerpt ends"),
        pytest.param({"body": b'{"list":[],"next":"http://x/?appid=%s&page=2"}' % ECHO}, id="an answer"),
        pytest.param({"reset": True}, id="reset"),
        pytest.param({"truncate": True}, id="truncated"),
        pytest.param({"latency": 0.6}, id="timeout"),
        pytest.param({"status": 429}, id="429"),
    ],
)
def test_the_key_shows_in_no_outcome(client, simulator, caplog, capsys, fault):
    simulator.inject(Fault(**fault))
    with caplog.at_level(logging.DEBUG):
        asked = client(timeout_seconds=0.3, rate_limit_backoff_seconds=0.01, rate_limit_patience_seconds=0.1)
        result = asked.fetch(question())
    for text in (repr(result), repr(asked), caplog.text, *capsys.readouterr()):
        assert SENTINEL_KEY not in text
        assert SENTINEL_KEY[:20] not in text
    if isinstance(result, Answer):
        assert result.data["next"] == "http://x/?appid=<redacted>&page=2"


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:9", "https://127.0.0.1:9"], ids=["http", "https"])
def test_the_key_shows_in_no_refused_connection(client, base_url):
    assert SENTINEL_KEY not in repr(client(base_url=base_url).fetch(question()))

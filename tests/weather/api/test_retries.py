"""What is asked again and what is waited out: passing failures and refusals for too many calls."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from email.utils import format_datetime

import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.api.responses import Answer, Failure
from tests.weather.api.asking import NOW, ask, question

TRANSIENT = [
    pytest.param({"status": 500}, "server_error", id="500"),
    pytest.param({"status": 502}, "server_error", id="502 with an HTML page"),
    pytest.param({"status": 503, "retry_after": "1"}, "server_error", id="503 with Retry-After"),
    pytest.param({"status": 599, "empty": True}, "server_error", id="599 without a body"),
    pytest.param({"body": b'{"cod":"500","message":"Internal error"}'}, "server_error", id="500 in a 200"),
    pytest.param({"reset": True}, "connection", id="reset"),
    pytest.param({"truncate": True}, "connection", id="truncated"),
    pytest.param({"empty": True}, "invalid_answer", id="empty"),
    pytest.param({"body": b"<html>busy</html>"}, "invalid_answer", id="HTML in a 200"),
    pytest.param({"body": b'{"coord":{"lon":1'}, "invalid_answer", id="half a JSON"),
    pytest.param({"body": b"\xff\xfe\x00"}, "invalid_answer", id="no UTF-8"),
    pytest.param({"body": b"NaN"}, "invalid_answer", id="NaN"),
    pytest.param({"body": b"[" * 2000 + b"]" * 2000}, "invalid_answer", id="nested 2000 deep"),
    pytest.param({"latency": 1.5}, "timeout", id="slow"),
]


# seconds; longer than any answer takes on a busy machine, unless it is to be cut off
PATIENCE = defaultdict(lambda: 10.0, timeout=0.5)


@pytest.mark.parametrize(("fault", "error_class"), TRANSIENT)
def test_a_passing_failure_is_tried_as_often_as_set(client, simulator, fault, error_class):
    simulator.inject(Fault(**fault))
    result = client(attempts=3, timeout_seconds=PATIENCE[error_class]).fetch(question())
    assert isinstance(result, Failure)
    assert result.error_class == error_class
    assert result.message
    assert result.is_transient
    assert result.scope is None
    assert simulator.stats.calls == 3


@pytest.mark.parametrize(("fault", "error_class"), TRANSIENT)
def test_a_failure_that_passes_leaves_an_answer(client, simulator, fault, error_class):
    simulator.inject(Fault(**fault, times=2))
    result = client(attempts=3, timeout_seconds=PATIENCE[error_class]).fetch(question())
    assert isinstance(result, Answer), error_class
    assert simulator.stats.calls == 3


def in_seconds(seconds):
    """An HTTP date as the simulator's clock sees it."""
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("retry_after", "least"),
    [
        pytest.param(None, 0.1, id="without Retry-After"),
        pytest.param("0", 0.1, id="0"),
        pytest.param("1", 1, id="seconds"),
        pytest.param("0.5", 0.5, id="a fraction of a second"),
        pytest.param(in_seconds(1), 1, id="HTTP date"),
        pytest.param(in_seconds(-60), 0.1, id="HTTP date in the past"),
        pytest.param("soon", 0.1, id="in words"),
        pytest.param("-5", 0.1, id="negative"),
        pytest.param("nan", 0.1, id="nan"),
    ],
)
def test_after_a_429_the_same_is_asked_again_no_sooner_than_told(client, simulator, retry_after, least):
    simulator.inject(Fault(status=429, retry_after=retry_after, times=1))
    result = client(rate_limit_backoff_seconds=0.1).fetch(question(4))
    assert isinstance(result, Answer)
    first, second = simulator.requests
    assert first.params == second.params
    # a misread header would mean minutes
    assert least <= second.received_at - first.received_at < 10


def test_a_429_in_a_200_is_waited_out_too(client, simulator):
    simulator.inject(Fault(body=b'{"cod":"429","message":"blocked"}', times=2))
    assert isinstance(client(attempts=1).fetch(question()), Answer)
    assert simulator.stats.calls == 3


def test_waiting_for_the_limit_uses_up_no_tries(client, simulator):
    simulator.inject(Fault(status=429, times=4))
    simulator.inject(Fault(status=500, times=1))
    assert isinstance(client(attempts=2, rate_limit_backoff_seconds=0.01).fetch(question()), Answer)
    assert simulator.stats.calls == 6


def test_while_one_probes_after_a_429_the_others_wait_and_nothing_is_lost(client, simulator):
    simulator.inject(Fault(status=429, times=10))
    asked = client(rate_limit_backoff_seconds=0.15)
    results = ask(asked, 40)
    assert all(isinstance(result, Answer) for result in results.values())
    times = [request.received_at for request in simulator.requests]
    # those in flight at once are refused together; from then on one call at a time goes out
    refused = asked.concurrency
    assert times[refused] - times[0] >= 0.15
    assert times[refused + 1] - times[refused] >= 0.3
    assert simulator.stats.calls == 40 + 10


def test_patience_with_429s_ends_and_only_the_probe_has_a_result(client, simulator):
    simulator.inject(Fault(status=429))
    asked = client(rate_limit_backoff_seconds=0.1, rate_limit_patience_seconds=0.5)
    (result,) = asked.fetch_all(question(number) for number in range(100))
    assert (result.error_class, result.scope) == ("rate_limited", "product")
    # the first ones at once, then probes after 0.1 and 0.2 s; nothing after giving up
    assert simulator.stats.calls <= asked.concurrency + 3
    assert list(asked.fetch_all([question(100)])) == []


def test_a_retry_after_beyond_all_patience_is_not_waited_for(client, simulator):
    simulator.inject(Fault(status=429, retry_after="3600"))
    result = client(rate_limit_patience_seconds=1).fetch(question())
    assert result.error_class == "rate_limited"
    assert result.http_status == 429
    assert simulator.stats.calls == 1

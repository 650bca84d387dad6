"""Asking over real HTTP: what is retried, what is waited out, what stops, and that the key shows nowhere."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import threading
import time
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest
import requests
from pyrate_limiter import InMemoryBucket, Rate, RateItem

from dlt_sources.openweather_simulator import Fault, Simulator, serve
from dlt_sources.weather.api import rate_limit as throttle
from dlt_sources.weather.api.client import Client
from dlt_sources.weather.api.rate_limit import LocalRateLimiter, SlidingWindow
from dlt_sources.weather.api.responses import Answer, Failure, Request, classify
from dlt_sources.weather.common.errors import KeyRefusedError
from tests.helpers.clock import SENTINEL_KEY

PATH = "/data/2.5/weather"
NOW = datetime(2026, 5, 20, 12, 20, tzinfo=timezone.utc)


def question(number=0, path=PATH):
    """One of many requests that differ by their place."""
    return Request("current_weather", path, {"lat": f"{number / 100:.4f}", "lon": "7.5000"}, number)


@pytest.fixture(scope="module")
def server():
    """One simulator for all tests here, since starting and stopping it takes longer than most of them."""
    simulator = Simulator(clock=NOW.timestamp)
    with serve(simulator) as url:
        # the first answer loads the gazetteer, and keeps all others waiting for a second or two
        requests.get(f"{url}{PATH}", {"lat": "40", "lon": "7.5", "appid": SENTINEL_KEY}, timeout=60)
        yield simulator, url


@pytest.fixture
def simulator(server):
    simulator = server[0]
    simulator.reset()
    simulator.keys = None
    yield simulator
    # calls that nobody waits for any more would be counted in the next test
    while simulator.stats._in_flight:
        time.sleep(0.005)


@pytest.fixture
def api(server, simulator):  # noqa: ARG001 - nothing of the test before may be left in it
    return server[1]


@pytest.fixture
def client(settings, clock):
    """Make a client of the simulator, by default with few at a time and two tries each."""
    made = []

    def make(**given):
        given = {"calls_per_minute": 600, "attempts": 2} | given
        made.append(Client(settings(**given), clock))
        return made[-1]

    yield make
    for each in made:
        each.close()


def ask(client, count):
    """Ask many questions and return the outcomes by number; none may be lost or come twice."""
    results = {}
    for result in client.fetch_all(question(number) for number in range(count)):
        assert result.request.about not in results
        results[result.request.about] = result
    assert sorted(results) == list(range(count))
    return results


@pytest.fixture
def client_threads():
    """Tell the clients' threads that this test has started and that still run."""
    before = set(threading.enumerate())
    return lambda: [each for each in set(threading.enumerate()) - before if each.name == "openweather-client"]


def test_an_answer_has_its_body_its_data_and_the_clocks_time(client, clock):
    result = client().fetch(question())
    assert isinstance(result, Answer)
    assert result.fetched_at == clock()
    assert result.data == orjson.loads(result.body)
    assert result.data["coord"] == {"lon": 7.5, "lat": 0}


def test_many_questions_have_as_many_answers(client, simulator):
    asked = client(calls_per_minute=30_000)
    results = ask(asked, 300)
    assert all(isinstance(result, Answer) for result in results.values())
    assert {result.data["coord"]["lat"] for result in results.values()} == {number / 100 for number in range(300)}
    assert asked.calls == simulator.stats.calls == 300
    assert asked.calls_for == {"current_weather": 300}


def test_the_key_travels_as_a_parameter_and_nothing_else_is_added(client, simulator):
    simulator.keys = {SENTINEL_KEY}
    assert isinstance(client().fetch(question(5)), Answer)
    assert simulator.requests[0].params == {"lat": "0.0500", "lon": "7.5000"}


@pytest.mark.parametrize(
    "name", ["Málaga & Co,ES", "a=b?c#d%20e", "x'); DROP TABLE t;--", "القاهرة", "new\nline", "+ "]
)
def test_parameters_arrive_as_they_were_given(client, simulator, name):
    client().fetch(Request("locations", "/geo/1.0/direct", {"q": name}))
    assert simulator.requests[0].params == {"q": name}


def test_without_questions_nothing_is_asked(client, simulator, client_threads):
    assert list(client().fetch_all([])) == []
    assert simulator.stats.calls == 0
    assert client_threads() == []


def test_without_a_key_nothing_is_asked_and_the_message_says_where_to_set_it(
    settings, simulator, clock, client_threads
):
    with (
        Client(settings(api_key=" "), clock) as keyless,
        pytest.raises(KeyRefusedError, match="OPENWEATHER_API_KEY"),
    ):
        list(keyless.fetch_all([question()]))
    assert simulator.stats.calls == 0
    assert client_threads() == []


@pytest.mark.parametrize(
    ("fault", "error_class", "status"),
    [
        pytest.param(Fault(status=401), "key_refused", 401, id="401"),
        pytest.param(Fault(status=403, body=b"{}"), "key_refused", 403, id="403"),
        pytest.param(Fault(new_key_not_active=True), "key_refused", 401, id="new key"),
        pytest.param(Fault(status=404), "not_found", 404, id="404"),
        pytest.param(Fault(status=404, empty=True), "not_found", 404, id="404 without a body"),
        pytest.param(Fault(status=400), "bad_request", 400, id="400"),
        pytest.param(Fault(status=405, body=b"no"), "bad_request", 405, id="405"),
        pytest.param(Fault(status=301, empty=True), "redirected", 301, id="301"),
        pytest.param(Fault(status=304, empty=True), "redirected", 304, id="304"),
        pytest.param(Fault(status_200_error=True), "not_found", 404, id="404 in a 200"),
        pytest.param(Fault(body=b'{"cod":401,"message":"x"}'), "key_refused", 401, id="401 in a 200"),
        pytest.param(Fault(body=b'{"cod":"400","message":"x"}'), "bad_request", 400, id="400 in a 200"),
    ],
)
def test_a_lasting_failure_is_not_tried_again(client, simulator, fault, error_class, status):
    simulator.inject(fault)
    result = client(attempts=5).fetch(question())
    assert isinstance(result, Failure)
    assert (result.error_class, result.http_status) == (error_class, status)
    assert result.message
    assert not result.is_transient
    assert result.ends_the_run == (error_class == "key_refused")
    assert simulator.stats.calls == 1


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
    assert not result.ends_the_run
    assert simulator.stats.calls == 3


@pytest.mark.parametrize(("fault", "error_class"), TRANSIENT)
def test_a_failure_that_passes_leaves_an_answer(client, simulator, fault, error_class):
    simulator.inject(Fault(**fault, times=2))
    result = client(attempts=3, timeout_seconds=PATIENCE[error_class]).fetch(question())
    assert isinstance(result, Answer), error_class
    assert simulator.stats.calls == 3


def test_one_place_that_fails_does_not_disturb_the_others(client, simulator):
    simulator.inject(Fault(where={"lat": "0.0300"}, status=404))
    simulator.inject(Fault(where={"lat": "0.0700"}, reset=True))
    results = ask(client(calls_per_minute=30_000), 20)
    failed = {number: result.error_class for number, result in results.items() if isinstance(result, Failure)}
    assert failed == {3: "not_found", 7: "connection"}


def test_faults_here_and_there_lose_nothing(client, simulator):
    simulator.inject(Fault(probability=0.2, seed=1, status=500))
    simulator.inject(Fault(probability=0.1, seed=2, reset=True))
    simulator.inject(Fault(probability=0.1, seed=3, status=429))
    results = ask(client(calls_per_minute=30_000, attempts=12, rate_limit_backoff_seconds=0.01), 200)
    assert all(isinstance(result, Answer) for result in results.values())


def test_where_nothing_listens_the_connection_is_refused(client):
    result = client(base_url="http://127.0.0.1:9").fetch(question())
    assert isinstance(result, Failure)
    assert result.error_class == "connection"


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


def test_patience_with_429s_ends_and_the_api_is_left_alone(client, simulator):
    simulator.inject(Fault(status=429))
    asked = client(rate_limit_backoff_seconds=0.1, rate_limit_patience_seconds=0.5)
    results = ask(asked, 100)
    assert {result.error_class for result in results.values()} == {"rate_limited"}
    assert all(result.ends_the_run for result in results.values())
    # the first ones at once, then probes after 0.1 and 0.2 s; hardly anything after giving up
    assert simulator.stats.calls <= 2 * asked.concurrency + 3


def test_a_retry_after_beyond_all_patience_is_not_waited_for(client, simulator):
    simulator.inject(Fault(status=429, retry_after="3600"))
    result = client(rate_limit_patience_seconds=1).fetch(question())
    assert result.error_class == "rate_limited"
    assert result.http_status == 429
    assert simulator.stats.calls == 1


@pytest.fixture
def redirecting():
    """A server that sends every call elsewhere, its log of paths, and whether elsewhere was called."""
    visited = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            visited.append(self.path.partition("?")[0])
            self.send_response(302)
            self.send_header("Location", f"/elsewhere?appid={SENTINEL_KEY}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", visited
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_redirect_is_refused_and_not_followed(client, redirecting):
    url, visited = redirecting
    result = client(base_url=url, attempts=4).fetch(question())
    assert (result.error_class, result.http_status) == ("redirected", 302)
    assert visited == [PATH]
    assert SENTINEL_KEY not in repr(result)


def test_two_may_ask_through_one_client_in_turn(client, client_threads):
    asked = client(calls_per_minute=30_000)
    one = asked.fetch_all(question(number) for number in range(50))
    two = asked.fetch_all(question(number) for number in range(50, 100))
    numbers = []
    for first, second in zip(one, two, strict=True):
        numbers += [first.request.about, second.request.about]
    assert sorted(numbers) == list(range(100))
    assert list(one) == list(two) == []
    assert client_threads() == []


def test_two_threads_may_ask_through_one_client_at_once(client, client_threads):
    asked = client(calls_per_minute=30_000)
    counts = Counter()
    barrier = threading.Barrier(4)

    def work(name):
        barrier.wait()
        for _ in range(5):
            counts[name] += len(list(asked.fetch_all(question(number) for number in range(20))))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert counts == dict.fromkeys(range(4), 100)
    assert client_threads() == []


@pytest.mark.parametrize("fault", [{}, {"latency": 0.5}, {"status": 429}], ids=["answered", "in flight", "probing"])
def test_one_who_stops_listening_leaves_nothing_running(client, simulator, caplog, fault, client_threads):
    simulator.inject(Fault(where={"lat": "0.0000"}))
    simulator.inject(Fault(**fault))
    asked = client(rate_limit_backoff_seconds=0.5)
    results = asked.fetch_all(question(number) for number in range(1000))
    assert isinstance(next(results), Answer | Failure)
    with caplog.at_level(logging.DEBUG, logger="asyncio"):
        results.close()
        gc.collect()
    assert client_threads() == []
    assert "destroyed" not in caplog.text
    assert simulator.stats.calls < 200
    simulator.clear_faults()
    assert isinstance(asked.fetch(question()), Answer)


def test_questions_are_taken_only_when_they_can_be_sent(client):
    taken = []

    def questions():
        for number in range(1000):
            taken.append(number)
            yield question(number)

    asked = client()
    results = asked.fetch_all(questions())
    next(results)
    results.close()
    assert len(taken) < 100


def test_an_error_among_the_questions_reaches_the_caller(client, client_threads):
    def questions():
        yield question()
        raise LookupError("no more places")

    with pytest.raises(LookupError, match="no more places"):
        list(client().fetch_all(questions()))
    assert client_threads() == []


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


@pytest.mark.parametrize(
    ("body", "name"),
    [
        pytest.param(rb'{"name":"a\u0000b"}', "ab", id="a NUL"),
        pytest.param(rb'{"name":"\u0000\u0000"}', "", id="two NULs"),
        pytest.param(rb'{"name":"a\\u0000b"}', r"a\u0000b", id="an escaped backslash before u0000"),
        pytest.param(rb'{"name":"a\\\u0000b"}', "a\\b", id="a backslash and a NUL"),
        pytest.param(rb'{"name":"a\u00000"}', "a0", id="a NUL and a nought"),
    ],
)
def test_an_escaped_nul_is_taken_out_of_body_and_data(client, simulator, body, name):
    simulator.inject(Fault(body=body))
    result = client().fetch(question())
    assert result.data == {"name": name}
    assert orjson.loads(result.body) == result.data


def test_a_nul_in_an_error_is_taken_out_of_message_and_payload(client, simulator):
    simulator.inject(Fault(status=400, body=b'{"message":"a\\u0000b"} \x00'))
    result = client().fetch(question())
    assert "\x00" not in result.message + result.payload


@pytest.mark.parametrize(
    ("cod", "is_answer"),
    [
        (200, True),
        ("200", True),
        (None, True),
        ("", True),
        ("ok", True),
        (True, True),
        (0, True),
        ([], True),
        ("404", False),
        (500, False),
        (429.0, False),
    ],
    ids=repr,
)
def test_the_code_in_a_body_counts_only_where_it_is_an_error(cod, is_answer):
    body = orjson.dumps({"cod": cod, "list": []})
    assert isinstance(classify(question(), 200, body, None, NOW), Answer) == is_answer


@pytest.mark.parametrize("message", [None, 5, "", {"a": 1}, ["x"], "x" * 100_000], ids=lambda m: repr(m)[:10])
@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_whatever_an_error_says_is_one_text(status, message):
    failure = classify(question(), status, orjson.dumps({"message": message}), None, NOW)
    assert isinstance(failure.message, str)
    assert failure.message
    assert len(failure.payload) <= 1000


@pytest.mark.parametrize("header", ["", " ", ";", "Mon", "Mon, 99 Foo 2026", "1e400", "²", "\x00", "0x10", "," * 50])
def test_no_retry_after_header_is_an_error(header):
    assert classify(question(), 429, b"", header, NOW).retry_after >= 0


def test_concurrency_reaches_the_rate_when_answers_take_300_ms(settings, clock):
    for calls_per_minute in (60, 600, 3_000, 30_000):
        with Client(settings(calls_per_minute=calls_per_minute), clock) as client:
            assert client.concurrency / 0.3 * 60 >= calls_per_minute
            assert client.concurrency <= 256


# as in earnest, the limiter's window (milliseconds) is a second longer than the one (seconds) that must hold
SHORT_WINDOW = 2000
SERVER_WINDOW = 1.0


def granted_within(throttle_, count):
    """The moments at which so many calls were let through, asked for all at once."""

    async def one(moments):
        await throttle_.acquire()
        moments.append(time.monotonic())

    async def everyone():
        moments = []
        await asyncio.gather(*(one(moments) for _ in range(count)))
        return sorted(moments)

    return asyncio.run(everyone())


def test_no_window_holds_more_calls_than_allowed_and_all_are_let_through(monkeypatch):
    monkeypatch.setattr(throttle, "WINDOW_MILLISECONDS", SHORT_WINDOW)
    moments = granted_within(LocalRateLimiter("https://a", 10), 25)
    assert len(moments) == 25
    assert all(later - earlier > SERVER_WINDOW for earlier, later in zip(moments, moments[10:], strict=False))
    assert moments[-1] - moments[0] < 60


def test_two_throttles_for_one_api_share_its_calls(monkeypatch):
    monkeypatch.setattr(throttle, "WINDOW_MILLISECONDS", SHORT_WINDOW)
    first = granted_within(LocalRateLimiter("https://b", 10), 10)
    second = granted_within(LocalRateLimiter("https://b", 10), 1)
    assert second[0] - first[0] > SERVER_WINDOW


def test_the_client_keeps_to_the_rate_over_real_http(monkeypatch, client, simulator):
    monkeypatch.setattr(throttle, "WINDOW_MILLISECONDS", SHORT_WINDOW)
    asked = client(calls_per_minute=20, attempts=6)
    simulator.inject(Fault(status=500, times=5))
    ask(asked, 40)
    times = [request.received_at for request in simulator.requests]
    assert len(times) == 45
    assert all(later - earlier > SERVER_WINDOW for earlier, later in zip(times, times[20:], strict=False))


def test_a_window_is_longer_than_the_minute_in_which_the_api_counts():
    assert throttle.WINDOW_MILLISECONDS >= 60_000


@pytest.mark.parametrize("seed", range(20))
def test_the_window_decides_as_the_librarys_own_bucket_does(seed):
    chance = random.Random(seed)
    limit, milliseconds = chance.randint(1, 12), chance.randint(1, 300)
    ours, librarys = SlidingWindow(limit, milliseconds), InMemoryBucket([Rate(limit, milliseconds)])
    moment = 0
    for _ in range(300):
        moment += chance.choice([0, 0, 1, 2, 5, 20, 100])
        call = RateItem("openweather", moment)
        assert ours.put(call) == librarys.put(call)
        assert ours.waiting(call) == librarys.waiting(call)
    assert ours.count() < 2 * limit

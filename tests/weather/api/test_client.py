"""Asking over real HTTP: every question has one answer, in any number of threads, and nothing is left running."""

from __future__ import annotations

import gc
import logging
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.api.client import Client
from dlt_sources.weather.api.responses import Answer, Failure, Request
from dlt_sources.weather.common.errors import KeyRefusedError
from tests.helpers.clock import SENTINEL_KEY
from tests.weather.api.asking import PATH, ask, question


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
    assert result.scope == ("run" if error_class == "key_refused" else None)
    assert simulator.stats.calls == 1


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


def test_concurrency_reaches_the_rate_when_answers_take_300_ms(settings, clock):
    for calls_per_minute in (60, 600, 3_000, 30_000, 100_000):
        with Client(settings(calls_per_minute=calls_per_minute), clock) as client:
            assert client.concurrency / 0.3 * 60 >= calls_per_minute
            assert client.concurrency <= 700


def test_a_client_that_keeps_connections_calls_again_on_the_same_one(settings, clock, client_threads):
    callers = []

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            callers.append(self.client_address)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        with Client(settings(base_url=url), clock, keeps_connections=True) as client:
            for _ in range(3):
                assert isinstance(client.fetch(question()), Answer)
        server.shutdown()
    assert len(callers) == 3
    assert len(set(callers)) == 1
    assert client_threads() == []

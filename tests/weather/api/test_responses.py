"""What an answer means, whatever its status, its body and its headers say."""

from __future__ import annotations

import orjson
import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.api.responses import Answer, classify
from tests.weather.api.asking import NOW, question


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

"""The links of One Call 4.0 hold the key: no answer, failure or excerpt has them."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlt_sources.weather.api.one_call import without_links
from dlt_sources.weather.api.responses import Answer, Failure, Request, classify
from tests.weather.api.asking import NOW

# shorter than any key, so that redaction by value leaves it
KEY = "k7Zq"
LINK = (
    f"https://api.openweathermap.org/data/4.0/onecall/timeline/1h?cnt=20&lat=51.5&lon=-0.1&start=1777497300&appid={KEY}"
)
TEXTS = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
    st.sampled_from(['"next":"a"', ',"prev": "b"', "next", "prev", '\\"next\\":', "\\", '"']),
)
ROWS = st.lists(st.dictionaries(TEXTS.filter(lambda name: name not in ("prev", "next")), TEXTS, max_size=3), max_size=3)


def classified(body: bytes, status: int = 200):
    request = Request("weather_history", "/data/4.0/onecall/timeline/1h", {})
    return classify(request, status, without_links(body), None, NOW)


@given(
    rows=ROWS,
    order=st.permutations(["lat", "data", "prev", "next"]),
    links=st.sampled_from([("prev",), ("next",), ("prev", "next")]),
    indent=st.sampled_from([0, orjson.OPT_INDENT_2]),
)
@settings(max_examples=60, deadline=None)
def test_an_answer_is_as_received_but_for_its_links(rows, order, links, indent):
    members = {"lat": 51.5, "data": rows}
    whole = {name: LINK if name in links else members.get(name, 0) for name in order if name in (*members, *links)}
    answer = classified(orjson.dumps(whole, option=indent))
    assert isinstance(answer, Answer)
    assert answer.data == members == orjson.loads(answer.body)
    assert KEY.encode() not in answer.body


@given(rows=ROWS, name=st.sampled_from(["prev", "next"]), kept=st.floats(0, 1), status=st.sampled_from([200, 400, 500]))
@settings(max_examples=60, deadline=None)
def test_a_failure_has_no_part_of_a_link(rows, name, kept, status):
    body = orjson.dumps({name: LINK, "data": rows, "message": "no", "prev": LINK})
    result = classified(body[: int(len(body) * kept)] if status == 200 else body, status)
    assert "appid" not in (result.payload or "") + result.message if not isinstance(result, Answer) else True
    assert KEY not in repr(result)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"data":[],"n\\u0065xt":"%s"}', id="a name with an escape"),
        pytest.param(b'{"data":[],"next":{"href":"%s"}}', id="an object"),
        pytest.param(b'{"data":[],"next":["%s"]}', id="a list"),
        pytest.param(b'{"data":[{"dt":1,"next":"%s"}]}', id="inside of a row"),
        pytest.param(b'{"next" :\n "%s" , "data":[]}', id="white space"),
    ],
)
def test_links_of_another_form_are_cut_out_too(body):
    answer = classified(body % LINK.replace("/", "\\/").encode())
    assert KEY.encode() not in answer.body
    assert KEY not in repr(answer.data)
    assert orjson.loads(answer.body) == answer.data


def test_other_products_may_have_members_of_these_names():
    body = b'{"next":"a","list":[]}'
    assert classify(Request("forecast", "/data/2.5/forecast", {}), 200, body, None, NOW).body == body


def test_of_a_timeline_only_the_moments_of_rows_become_objects_and_the_rest_when_it_is_needed():
    rows = [{"dt": 3600, "temp": 1.5, "weather": [{"id": 500}]}, {"dt": 7200, "temp": None}]
    body = orjson.dumps({"lat": 51.5, "timezone": "Europe/London", "data": rows, "next": LINK})
    answer = classified(body)
    assert isinstance(answer, Answer)
    assert answer.data == {"lat": 51.5, "timezone": "Europe/London", "data": [{"dt": 3600}, {"dt": 7200}]}
    whole = answer.as_whole()
    assert (whole.data["data"], whole.is_outline, whole.body) == (rows, False, answer.body)
    assert orjson.loads(answer.body) == whole.data


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"data":[{"dt":1.0}]}', id="no whole number"),
        pytest.param(b'{"data":[{"dt":true}]}', id="a bool"),
        pytest.param(b'{"data":[{"dt":"1"}]}', id="a text"),
        pytest.param(b'{"data":[{"temp":1}]}', id="no moment"),
        pytest.param(b'{"data":[1]}', id="no object"),
        pytest.param(b'{"data":null}', id="no list"),
        pytest.param(b'{"list":[]}', id="another form"),
        pytest.param(b'[{"dt":1}]', id="a list"),
        pytest.param(b'{"data":[{"dt":1,"main":"a\\"b"}]}', id="an escape"),
    ],
)
def test_an_unusual_answer_is_read_as_a_whole(body):
    answer = classified(body)
    assert isinstance(answer, Answer)
    assert (answer.data, answer.is_outline) == (orjson.loads(body), False)


@pytest.mark.parametrize(
    "row",
    [
        b'"temp":NaN', b'"temp":-Infinity', b'"temp":01', b'"temp":1.', b'"temp":-', b'"temp":', b'"temp" 1',
        b'"main":"\xff"', b'"main":"a\nb"', b'"main":"\\ud800"', b'"main":"a', b'"temp":1}]} ',
    ],
)  # fmt: skip
def test_what_is_no_json_is_no_answer_wherever_in_a_row_it_stands(row):
    result = classified(b'{"data":[{"dt":1,' + row + b"}]}")
    assert isinstance(result, Failure)
    assert result.error_class == "invalid_answer"


def test_an_error_with_status_200_is_one_among_rows_too():
    result = classified(b'{"cod":"404","message":"no","data":[{"dt":1}]}')
    assert isinstance(result, Failure)
    assert result.error_class == "not_found"

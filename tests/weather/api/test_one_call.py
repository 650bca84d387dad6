"""The links of One Call 4.0 hold the key: no answer, failure or excerpt has them."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlt_sources.weather.api.responses import Answer, Request, classify
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
    return classify(Request("weather_history", "/data/4.0/onecall/timeline/1h", {}), status, body, None, NOW)


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

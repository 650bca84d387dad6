"""One Call 4.0: pages and their links, the rows of each kind, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from dlt_sources.openweather_simulator import Fault, Rules, Simulator
from dlt_sources.openweather_simulator.world.alerts import alerts_at
from tests.helpers.simulator_support import KEY, NOW, SUBSCRIBED, Get

ROOT = "/data/4.0/onecall/"
HOURS, DAYS = ROOT + "timeline/1h", ROOT + "timeline/1day"
MADRID = {"lat": 40.4168, "lon": -3.7038, "units": "metric"}
HOUR, DAY = 3600, 86_400
THIS_HOUR = NOW // HOUR * HOUR
NOON = 1_790_503_200  # 2026-09-27 12:00 in Madrid
BEGINNING = 283_996_800  # 1979-01-01


@pytest.fixture
def simulator(simulator: Simulator) -> Iterator[Simulator]:
    simulator.one_call_version = 4
    yield simulator
    simulator.one_call_version, simulator.one_call_keys, simulator.rules = 3, {SUBSCRIBED}, Rules()


@pytest.fixture
def ask(get: Get) -> Get:
    """Ask with the key that is subscribed."""

    def send(path: str, **params: object) -> requests.Response:
        return get(path, appid=SUBSCRIBED, **(MADRID | params))

    return send


def times(answer: requests.Response) -> list[int]:
    return [row["dt"] for row in answer.json()["data"]]


def rows(answer: requests.Response) -> dict[int, dict[str, Any]]:
    return {row["dt"]: row for row in answer.json()["data"]}


@pytest.mark.parametrize(
    ("kind", "first", "step", "page"),
    [
        ("1min", NOW // 60 * 60, 60, 60),
        ("15min", NOW // 900 * 900, 900, 50),
        ("1h", THIS_HOUR, HOUR, 20),
        ("1day", NOON, DAY, 10),
    ],
)
def test_a_timeline_begins_at_the_step_that_holds_now(ask: Get, kind: str, first: int, step: int, page: int) -> None:
    answer = ask(f"{ROOT}timeline/{kind}")
    assert times(answer) == [first + n * step for n in range(page)]
    assert list(answer.json())[:5] == ["lat", "lon", "timezone", "timezone_offset", "data"]
    assert (answer.json()["timezone"], answer.json()["timezone_offset"]) == ("Europe/Madrid", 7200)


MEASURES = {"temp", "feels_like", "pressure", "humidity", "dew_point", "clouds", "wind_speed", "wind_deg", "weather"}
SUN, MOON = {"sunrise", "sunset"}, {"moonrise", "moonset", "moon_phase"}


@pytest.mark.parametrize(
    ("path", "always", "sometimes"),
    [
        ("current", {*MEASURES, "uvi", "visibility"}, {*SUN, "wind_gust", "rain", "snow"}),
        ("timeline/1min", {"precipitation"}, set()),
        ("timeline/15min", {*MEASURES, "uvi", "pop"}, {"visibility", "wind_gust"}),
        ("timeline/1h", MEASURES, {"uvi", "pop", "visibility", "wind_gust", "rain", "snow"}),
        ("timeline/1day", MEASURES, {*SUN, *MOON, "uvi", "pop", "wind_gust", "rain", "snow"}),
    ],
)
def test_a_row_has_the_documented_fields_and_no_other(
    ask: Get, path: str, always: set[str], sometimes: set[str]
) -> None:
    for lat in (-89, 5, 40.4):
        for start in ({}, {"start": NOW - 60 * DAY}) if path in {"timeline/1h", "timeline/1day"} else ({},):
            for row in ask(ROOT + path, lat=lat, lon=100, **start).json()["data"]:
                assert {"dt"} | always <= row.keys() <= {"dt", "alerts"} | always | sometimes


def test_pages_that_follow_each_other_cover_a_stretch_without_gap_or_double(ask: Get) -> None:
    start = 1_700_000_000 // HOUR * HOUR
    found = [dt for page in range(4) for dt in times(ask(HOURS, start=start + page * 20 * HOUR))]
    assert found == [start + n * HOUR for n in range(80)]


def test_a_day_is_stamped_with_noon_at_the_place_even_where_clocks_change(ask: Get) -> None:
    # Clocks went back on 25 October 2026: noon is at 10:00 UTC before and at 11:00 after.
    found = times(ask(DAYS, start=NOON + 26 * DAY))
    assert [dt % DAY for dt in found[:4]] == [10 * HOUR, 10 * HOUR, 11 * HOUR, 11 * HOUR]
    assert len({(dt + 2 * HOUR) // DAY for dt in found}) == 10
    kiritimati = times(ask(DAYS, lat=1.87, lon=-157.43))
    assert kiritimati[0] % DAY == 22 * HOUR, "14 hours ahead of UTC"


def test_a_place_that_skips_a_date_has_each_day_once(ask: Get) -> None:
    # Apia crossed the date line at the end of 29 December 2011; 30 December never was.
    first = 1_324_850_400  # 2011-12-25 22:00 UTC
    apia = {"lat": -13.83, "lon": -171.77}
    assert times(ask(DAYS, start=first, **apia)) == [first + n * DAY for n in range(10)]


def test_links_are_whole_urls_with_the_callers_key_and_lead_to_the_pages_beside(ask: Get, url: str) -> None:
    page = ask(HOURS, lang="es").json()
    for name, first in (("prev", THIS_HOUR - 20 * HOUR), ("next", THIS_HOUR + 20 * HOUR)):
        link = page[name]
        assert link.startswith(url + HOURS + "?cnt=20&lang=es&lat=40.4168&lon=-3.7038&start=")
        assert parse_qs(urlsplit(link).query)["appid"] == [SUBSCRIBED]
        assert times(requests.get(link, timeout=10))[0] == first


def test_a_link_is_a_url_whatever_was_asked(ask: Get) -> None:
    link = ask(HOURS, lang="a&appid=b c").json()["next"]
    assert parse_qs(urlsplit(link).query)["lang"] == ["a&appid=b c"]


def test_a_link_is_left_out_where_the_series_ends(ask: Get) -> None:
    oldest = ask(HOURS, start=BEGINNING).json()
    assert ("prev" in oldest, "next" in oldest) == (False, True)
    newest = ask(HOURS, start=THIS_HOUR + 40 * HOUR).json()
    assert [row["dt"] for row in newest["data"]] == [THIS_HOUR + n * HOUR for n in range(40, 49)]
    assert ("prev" in newest, "next" in newest) == (True, False)
    assert {"prev", "next"}.isdisjoint(ask(ROOT + "timeline/1min").json())
    assert {"prev", "next"}.isdisjoint(ask(ROOT + "current").json())
    quarters = ask(ROOT + "timeline/15min").json()
    assert ("prev" in quarters, "next" in quarters) == (False, True)


def test_days_reach_from_1979_to_a_year_and_a_half_ahead(ask: Get) -> None:
    assert times(ask(DAYS, start=BEGINNING + 11 * HOUR))[0] == BEGINNING + 11 * HOUR
    fiji, samoa = (
        ask(DAYS, lat=-18, lon=178, start=BEGINNING),
        ask(DAYS, lat=-14, lon=-171, start=BEGINNING + 23 * HOUR),
    )
    assert times(fiji)[0] == BEGINNING, "12 hours ahead of UTC"
    assert times(samoa)[0] == BEGINNING + 23 * HOUR, "11 hours behind it"
    assert ["prev" in answer.json() for answer in (fiji, samoa)] == [False, False]
    last = ask(DAYS, start=NOON + 548 * DAY)
    assert len(times(last)) == 1
    assert "next" not in last.json()
    assert ask(DAYS, start=NOON + 549 * DAY).status_code == 400
    assert ask(DAYS, start=BEGINNING - DAY).status_code == 400


def test_two_keys_never_see_each_others_key(get: Get, simulator: Simulator) -> None:
    simulator.one_call_keys = "all"
    assert SUBSCRIBED in get(HOURS, appid=SUBSCRIBED, **MADRID).text
    second = get(HOURS, appid=KEY, **MADRID).text
    assert second.count(KEY) == 2
    assert SUBSCRIBED not in second


def test_an_hour_is_the_same_in_every_page_and_timeline(ask: Get) -> None:
    ahead = THIS_HOUR + 5 * HOUR
    pages = [rows(ask(HOURS, start=ahead - n * HOUR))[ahead] for n in (0, 1, 4, 19)]
    assert all(row == pages[0] for row in pages)
    quarter = rows(ask(ROOT + "timeline/15min"))[ahead]
    assert {**pages[0], "rain": None, "snow": None} == {**quarter, "rain": None, "snow": None}
    old = BEGINNING + 1_000_000 // HOUR * HOUR
    assert rows(ask(HOURS, start=old))[old] == rows(ask(HOURS, start=old - 7 * HOUR))[old]


def test_the_index_of_uv_is_given_five_days_back_and_probability_only_ahead(ask: Get) -> None:
    recent = [*rows(ask(HOURS, start=THIS_HOUR - 130 * HOUR)).values(), *rows(ask(HOURS)).values()]
    assert {row["dt"] for row in recent if "uvi" not in row} == {
        row["dt"] for row in recent if row["dt"] < THIS_HOUR - 5 * DAY
    }
    assert {row["dt"] for row in recent if "pop" in row} == {row["dt"] for row in recent if row["dt"] >= THIS_HOUR}
    assert all("pop" in row for row in ask(ROOT + "timeline/15min").json()["data"])
    assert "pop" not in ask(ROOT + "current").json()["data"][0]
    days = [*rows(ask(DAYS, start=NOON - 9 * DAY)).values(), *rows(ask(DAYS, start=NOON + DAY)).values()]
    assert [row["dt"] for row in days if "uvi" not in row] == [NOON - n * DAY for n in (9, 8, 7, 6)]
    assert [row["dt"] for row in days if "pop" in row] == [NOON + n * DAY for n in range(11)]


def test_rain_is_an_object_in_hours_a_number_in_days_and_never_in_quarter_hours(ask: Get, simulator: Simulator) -> None:
    wet = {"lat": 5.0, "lon": 100.0}
    found: dict[str, list[Any]] = {"1h": [], "1day": [], "15min": []}
    for page in range(8):
        simulator.set_clock(now=NOW + page * 20 * HOUR)
        for kind, seen in found.items():
            seen += [row["rain"] for row in ask(f"{ROOT}timeline/{kind}", **wet).json()["data"] if "rain" in row]
    assert found["1h"]
    assert all(set(rain) == {"1h"} for rain in found["1h"])
    assert found["1day"]
    assert all(isinstance(rain, (int, float)) for rain in found["1day"])
    assert found["15min"] == []


def test_a_clear_sky_is_called_so_in_the_words_of_4_0_and_days_have_no_summary(ask: Get) -> None:
    texts = {
        one["description"]
        for page in range(12)
        for row in ask(HOURS, start=1_750_000_000 + page * 20 * HOUR).json()["data"]
        for one in row["weather"]
    }
    assert "sky is clear" in texts
    assert "clear sky" not in texts
    assert all("summary" not in row for row in ask(DAYS).json()["data"])


def test_single_hours_have_no_visibility(ask: Get) -> None:
    pages = [ask(HOURS, start=1_750_000_000 + page * 20 * HOUR).json()["data"] for page in range(12)]
    without = [row for page in pages for row in page if "visibility" not in row]
    assert 0 < len(without) < 24


def test_sun_and_moon_are_left_out_in_polar_day_and_night(ask: Get, simulator: Simulator) -> None:
    simulator.set_clock(now=1_782_000_000)  # 2026-06-21
    for lat in (85, -85):
        day = ask(DAYS, lat=lat, lon=0).json()["data"][0]
        assert {"sunrise", "sunset", "moonrise", "moonset"}.isdisjoint(day)
        assert "moon_phase" in day
        assert "sunrise" not in ask(ROOT + "current", lat=lat, lon=0).json()["data"][0]
    assert {"sunrise", "sunset", "moonrise", "moonset"} <= ask(DAYS).json()["data"][0].keys()


def test_a_warning_is_an_id_in_every_kind_shared_by_neighbours_and_its_text_has_no_tags(get: Get, ask: Get) -> None:
    lat, lon = next(
        (lat, lon) for lat in range(-58, 60, 4) for lon in range(-178, 178, 4) if alerts_at(lat, lon, THIS_HOUR)
    )
    point, neighbour = {"lat": lat, "lon": lon}, {"lat": lat + 0.5, "lon": lon + 0.5}
    (name,) = ask(ROOT + "current", **point).json()["data"][0]["alerts"]
    for kind in ("1min", "15min", "1h"):
        assert name in ask(f"{ROOT}timeline/{kind}", **point).json()["data"][0]["alerts"]
    assert name in rows(ask(HOURS, **neighbour))[THIS_HOUR]["alerts"]
    text = get(f"{ROOT}alert/{name}", appid=SUBSCRIBED).json()
    assert list(text) == ["id", "sender_name", "event", "start", "end", "description"]
    assert text["id"] == name
    assert text["start"] <= NOW < text["end"]
    assert "alerts" not in ask(HOURS, start=BEGINNING, **point).json()["data"][0]


def test_some_places_have_a_warning_at_any_time_and_most_have_none() -> None:
    places = [(lat, lon) for lat in range(-58, 60, 4) for lon in range(-178, 178, 4)]
    for hour in range(0, 24 * 10, 5):
        warned = sum(bool(alerts_at(lat, lon, NOW + hour * HOUR)) for lat, lon in places)
        assert 0.03 < warned / len(places) < 0.3


@pytest.mark.parametrize("name", ["8B46C632-DCA7-44D7-8BDF-02445621BAFF", "x", "00", "%00"])
def test_an_unknown_warning_is_404(get: Get, simulator: Simulator, name: str) -> None:
    assert get(f"{ROOT}alert/{name}", appid=SUBSCRIBED).status_code == 404
    assert simulator.stats.by_path == {ROOT + "alert": 1}


@pytest.mark.parametrize(
    ("params", "message", "name"),
    [
        ({"start": BEGINNING - 1}, "requested time is out the available range", "start"),
        ({"start": THIS_HOUR + 49 * HOUR}, "requested time is out the available range", "start"),
        ({"start": "x"}, "Invalid start format", "start"),
        ({"cnt": 0}, "Invalid cnt format", "cnt"),
        ({"lat": 91}, "wrong latitude", "lat"),
        ({"lon": ""}, "wrong longitude", "lon"),
    ],
)
def test_what_cannot_be_answered_is_a_400_that_names_the_parameter(
    ask: Get, params: dict[str, object], message: str, name: str
) -> None:
    answer = ask(HOURS, **params)
    assert answer.status_code == 400
    assert answer.text == f'{{"cod":400,"message":"{message}","parameters":["{name}"]}}'


def test_cnt_shortens_a_page_and_never_lengthens_it(ask: Get) -> None:
    assert len(times(ask(HOURS, cnt=7))) == 7
    assert len(times(ask(HOURS, cnt=100))) == 20
    assert len(times(ask(DAYS, cnt=100))) == 10


@pytest.mark.parametrize(("version", "statuses"), [(3, (200, 401)), (4, (401, 200))])
def test_a_key_has_one_version_of_one_call(
    ask: Get, simulator: Simulator, version: int, statuses: tuple[int, int]
) -> None:
    simulator.one_call_version = 3 if version == 3 else 4
    answers = [ask("/data/3.0/onecall"), ask(HOURS)]
    assert tuple(answer.status_code for answer in answers) == statuses
    refused = next(answer for answer in answers if answer.status_code == 401).text
    assert refused.startswith('{"cod":401, "message": "Please note that using One Call ')
    assert f"One Call {7 - version}.0" in refused


def test_the_demos_key_has_both_versions(ask: Get, simulator: Simulator) -> None:
    simulator.one_call_version = None
    assert [ask(path).status_code for path in ("/data/3.0/onecall", HOURS)] == [200, 200]


@pytest.mark.parametrize("appid", [None, "", "short", KEY])
def test_one_call_says_the_same_to_a_key_that_does_not_exist(get: Get, simulator: Simulator, appid: str | None) -> None:
    for version, path in ((4, "/data/3.0/onecall"), (3, HOURS)):
        simulator.one_call_version = 4 if version == 4 else 3
        assert "requires a separate subscription" in get(path, appid=appid, **MADRID).json()["message"]


@pytest.mark.parametrize(
    ("rules", "start", "first"),
    [
        (Rules(), THIS_HOUR + 1200, THIS_HOUR),
        (Rules(start="down"), THIS_HOUR + 1200, THIS_HOUR),
        (Rules(start="up"), THIS_HOUR + 1200, THIS_HOUR + HOUR),
        (Rules(start="up"), THIS_HOUR, THIS_HOUR),
        (Rules(start="exact"), THIS_HOUR + 1200, THIS_HOUR + 1200),
        (Rules(first_step=-1), THIS_HOUR, THIS_HOUR - HOUR),
        (Rules(first_step=1), THIS_HOUR, THIS_HOUR + HOUR),
    ],
)
def test_a_page_can_begin_elsewhere(ask: Get, simulator: Simulator, rules: Rules, start: int, first: int) -> None:
    simulator.inject(Fault(path=HOURS, rules=rules, times=1))
    assert times(ask(HOURS, start=start)) == [first + n * HOUR for n in range(20)]


@pytest.mark.parametrize(
    ("rules", "hour_of_start", "first"),
    [
        (Rules(), 1, NOON),
        (Rules(start="down"), 1, NOON - DAY),
        (Rules(start="up"), 1, NOON),
        (Rules(start="down"), 13, NOON),
        (Rules(start="up"), 13, NOON + DAY),
        (Rules(start="exact"), 13, NOON + HOUR),
        (Rules(day_at="utc_midnight"), 13, NOON - 10 * HOUR),
    ],
)
def test_a_day_can_begin_elsewhere(
    ask: Get, simulator: Simulator, rules: Rules, hour_of_start: int, first: int
) -> None:
    simulator.inject(Fault(path=DAYS, rules=rules))
    assert times(ask(DAYS, start=NOON + (hour_of_start - 12) * HOUR))[0] == first


def test_pages_can_have_other_numbers_of_rows_or_none_out_of_range(ask: Get, simulator: Simulator) -> None:
    simulator.rules = Rules(cnt_honoured=True, empty_out_of_range=True)
    assert len(times(ask(HOURS, cnt=60, start=BEGINNING))) == 60
    empty = ask(HOURS, start=BEGINNING - 1)
    simulator.rules = Rules()
    assert (empty.status_code, empty.json()["data"]) == (200, [])
    for more in (-3, 4):
        simulator.inject(Fault(rules=Rules(more_rows=more), times=1))
        assert len(times(ask(HOURS))) == 20 + more
    assert len(times(ask(HOURS))) == 20, "the answer of other rules was not kept"


def test_past_hours_are_revised_until_they_are_five_days_old(ask: Get, simulator: Simulator) -> None:
    told = []
    for days in range(1, 8):
        simulator.set_clock(now=THIS_HOUR + days * DAY)
        told.append(rows(ask(HOURS, start=THIS_HOUR))[THIS_HOUR]["temp"])
    assert len(set(told[:5])) > 1
    assert len(set(told[4:])) == 1
    simulator.rules = Rules(revised=False)
    for days in range(1, 8):
        simulator.set_clock(now=THIS_HOUR + days * DAY)
        assert rows(ask(HOURS, start=THIS_HOUR))[THIS_HOUR]["temp"] == told[-1]


def test_rain_of_a_day_can_be_an_object_as_documented(ask: Get, simulator: Simulator) -> None:
    simulator.inject(Fault(path=DAYS, rules=Rules(day_rain="object")))
    rain = [row["rain"] for row in ask(DAYS, lat=5, lon=100).json()["data"] if "rain" in row]
    assert rain
    assert all(set(one) == {"1h"} for one in rain)


def test_a_day_without_its_weather_can_be_sent(ask: Get, simulator: Simulator) -> None:
    simulator.inject(Fault(path=DAYS, set={"data.3.weather": None}, times=1))
    assert [row["weather"] is None for row in ask(DAYS).json()["data"]] == [n == 3 for n in range(10)]

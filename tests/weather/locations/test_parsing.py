"""Locations as text: each is read as it is written, or refused with the reason."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timezone

import pytest

from dlt_sources.weather.locations.parsing import (
    LONGEST_NAME,
    InvalidLocation,
    LocationQuery,
    location_at,
    parse_location,
    parse_locations,
)

NOW = datetime(2026, 5, 20, 12, 20, tzinfo=timezone.utc)
BOM = "\ufeff"


@pytest.mark.parametrize(
    ("text", "location_id", "kind"),
    [
        pytest.param("Madrid,ES", "madrid,es", "direct", id="name"),
        pytest.param("  Madrid ,  ES ", "madrid,es", "direct", id="spaces around"),
        pytest.param("New   York,US", "new york,us", "direct", id="spaces within"),
        pytest.param("New\nYork\t,US", "new york,us", "direct", id="newline and tab"),
        pytest.param("Straße,DE", "strasse,de", "direct", id="casefolded"),
        pytest.param("القاهرة,EG", "القاهرة,eg", "direct", id="right to left"),
        pytest.param("東京,JP", "東京,jp", "direct", id="ideographs"),
        pytest.param(
            "x'); DROP TABLE locations;--", "x'); drop table locations;--", "direct", id="SQL is a name like any"
        ),
        pytest.param("%s{locations}", "%s{locations}", "direct", id="placeholders are a name like any"),
        pytest.param("40.4,-3.7", "40.4000,-3.7000", "coordinates", id="coordinates"),
        pytest.param(" +40.4 , -3.70004 ", "40.4000,-3.7000", "coordinates", id="signs, spaces, more decimals"),
        pytest.param("-0.00001,0", "0.0000,0.0000", "coordinates", id="no negative zero"),
        pytest.param("90,180", "90.0000,180.0000", "coordinates", id="corner of the globe"),
        pytest.param("-90,-180", "-90.0000,180.0000", "coordinates", id="other corner: one meridian"),
        pytest.param("1,-179.99999", "1.0000,180.0000", "coordinates", id="almost the meridian"),
        pytest.param("zip:28001,ES", "zip:28001,es", "zip", id="postcode"),
        pytest.param("ZIP: EC1A 1BB,GB", "zip:ec1a 1bb,gb", "zip", id="postcode in capitals"),
        pytest.param("id:3117735", "id:3117735", "id", id="OpenWeather id"),
        pytest.param("40.4", "40.4", "direct", id="one number is a name"),
    ],
)
def test_a_place_is_read_as_it_is_written(text, location_id, kind):
    place = parse_location(text)
    assert (place.location_id, place.kind) == (location_id, kind)
    assert place.query == text.strip()
    assert (place.lat is None) == (kind != "coordinates")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param(" \n ", "empty", id="blank"),
        pytest.param("x" * 10_000, str(LONGEST_NAME), id="10,000 characters"),
        pytest.param("Mad\x00rid", "NUL|valid", id="NUL"),
        pytest.param("90.0001,0", "latitude", id="north of the pole"),
        pytest.param("-91,0", "latitude", id="south of the pole"),
        pytest.param("0,180.5", "longitude", id="east of the date line"),
        pytest.param("0,-1000", "longitude", id="far west"),
        pytest.param("9" * 150 + ",0", "latitude", id="a huge number"),
        pytest.param("id:", "id:", id="id without a number"),
        pytest.param("id:Madrid", "id:", id="id with a name"),
        pytest.param("id:²", "id:", id="id with a superscript"),
        pytest.param("zip: ", "zip:", id="zip without a code"),
        pytest.param("Madrid\udcff", "valid", id="bytes that were no UTF-8"),
    ],
)
def test_what_is_no_place_is_refused_with_the_reason(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_location(text)


@pytest.mark.parametrize(
    ("lat", "lon"),
    [(float("nan"), 0), (0, float("nan")), (float("inf"), 0), (0, float("-inf")), (91, 0)],
    ids=["nan latitude", "nan longitude", "infinite latitude", "infinite longitude", "latitude 91"],
)
def test_coordinates_off_the_globe_are_refused(lat, lon):
    with pytest.raises(ValueError, match="itude"):
        location_at(lat, lon, query="x")


def test_a_list_goes_on_after_what_is_no_place_and_says_where_it_stood():
    found = list(parse_locations(["Madrid,ES", "", "95,0", "Oslo,NO"], "location"))
    assert [type(place) for place in found] == [LocationQuery, InvalidLocation, InvalidLocation, LocationQuery]
    assert [place.position for place in found if isinstance(place, InvalidLocation)] == ["location 2", "location 3"]
    assert found[2].text == "95,0"


@pytest.mark.parametrize("text", ["x" * 10_000, "Mad\x00rid"], ids=["10,000 characters", "NUL"])
def test_what_is_told_of_no_place_fits_into_a_database(text):
    (bad,) = parse_locations([text], "location")
    assert isinstance(bad, InvalidLocation)
    assert len(bad.text) <= LONGEST_NAME
    assert "\x00" not in bad.text


@pytest.mark.parametrize("name", ["Zürich,CH", "İstanbul,TR", "Hà Nội,VN", "Ålesund,NO", "Μεϊδάνι", "서울,KR", "ǰ"])
def test_composed_and_decomposed_letters_are_one_place(name):
    composed, decomposed = (parse_location(unicodedata.normalize(form, name)) for form in ("NFC", "NFD"))
    assert composed == decomposed
    # as ids were before letters were composed
    assert composed.location_id == unicodedata.normalize("NFC", name).casefold()

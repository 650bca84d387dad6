"""Names, coordinates and postcodes."""

from __future__ import annotations

import pytest

from tests.helpers.simulator_support import Get

DIRECT = "/geo/1.0/direct"


@pytest.mark.parametrize(
    ("query", "name", "country"),
    [
        ("Madrid", "Madrid", "ES"),
        ("Madrid,ES", "Madrid", "ES"),
        ("barcelona,es", "Barcelona", "ES"),
        ("London,GB", "London", "GB"),
        ("Paris,FR", "Paris", "FR"),
        ("Berlin,DE", "Berlin", "DE"),
        ("Москва", "Moscow", "RU"),
        ("Springfield,IL,US", "Springfield", "US"),
    ],
)
def test_the_obvious_city_comes_first(get: Get, query: str, name: str, country: str) -> None:
    first = get(DIRECT, q=query).json()[0]
    assert (first["name"], first["country"]) == (name, country)


def test_several_places_of_a_name_come_largest_first_up_to_the_limit(get: Get) -> None:
    places = get(DIRECT, q="London", limit=5).json()
    assert [place["country"] for place in places[:2]] == ["GB", "CA"]
    assert len(get(DIRECT, q="Springfield", limit=99).json()) == 5
    assert len(get(DIRECT, q="Springfield").json()) == 1


def test_a_state_narrows_american_places_by_code_or_name(get: Get) -> None:
    by_code = get(DIRECT, q="Springfield,MO,US", limit=5).json()
    assert [place["state"] for place in by_code] == ["Missouri"]
    assert get(DIRECT, q="springfield,missouri,us", limit=5).json() == by_code


def test_state_and_local_names_are_sometimes_absent(get: Get) -> None:
    places = [*get(DIRECT, q="London", limit=5).json(), *get(DIRECT, q="Springfield", limit=5).json()]
    places += get("/geo/1.0/reverse", lat=51.5, lon=-0.1, limit=5).json()
    assert {"state" in place for place in places} == {True, False}
    assert {"local_names" in place for place in places} == {True, False}


def test_nothing_found_is_an_empty_list(get: Get) -> None:
    for answer in (get(DIRECT, q="Nowhereville"), get("/geo/1.0/reverse", lat=0, lon=-30)):
        assert (answer.status_code, answer.text) == (200, "[]")


def test_an_empty_query_is_400(get: Get) -> None:
    answer = get(DIRECT, q="")
    assert (answer.status_code, answer.text) == (400, '{"cod":"400","message":"Nothing to geocode"}')


def test_reverse_names_the_nearest_first(get: Get) -> None:
    assert [place["name"] for place in get("/geo/1.0/reverse", lat=40.4165, lon=-3.7026).json()] == ["Madrid"]
    assert len(get("/geo/1.0/reverse", lat=51.5, lon=-0.1, limit=5).json()) == 5


def test_a_postcode_is_one_object_and_always_the_same(get: Get) -> None:
    first = get("/geo/1.0/zip", zip="E14,GB").json()
    assert list(first) == ["zip", "name", "lat", "lon", "country"]
    assert (first["zip"], first["country"]) == ("E14", "GB")
    assert get("/geo/1.0/zip", zip="E14,GB").json() == first
    assert get("/geo/1.0/zip", zip="94040").json()["country"] == "US"


@pytest.mark.parametrize("code", ["00000", "abc", "12345,XX", "1!2"])
def test_an_unknown_postcode_is_404(get: Get, code: str) -> None:
    answer = get("/geo/1.0/zip", zip=code)
    assert (answer.status_code, answer.text) == (404, '{"cod":"404","message":"not found"}')

"""Late locations by cause: one cause once, with the resources and locations that it concerns."""

from datetime import UTC, datetime

from dlt_sources.weather.status.causes import late_by_cause
from dlt_sources.weather.status.late import LateLocation, cause_of

TEN, ELEVEN = datetime(2026, 11, 26, 10, tzinfo=UTC), datetime(2026, 11, 26, 11, tzinfo=UTC)


def late(resource, place, cause, newest=None):
    return LateLocation(resource, place, place, newest, cause)


def test_resources_whose_same_locations_are_late_for_one_cause_are_one_group():
    late_of = {
        "current_weather": [late("current_weather", "a", "down", TEN), late("current_weather", "b", "404")],
        "forecast": [late("forecast", "a", "down", ELEVEN), late("forecast", "b", "down")],
        "air_pollution": [late("air_pollution", "a", "down")],
    }
    causes = late_by_cause(late_of)
    assert list(causes) == ["down", "404"], "the cause of most first"
    first, second = causes["down"]
    assert (first.resources, first.queries) == (["current_weather", "air_pollution"], ["a"])
    assert first.newest == (None, TEN)
    assert (second.resources, second.queries) == (["forecast"], ["a", "b"])
    ((only,),) = (causes["404"],)
    assert (only.resources, only.queries, only.newest) == (["current_weather"], ["b"], (None, None))


def test_an_unreachable_api_is_one_cause_in_one_wording_for_rejected_places_and_for_those_not_asked():
    words = "no connection to a:1: refused"
    error = f"OpenWeather cannot be reached: {words}. Nothing more is asked; the next run asks again."
    assert cause_of(error) == "connection: no connection to a:1: refused"
    assert cause_of("another error.") == "another error."

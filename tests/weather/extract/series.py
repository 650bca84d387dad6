"""Series of air pollution in the tables, and the calls that were made for them."""

from datetime import timedelta, timezone

from tests.helpers.support import query

AIR = ["air_pollution"]
HISTORY = "/data/2.5/air_pollution/history"
CURRENT = "/data/2.5/weather"
MADRID = "40.4168,-3.7038"
OSLO = "59.9139,10.7522"
TOKYO = "35.6895,139.6917"
WEEK = 7 * 24 + 1


def lat(place):
    return place.partition(",")[0]


def series(target, place):
    """The hours of air pollution that a place has, as UTC, oldest first."""
    rows = query(target, "SELECT dt FROM air_pollution WHERE location_id = %s ORDER BY dt", place)
    return [dt.astimezone(timezone.utc) for (dt,) in rows]


def assert_complete(target, place, first, last):
    """Assert that a place has every hour from the first to the last exactly once."""
    hours = round((last - first) / timedelta(hours=1)) + 1
    assert series(target, place) == [first + timedelta(hours=n) for n in range(hours)]


def week_before(moment):
    return moment.replace(minute=0) - timedelta(days=7)


def asked(simulator, path=HISTORY):
    """The parameters of the calls of a path, in the order in which they came."""
    return [request.params for request in simulator.requests if request.path == path]


def rejects(target):
    return query(target, "SELECT resource, kind, error_class, field, location_id FROM rejects ORDER BY reject_id")

"""History of One Call 4.0 in the tables, and the calls that were made for it."""

from datetime import datetime, timedelta, timezone
from itertools import pairwise

from tests.helpers.support import query

HOURS = ["weather_history"]
DAYS = ["weather_history_daily"]
PATHS = {"weather_history": "/data/4.0/onecall/timeline/1h", "weather_history_daily": "/data/4.0/onecall/timeline/1day"}
OSLO = "59.9139,10.7522"
MADRID = "40.4168,-3.7038"
AUCKLAND = "-36.8485,174.7633"
HONOLULU = "21.3069,-157.8583"
HOUR = timedelta(hours=1)


def subscribe(simulator):
    """Let every key have One Call 4.0."""
    simulator.one_call_keys = "all"
    simulator.one_call_version = 4


def at(year, month, day, hour=0):
    return datetime(year, month, day, hour, tzinfo=timezone.utc)


def asked(simulator, resource="weather_history"):
    """The parameters of the calls of a resource, and forget them."""
    found = [request.params for request in simulator.requests if request.path == PATHS[resource]]
    simulator.requests.clear()
    return found


def moments(target, place, table="weather_history"):
    rows = query(target, f"SELECT dt FROM {table} WHERE location_id = %s ORDER BY dt", place)
    return [dt.astimezone(timezone.utc) for (dt,) in rows]


def assert_hours(target, place, first, last):
    """Assert that a place has every hour from the first to the last exactly once."""
    assert moments(target, place) == [first + n * HOUR for n in range(round((last - first) / HOUR) + 1)]


def assert_days(target, place, number, first_noon=None):
    """Assert that a place has so many days in a row, each once, wherever a clock change moves their noon."""
    noons = moments(target, place, "weather_history_daily")
    assert len(noons) == number
    apart = {later - earlier for earlier, later in pairwise(noons)}
    assert apart <= {timedelta(hours=hours) for hours in (23, 24, 25)}
    if first_noon:
        assert noons[0] == first_noon

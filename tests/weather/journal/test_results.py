"""Results as the journal keeps them: what is read is what was written."""

from dataclasses import replace
from datetime import datetime, timezone

import orjson
import pytest

from dlt_sources.weather.api.responses import Answer, Failure, Request
from dlt_sources.weather.extract.conversion import Origin, RunConversion
from dlt_sources.weather.extract.requests import RequestWindow
from dlt_sources.weather.journal.results import decode, encode
from dlt_sources.weather.locations.model import LocationQuery, ResolvedLocation

NOW = datetime(2026, 5, 20, 12, 20, 0, 123456, tzinfo=timezone.utc)
LOCATION = ResolvedLocation("düsseldorf", "Düsseldorf\nMitte", 51.2254, 6.7763, is_new=True)
QUERY = LocationQuery("oslo,no", "Oslo,NO", "direct", name="Oslo")
BODY = b'{"name": "Oslo",\n"dt": 1790503500}\n'


@pytest.mark.parametrize("subject", [LOCATION, QUERY])
def test_a_result_is_read_as_it_was_written(subject):
    about = subject if subject is QUERY else RequestWindow(subject)
    request = Request("forecast", "/data/2.5/forecast", {"units": "metric"}, about)
    answer = Answer(request, BODY, orjson.loads(BODY), NOW)
    failure = Failure(request, "timeout", "No answer within 30 s.", 504, "<html>", scope="product")
    (counts,) = RunConversion("a run", Origin(), None, lambda: NOW).rows_so_far(["forecast"])
    for result in (answer, failure):
        entry = decode(encode(orjson.dumps(counts), result, 7, NOW))
        assert entry.result == replace(result, request=replace(request, about=subject))
        assert (entry.at, entry.calls) == (NOW, 7)
        assert entry.counts["run_id"] == "a run"
        assert entry.counts["started_at"] == NOW

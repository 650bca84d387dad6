"""The judgement of a heartbeat: by the tables, and nothing where they cannot be read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.status.heartbeat import beat as module
from dlt_sources.weather.status.heartbeat.beat import beat
from tests.helpers.clock import SENTINEL_KEY

URL = "https://hc-ping.com/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Bodies that were sent, and whether each reports a failure."""
    found: list[tuple[str, bool]] = []
    monkeypatch.setattr(module, "send", lambda _, text, is_failure=False: found.append((text, is_failure)))
    return found


def test_it_is_sent_while_all_places_are_recent_and_reports_those_that_are_late(duckdb, api, clock, sent) -> None:
    settings = load_settings(
        api_key=SENTINEL_KEY, base_url=api, locations=["40.4168,-3.7038", "59.9139,10.7522"], history_days=2
    )
    now = clock()
    assert beat(URL, duckdb, settings, now) == (False, "No heartbeat is sent, since nothing is loaded yet.")
    load(duckdb, settings, now=clock)
    assert beat(URL, duckdb, settings, now) == (True, "The heartbeat is sent.")
    assert beat(URL, duckdb, settings, now, has_failed=True)[1].startswith(
        "No heartbeat is sent, since the load failed"
    )
    is_well, sentence = beat(URL, duckdb, settings, now + timedelta(hours=2))
    assert (is_well, URL in sentence) == (False, False)
    assert sent[0] == ("Every place has recent rows.", False)
    ((text, is_failure),) = sent[1:]
    assert is_failure
    assert "2 places without recent current_weather" in text
    assert "40.4168,-3.7038; 59.9139,10.7522" in text

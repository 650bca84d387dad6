"""A replay reads answers by key, page by page, and goes on where one that was interrupted or killed ended."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from unittest.mock import patch

import pytest

from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.weather.api.endpoints import BY_NAME
from dlt_sources.weather.common.settings import WeatherSettings, load_settings
from dlt_sources.weather.contracts import LoadRun, WeatherRaw
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract.counts import LoadMetrics
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.replay import answers as pages
from dlt_sources.weather.pipeline.replay import replay
from dlt_sources.weather.pipeline.writer import Writer
from tests.helpers.clock import SENTINEL_KEY

PLACES = ["48.85,2.35", "52.52,13.4", "40.41,-3.7", "51.5,-0.12", "41.38,2.17"]


@pytest.fixture
def settings(target: Target) -> Iterator[WeatherSettings]:
    """Settings of a target with the forecasts of five places."""
    with serve(Simulator()) as url:
        given = {"base_url": url, "api_key": SENTINEL_KEY, "locations": PLACES, "resources": ["forecast"]}
        found = load_settings(**given)
        assert load(target, found).error is None
        with patch.object(pages, "ANSWERS_PER_PACKAGE", 2), patch.object(pages, "BODIES_AT_A_TIME", 1):
            yield found


def test_a_replay_goes_on_where_it_was_killed(target: Target, settings: WeatherSettings) -> None:
    load_package, packages = Writer.load, 0

    def killed(writer: Writer, source: object) -> None:
        nonlocal packages
        packages += 1
        if packages == 2:
            raise KeyboardInterrupt
        load_package(writer, source)  # type: ignore[arg-type]

    with patch.object(Writer, "load", killed), pytest.raises(KeyboardInterrupt):
        replay(target, settings, ["forecast"])

    again = replay(target, settings, ["forecast"]).metrics_by_resource["forecast"]
    assert (again.requests, again.expected) == (3, 3)
    assert replay(target, settings, ["forecast"]).metrics_by_resource["forecast"].requests == len(PLACES)
    assert _rows(target) == 40 * len(PLACES)


def test_a_signal_ends_a_replay_after_the_package_and_the_next_goes_on(
    target: Target, settings: WeatherSettings
) -> None:
    runs: list[Run] = []

    def interrupt(metrics: LoadMetrics) -> None:
        if metrics.requests == 3:
            runs[0].interrupt()

    report = replay(target, settings, ["forecast"], on_start=runs.append, on_progress=interrupt)

    assert report.interrupted
    assert report.metrics_by_resource["forecast"].requests == 4
    with target.reader() as reader:
        sql = "SELECT status FROM {runs} WHERE command = 'replay'"
        assert reader.rows(sql, runs=LoadRun.table) == [("interrupted",)]
    finished = replay(target, settings, ["forecast"])
    assert finished.metrics_by_resource["forecast"].requests == 1
    assert not (target.root / "replay.json").exists()


def test_a_replay_of_other_resources_or_a_dropped_table_begins_at_the_first_answer(
    target: Target, settings: WeatherSettings
) -> None:
    runs: list[Run] = []
    replay(target, settings, ["forecast"], on_start=runs.append, on_progress=lambda _: runs[0].interrupt())

    assert replay(target, settings).metrics_by_resource["forecast"].requests == len(PLACES)

    runs.clear()
    replay(target, settings, ["forecast"], on_start=runs.append, on_progress=lambda _: runs[0].interrupt())
    replayed = replay(target, settings, ["forecast"], restart=True)
    assert replayed.metrics_by_resource["forecast"].requests == len(PLACES)


@pytest.mark.usefixtures("settings")
def test_answers_are_read_each_once(target: Target) -> None:
    with target.reader() as reader:
        answers, found = pages.StoredAnswers(reader, BY_NAME["forecast"]), []
        while answers.has_page:
            found.append([answer.request.about.location.location_id for answer in answers.page()])
            answers.turn()
        rows = reader.rows("SELECT location_id FROM {raw} ORDER BY location_id", raw=WeatherRaw.table)
    assert [len(page) for page in found] == [2, 2, 1]
    assert sorted(chain(*found)) == sorted(location_id for (location_id,) in rows)


def _rows(target: Target) -> int:
    with target.reader() as reader:
        ((rows,),) = reader.rows("SELECT count(*) FROM {forecast}", forecast="forecast")
    return int(rows)

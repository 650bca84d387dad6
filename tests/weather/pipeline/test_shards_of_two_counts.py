"""Shards of two counts beside each other, as while somebody goes from three machines to four."""

from collections import defaultdict

import pytest

from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.weather.common.shards import Shard
from dlt_sources.weather.contracts import TABLES
from tests.helpers.processes import start_worker
from tests.helpers.support import assert_no_duplicates, count, load_accounted, query

PLACES = [f"{n}.0000,{n}.0000" for n in range(24)]
COUNTS = (3, 4)
RESOURCES = ["locations", "current_weather", "forecast", "air_pollution", "air_pollution_forecast"]
# calls within any window; the simulator counts a call when it arrives, which may be a second after it was let go
LIMIT, WINDOW_SECONDS = 60, 3.0


@pytest.mark.process
@pytest.mark.slow
def test_thirds_and_quarters_at_once_lose_and_double_nothing_within_one_budget(postgres, settings, clock):
    # one a count, so that it is known who asked; they answer alike
    simulators = {of: Simulator(latency=0.1, clock=lambda: clock().timestamp()) for of in COUNTS}
    choice = {"locations": PLACES, "history_days": 2, "history_days_per_call": 1, "chunk_rows": 200}
    with serve(simulators[3]) as thirds, serve(simulators[4]) as quarters:
        urls = {3: thirds, 4: quarters}
        workers = [
            start_worker(
                postgres,
                "end",
                dict(settings(shard=f"{number}/{of}", base_url=urls[of], calls_per_minute=LIMIT, **choice)),
                clock(),
                window_seconds=WINDOW_SECONDS,
            )
            for of in COUNTS
            for number in range(1, of + 1)
        ]
        for worker in workers:
            worker.join(240)
    assert [worker.exitcode for worker in workers] == [0] * 7

    came = sorted(one.received_at for simulator in simulators.values() for one in simulator.requests)
    lags = [later - earlier for earlier, later in zip(came, came[LIMIT:], strict=False)]
    assert len(lags) > LIMIT, "enough calls for the budget to matter"
    assert min(lags) > WINDOW_SECONDS - 1
    assert_all_were_under_way(simulators)

    runs = query(postgres, "SELECT run_id, count(*) FROM load_runs WHERE status = 'ok' GROUP BY 1")
    assert [number for _, number in runs] == [len(RESOURCES)] * 7
    assert query(postgres, "SELECT 1 FROM load_runs WHERE rows_fetched <> rows_loaded + rows_rejected") == []
    assert query(postgres, "SELECT sum(calls), sum(rows_rejected) FROM load_runs") == [(len(came), 0)]

    rows = {"locations": 1, "current_weather": 1, "forecast": 40, "air_pollution": 49, "air_pollution_forecast": 96}
    for table, of_place in rows.items():
        assert_no_duplicates(postgres, table, *TABLES[table].key)
        found = dict(query(postgres, f"SELECT location_id, count(*) FROM {table} GROUP BY 1"))
        assert found == dict.fromkeys(PLACES, of_place), table
    kept = count(postgres, "weather_raw")
    whole = load_accounted(postgres, settings(**choice), clock)
    assert whole.metrics_by_resource["air_pollution"].rows_fetched == 0, "they left nothing out"
    assert {table: count(postgres, table) for table in rows} == {
        table: of_place * len(PLACES) for table, of_place in rows.items()
    }
    assert count(postgres, "weather_raw") == kept


def assert_all_were_under_way(simulators):
    """Assert that there was a moment at which each shard had asked, and had more to ask."""
    came = defaultdict(list)
    for of, simulator in simulators.items():
        for request in simulator.requests:
            place = f"{float(request.params['lat']):.4f},{float(request.params['lon']):.4f}"
            number = next(n for n in range(1, of + 1) if Shard(n, of).has(place))
            came[number, of].append(request.received_at)
    assert len(came) == sum(simulators)
    assert max(min(times) for times in came.values()) < min(max(times) for times in came.values())

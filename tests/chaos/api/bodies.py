"""Fuzzed answers: thousands through judging, contract and conversion, and a sample through whole loads."""

from __future__ import annotations

import json
import traceback
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import hypothesis
import pyarrow as pa
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from dlt_sources.openweather_simulator.service.faults import Fault
from dlt_sources.weather.api.endpoints import ALERTS, BY_NAME, ENDPOINTS, Endpoint
from dlt_sources.weather.api.responses import Answer, Failure, Request, classify
from dlt_sources.weather.common.clock import HOUR, floor_hour
from dlt_sources.weather.common.errors import IncompleteError
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.extract.requests import Alert, Page, RequestWindow
from dlt_sources.weather.extract.requests.answers import steps_of
from dlt_sources.weather.extract.requests.windows import window_of
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.locations.geocoding import read_match
from dlt_sources.weather.locations.model import ResolvedLocation
from dlt_sources.weather.locations.parsing import parse_location
from tests.chaos.api.mutations import mutated
from tests.chaos.rounds.accounts import count_doubled, count_unaccounted
from tests.chaos.rounds.world import Round
from tests.helpers.clock import SENTINEL_KEY

FEW, MANY = 400, 10_000
# rows of an answer that are fuzzed; more of them are more of the same
ROWS = 4
ANSWERS_AT_ONCE = 6
PLACES_OF_A_LOAD = 25
GEOCODER = "geocoder"
PATHS = {endpoint.name: endpoint.path for endpoint in ENDPOINTS} | {GEOCODER: "/geo/1.0/direct"}


def converted(round_: Round) -> None:
    """Fuzz judging, contracts and conversion in this process: nothing escapes, every row loads or is rejected."""
    Fuzz(round_).run(MANY if round_.world.long else FEW)


def loaded(round_: Round) -> None:
    """Send fuzzed answers through whole loads."""
    fuzz = Fuzz(round_)
    fuzz.run(PLACES_OF_A_LOAD * len(ENDPOINTS) * 2)
    places = [f"{number}.5000,{number}.5000" for number in range(PLACES_OF_A_LOAD)]
    given = {"locations": places, "chunk_rows": 1000, "attempts": 1, "plan": "expert"}
    # no account has both versions of One Call
    for other in (4, 3):
        given["resources"] = ["locations", *(endpoint.name for endpoint in ENDPOINTS if endpoint.version != other)]
        served = 0
        for place in places:
            lat = place.partition(",")[0]
            for endpoint in ENDPOINTS:
                if body := fuzz.take(endpoint.name):
                    round_.simulator.inject(Fault(path=endpoint.path, where={"lat": lat}, body=body))
                    served += 1
        error = round_.load_or_error(**given)
        if error is not None and not isinstance(error, IncompleteError):
            round_.found.problems.append(f"a load of fuzzed answers: {type(error).__name__}: {error}")
        round_.found.note("answers in whole loads", served)
        round_.simulator.clear_faults()
        round_.pass_time()
    # and with what they left in the tables, right answers load as ever
    if error := round_.load(**given).error:
        round_.found.problems.append(f"the load after the fuzzed answers: {error}")
    with round_.target.reader() as tables:
        count_doubled(tables, round_.found)
        count_unaccounted(tables, round_.found)


class Fuzz:
    """Mutated answers of the simulator, what is wrong with what becomes of them, and a sample to serve.

    Args:
        round_: where to write findings.
    """

    def __init__(self, round_: Round) -> None:
        self._round = round_
        simulator = round_.simulator
        simulator.one_call_keys, simulator.one_call_version, simulator.plan = "all", None, "expert"
        self._moment = round_.clock()
        self._corpus = {name: _short(self._ask(name)) for name in PATHS}
        self._sample: dict[str, list[bytes]] = {name: [] for name in PATHS}

    def take(self, name: str) -> bytes | None:
        """A mutated answer to serve, each once."""
        return self._sample[name].pop() if self._sample[name] else None

    def run(self, number: int) -> None:
        """Have so many mutated answers judged, converted and held to account, or a few more."""
        done = 0

        @hypothesis.seed(self._round.random.randrange(2**32))
        @hypothesis.settings(
            max_examples=number,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(
            st.sampled_from([*ENDPOINTS, *ENDPOINTS, None]),
            st.lists(mutated(self._corpus), min_size=1, max_size=ANSWERS_AT_ONCE),
        )
        def check(endpoint: Endpoint | None, answers: list[tuple[str, bytes]]) -> None:
            nonlocal done
            if done >= number:
                return
            done += len(answers)
            try:
                if endpoint is None:
                    self._match([body for _, body in answers])
                else:
                    # mostly an endpoint's own answers, but always one that may be another's
                    own = [body for name, body in answers[1:] if name == endpoint.name]
                    self._convert(endpoint, [answers[0][1], *own])
                    done -= len(answers) - len(own) - 1
            except Exception:  # noqa: BLE001 - the finding; the next answers are tried all the same
                self._found(f"{endpoint.name if endpoint else GEOCODER}: {traceback.format_exc()}", answers)

        while done < number:
            check()
        self._round.found.note("answers fuzzed", done)

    def _found(self, problem: str, answers: object) -> None:
        if len(self._round.found.problems) < 5:
            self._round.found.problems.append(f"{problem}\n    of {answers!r:.3000}")

    def _match(self, bodies: list[bytes]) -> None:
        for text, body in zip(["Madrid,ES", "zip:28001,ES", "id:3117735"] * len(bodies), bodies, strict=False):
            wanted = parse_location(text)
            result = classify(Request("locations", PATHS[GEOCODER], {}, wanted), 200, body, None, self._moment)
            if isinstance(result, Answer) and not isinstance(found := read_match(wanted, result), Failure):
                pa.Table.from_pylist([found], schema=TABLES["locations"].arrow_schema())

    def _convert(self, endpoint: Endpoint, bodies: list[bytes]) -> None:
        hour = floor_hour(self._moment)
        results = []
        for number, body in enumerate(bodies):
            task = _window(endpoint, ResolvedLocation(f"{number}", "x", 1.0, 1.0), hour)
            request = Request(endpoint.name, endpoint.path, {"units": "metric"}, task)
            result = classify(request, 200, body, None, self._moment)
            # a 429 in the body is for the client to wait out, and a refused key ends a run
            if isinstance(result, Answer) or (isinstance(result, Failure) and result.error_class != "key_refused"):
                results.append(result)
                self._sample[endpoint.name].append(body)
        settings = load_settings(**self._round.settings())
        with Run(settings, now=lambda: self._moment, many_packages=True) as run:
            items = list(run.answer_items(endpoint, iter(results)))
            metrics = run.metrics_of(endpoint.name)
        rows = _rows(items, set(endpoint.tables))
        if metrics.rows_fetched != metrics.rows_loaded + metrics.rows_rejected:
            self._found(f"{endpoint.name}: {metrics} does not add up", bodies)
        if (rows["loaded"], rows["rejects"]) != (metrics.rows_loaded, metrics.rows_rejected):
            self._found(f"{endpoint.name}: {rows}, but counted {metrics}", bodies)
        if rows["doubled"]:
            self._found(f"{endpoint.name}: {rows['doubled']} keys twice in a package", bodies)
        self._round.found.rejected += metrics.rows_rejected

    def _ask(self, name: str) -> Any:
        if name == ALERTS:
            return {"id": "a", "sender_name": "b", "event": "c", "start": 1_790_000_000, "end": 0, "description": "d"}
        hour = int(floor_hour(self._moment).timestamp())
        query = f"lat=40.4168&lon=-3.7038&q=Madrid&limit=5&appid={SENTINEL_KEY}"
        if name in BY_NAME and BY_NAME[name].incremental:
            query += f"&start={hour - 86_400}&end={hour}"
        with urllib.request.urlopen(f"{self._round.world.api}{PATHS[name]}?{query}", timeout=30) as answer:  # noqa: S310
            return json.load(answer)


def _window(endpoint: Endpoint, location: ResolvedLocation, hour: datetime) -> RequestWindow:
    """The window of a request, whose answer has one place, or a warning's text for two."""
    if endpoint.timeline:
        steps = steps_of(endpoint, location)
        first = steps.of_moment(hour)
        return window_of(location, steps, Page(first, first + ROWS - 1))
    if endpoint.name == ALERTS:
        return RequestWindow(location, alert=Alert("a", (replace(location, location_id=f"{location.location_id}b"),)))
    return RequestWindow(location, hour - HOUR * 24, hour) if endpoint.incremental else RequestWindow(location)


def _short(value: Any) -> Any:
    """The same with short lists."""
    if isinstance(value, dict):
        return {name: _short(inner) for name, inner in value.items()}
    return [_short(inner) for inner in value[:ROWS]] if isinstance(value, list) else value


def _rows(items: list[Any], tables: set[str]) -> Counter[str]:
    """Rows by what became of them, and keys that stand twice."""
    rows: Counter[str] = Counter()
    for name, table in _tables(items):
        rows["loaded" if name in tables else name] += table.num_rows
        key = [tuple(row.values()) for row in table.select(TABLES[name].key).to_pylist()]
        rows["doubled"] += len(key) - len(set(key))
        table.validate(full=True)
    return rows


def _tables(items: list[Any]) -> Iterator[tuple[str, pa.Table]]:
    for item in items:
        yield item.meta.hints["table_name"], item.data

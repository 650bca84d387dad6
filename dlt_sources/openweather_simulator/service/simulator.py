"""The service as an object: clock, keys, limits, faults, statistics, and the answer to a call."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, NamedTuple

import orjson

from dlt_sources.openweather_simulator.answers import errors
from dlt_sources.openweather_simulator.answers.errors import ApiError
from dlt_sources.openweather_simulator.answers.one_call.rules import Rules
from dlt_sources.openweather_simulator.answers.one_call.timelines import linked
from dlt_sources.openweather_simulator.service.cache import AnswerCache, computed_at
from dlt_sources.openweather_simulator.service.edits import edited
from dlt_sources.openweather_simulator.service.endpoints import PLANS, Endpoint, Plan, endpoint_of
from dlt_sources.openweather_simulator.service.faults import Fault, Faults
from dlt_sources.openweather_simulator.service.limits import CallCounts, Limits
from dlt_sources.openweather_simulator.service.stats import PRODUCTS, Product, ReceivedRequest, Stats

_KEY = re.compile(r"[0-9a-fA-F]{32}")
# Larger bodies (long histories are not cached at all) would push out too many others.
_LARGEST_CACHED = 65_536
_USUAL = Rules()


class Answer(NamedTuple):
    """Answer to send: status 0 closes the connection without an answer."""

    status: int
    body: bytes
    content_type: bytes = b"application/json; charset=utf-8"
    retry_after: str | None = None
    truncate: bool = False


class Simulator:
    """Simulator of the OpenWeather API.

    Args:
        clock: Returns the service's time in Unix seconds; tests freeze or move it. Days and months are counted by it.
        monotonic: Returns the seconds by which minutes are counted, which never go back.
        keys: Keys that are valid; None accepts any 32 hex digits.
        one_call_keys: Keys that are subscribed to One Call; `"all"` for every valid key.
        one_call_version: The version of One Call that the subscription is for; the other one answers 401. None, which
            no real account has, is both.
        plan: Plan of every key; an endpoint that it lacks answers 401. It sets no limit.
        calls_per_minute: Calls of all products answered within any 60 seconds before the 429; None is no
            limit. Refused calls do not count.
        limits: Limits of single products.
        latency: Seconds added to every answer.
        cache_bytes: Size of the cache of answers.

    Attributes:
        stats: Counts of the calls so far.
        requests: The last 100,000 calls.
        on_sent: Called with path, parameters and answer once an answer has been written to its connection.
        rules: What the timelines of One Call 4.0 do where their documentation is silent.
        failed_calls_counted: Whether calls answered with an error other than 401 and 429 count against the limits.
        origin: Address in the links of One Call 4.0.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        keys: Collection[str] | None = None,
        one_call_keys: Collection[str] | Literal["all"] = frozenset(),
        one_call_version: Literal[3, 4] | None = 3,
        plan: Plan = "free",
        calls_per_minute: int | None = None,
        limits: Mapping[Product, Limits] | None = None,
        latency: float = 0.0,
        cache_bytes: int = 32_000_000,
    ) -> None:
        self.clock = clock
        self.monotonic = monotonic
        self.keys = keys
        self.one_call_keys = one_call_keys
        self.one_call_version = one_call_version
        self.plan: Plan = plan
        self.calls_per_minute = calls_per_minute
        self.limits: Mapping[Product, Limits] = limits or {}
        self.latency = latency
        self.rules = Rules()
        self.failed_calls_counted = True
        self.origin = "https://api.openweathermap.org"
        self.stats = Stats()
        self.requests: deque[ReceivedRequest] = deque(maxlen=100_000)
        self.on_sent: Callable[[str, Mapping[str, str], Answer], None] = lambda *_: None
        self._faults = Faults()
        self._cache_bytes = cache_bytes
        self._cache = AnswerCache(cache_bytes)
        self._counts = _new_counts()
        self._frozen_at: float | None = None
        self._offset = 0.0

    def now(self) -> float:
        """Return the service's time in Unix seconds."""
        return (self.clock() if self._frozen_at is None else self._frozen_at) + self._offset

    def set_clock(self, *, now: float | None = None, offset: float = 0.0) -> None:
        """Freeze the time at `now` (None lets it run) and move it by `offset` seconds."""
        self._frozen_at = now
        self._offset = offset

    def inject(self, fault: Fault) -> None:
        """Inject a fault; may be called from any thread."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def reset(self) -> None:
        """Forget statistics, requests, faults, cached answers, the counted calls, and the clock."""
        self.stats = Stats()
        self.requests.clear()
        self._faults.clear()
        self._cache = AnswerCache(self._cache_bytes)
        self._counts = _new_counts()
        self.set_clock()

    def take_fault(self, path: str, params: Mapping[str, str]) -> Fault | None:
        """Return the fault that hits a call, if any."""
        return self._faults.take(path, params) if self._faults else None

    def answer(self, path: str, key: str, params: Mapping[str, str], query: str, fault: Fault | None) -> Answer:
        """Return the answer to one call.

        Args:
            path: Path of the call.
            key: The API key, `""` if there is none.
            params: Query parameters without the key.
            query: Normalised query from `cache_key`.
            fault: Fault that hits the call, from `take_fault`.
        """
        _, endpoint = endpoint_of(path)
        answer = _wrong_answer(path, fault) if fault else None
        if answer is None:
            rules = fault.rules if fault and fault.rules else self.rules
            params, query, age = _asked_instead(params, query, fault) if fault else (params, query, 0)
            answer = self._right_answer(endpoint, key, params, query, (rules, int(self.now()) - age))
        if endpoint is not None:
            self._count(endpoint.product, answer.status)
        if fault is None:
            return answer
        if fault.edits and answer.status == 200:
            answer = answer._replace(body=_encoded(edited(orjson.loads(answer.body), fault)))
        return answer._replace(retry_after=fault.retry_after, truncate=fault.truncate)

    def _right_answer(
        self, endpoint: Endpoint | None, key: str, params: Mapping[str, str], query: str, when: tuple[Rules, int]
    ) -> Answer:
        try:
            if endpoint is None:
                raise ApiError(404, errors.NOT_FOUND)
            self._check_key(key, endpoint)
            self._check_limits(endpoint.product)
            body = self._body(endpoint, params, query, *when)
        except ApiError as error:
            return Answer(error.status, error.body)
        return Answer(200, linked(body, self.origin, key) if endpoint.one_call == 4 else body)

    def _body(self, endpoint: Endpoint, params: Mapping[str, str], query: str, rules: Rules, now: int) -> bytes:
        if not endpoint.refresh:
            return endpoint.answer(params, now, rules)
        moment = computed_at(now, query, endpoint.refresh, own_phase=endpoint.own_phase)
        cached_as = query if rules == _USUAL else f"{query} {rules}"
        body = self._cache.get(cached_as, moment)
        if body is None:
            body = endpoint.answer(params, moment, rules)
            if len(body) <= _LARGEST_CACHED:
                self._cache.put(cached_as, moment, body)
        return body

    def _check_key(self, key: str, endpoint: Endpoint) -> None:
        valid = _KEY.fullmatch(key) is not None if self.keys is None else key in self.keys
        one_call = endpoint.one_call
        if one_call is None:
            if not valid or PLANS.index(self.plan) < PLANS.index(endpoint.least_plan):
                raise ApiError(401, errors.INVALID_KEY)
            return
        # One Call says the same to a key that does not exist (github.com/SignalK/freeboard-sk/issues/196).
        subscribed = valid and (self.one_call_keys == "all" or key in self.one_call_keys)
        if not subscribed or self.one_call_version not in {None, one_call}:
            raise ApiError(401, errors.NO_ONE_CALL[one_call])

    def _check_limits(self, product: Product) -> None:
        monotonic, now = self.monotonic(), self.now()
        account = Limits(per_minute=self.calls_per_minute)
        if self._counts["all"].exceed(account, monotonic, now) or (
            product in self.limits and self._counts[product].exceed(self.limits[product], monotonic, now)
        ):
            raise ApiError(429, errors.TOO_MANY)

    def _count(self, product: Product, status: int) -> None:
        """Count a call against the limits; those that were refused never count."""
        if status == 429:
            self.stats.by_product[product].refused += 1
        if status in {401, 429} or (status != 200 and not self.failed_calls_counted):
            return
        monotonic, now = self.monotonic(), self.now()
        self._counts["all"].add(monotonic, now)
        self._counts[product].add(monotonic, now)
        self.stats.by_product[product].bill(now)


def _new_counts() -> dict[str, CallCounts]:
    return {name: CallCounts() for name in ("all", *PRODUCTS)}


def _asked_instead(params: Mapping[str, str], query: str, fault: Fault) -> tuple[Mapping[str, str], str, int]:
    """Return the parameters and the normalised query that a fault answers, and the age of its answer in seconds."""
    if fault.elsewhere and "lat" in params:
        lat, _, lon = fault.elsewhere.partition(",")
        params, query = {**params, "lat": lat, "lon": lon}, f"{query} at {fault.elsewhere}"
    return params, query, fault.seconds_old


def _encoded(answer: Any) -> bytes:
    try:
        return orjson.dumps(answer)
    except TypeError:
        # an integer beyond 64 bits
        return json.dumps(answer).encode()


def _wrong_answer(path: str, fault: Fault) -> Answer | None:
    """Return the answer that a fault sends instead of the correct one; None if it sends or edits the correct one."""
    if fault.reset:
        return Answer(0, b"")
    if fault.body is not None or fault.empty:
        return Answer(fault.status or 200, fault.body or b"")
    if fault.status is not None:
        page = fault.status in {502, 503, 504}
        answer = Answer(fault.status, errors.body_for(fault.status, path))
        return answer._replace(content_type=b"text/html") if page else answer
    if fault.new_key_not_active:
        return Answer(401, errors.INVALID_KEY)
    if fault.status_200_error:
        return Answer(200, errors.ERROR_IN_200)
    return None

"""The service as an object: clock, keys, limit, faults, statistics, and the answer to a call."""

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
from dlt_sources.openweather_simulator.service.cache import AnswerCache, computed_at
from dlt_sources.openweather_simulator.service.edits import edited
from dlt_sources.openweather_simulator.service.endpoints import ENDPOINTS, RETIRED
from dlt_sources.openweather_simulator.service.faults import Fault, Faults
from dlt_sources.openweather_simulator.service.stats import ReceivedRequest, SlidingMinute, Stats

_KEY = re.compile(r"[0-9a-fA-F]{32}")
# Larger bodies (long histories are not cached at all) would push out too many others.
_LARGEST_CACHED = 65_536


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
        clock: Returns the service's time in Unix seconds; tests freeze or move it.
        keys: Keys that are valid; None accepts any 32 hex digits.
        one_call_keys: Keys that are subscribed to One Call; `"all"` for every valid key.
        calls_per_minute: Calls answered within any 60 seconds of real time before the 429; None is no
            limit. Refused calls do not count.
        latency: Seconds added to every answer.

    Attributes:
        stats: Counts of the calls so far.
        requests: The last 100,000 calls.
        on_sent: Called with path, parameters and answer once an answer has been written to its connection.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        keys: Collection[str] | None = None,
        one_call_keys: Collection[str] | Literal["all"] = frozenset(),
        calls_per_minute: int | None = None,
        latency: float = 0.0,
    ) -> None:
        self.clock = clock
        self.keys = keys
        self.one_call_keys = one_call_keys
        self.calls_per_minute = calls_per_minute
        self.latency = latency
        self.stats = Stats()
        self.requests: deque[ReceivedRequest] = deque(maxlen=100_000)
        self.on_sent: Callable[[str, Mapping[str, str], Answer], None] = lambda *_: None
        self._faults = Faults()
        self._cache = AnswerCache()
        self._accepted = SlidingMinute()
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
        """Forget statistics, requests, faults, cached answers, the last minute's calls, and the clock."""
        self.stats = Stats()
        self.requests.clear()
        self._faults.clear()
        self._cache = AnswerCache()
        self._accepted = SlidingMinute()
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
        if fault is None:
            return self._right_answer(path, key, params, query)
        answer = _wrong_answer(path, fault) or self._right_answer(path, key, params, query)
        if fault.edits and answer.status == 200:
            answer = answer._replace(body=_encoded(edited(orjson.loads(answer.body), fault)))
        return answer._replace(retry_after=fault.retry_after, truncate=fault.truncate)

    def _right_answer(self, path: str, key: str, params: Mapping[str, str], query: str) -> Answer:
        endpoint = ENDPOINTS.get(path)
        try:
            if endpoint is None:
                raise (ApiError(401, errors.INVALID_KEY) if path in RETIRED else ApiError(404, errors.NOT_FOUND))
            self._check_key(key, one_call=endpoint.one_call)
            self._check_limit()
            now = int(self.now())
            if not endpoint.refresh:
                return Answer(200, endpoint.answer(params, now))
            moment = computed_at(now, query, endpoint.refresh, own_phase=endpoint.own_phase)
            body = self._cache.get(query, moment)
            if body is None:
                body = endpoint.answer(params, moment)
                if len(body) <= _LARGEST_CACHED:
                    self._cache.put(query, moment, body)
        except ApiError as error:
            return Answer(error.status, error.body)
        return Answer(200, body)

    def _check_key(self, key: str, *, one_call: bool) -> None:
        valid = _KEY.fullmatch(key) is not None if self.keys is None else key in self.keys
        if not valid:
            raise ApiError(401, errors.INVALID_KEY)
        if one_call and self.one_call_keys != "all" and key not in self.one_call_keys:
            raise ApiError(401, errors.NO_ONE_CALL)

    def _check_limit(self) -> None:
        if self.calls_per_minute is None:
            return
        now = time.monotonic()
        if self._accepted.count(now) >= self.calls_per_minute:
            raise ApiError(429, errors.TOO_MANY)
        self._accepted.add(now)


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

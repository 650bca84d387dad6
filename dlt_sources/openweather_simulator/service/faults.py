"""Faults that tests inject: which calls they hit, how often, and their effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from threading import Lock
from typing import Any
from zlib import crc32

from dlt_sources.openweather_simulator.answers.one_call.rules import Rules, rules_from_json


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Fault that hits some of the calls.

    Which calls:

    Attributes:
        path: Prefix of the path; None is every path.
        where: Query parameters that must be equal, as text.
        times: Number of calls that are hit; None is unlimited.
        probability: Share of the matching calls that are hit, by a fixed sequence and not by chance.
        seed: Seed of that sequence.

    In place of the answer (the first that is given counts):

    Attributes:
        reset: Close the TCP connection abruptly without an answer.
        status: HTTP status with its usual body (a gateway's HTML page for 502 and 503).
        body: These bytes, with `status` or 200.
        empty: An empty body, with `status` or 200.
        new_key_not_active: The 401 of a key in its first minutes.
        status_200_error: The error of an unknown city in HTTP 200, as before 2016.

    Another answer than was asked for:

    Attributes:
        elsewhere: Answer for this place, as `lat,lon`, wherever the call asks for.
        seconds_old: Answer as it was that many seconds ago.

    Edits of the correct answer, in this order:

    Attributes:
        duplicate: Repeat the last row of a list.
        set: Values by dotted path (`list.0.main.aqi`, `*` is every row); missing objects are created.
        remove: Dotted paths to take out.
        dt_offset: Seconds added to every `dt`.

    Undocumented behaviour:

    Attributes:
        rules: What a timeline of One Call 4.0 does instead of what is taken to be right.

    Effects on any answer:

    Attributes:
        latency: Seconds to wait before it is sent.
        retry_after: A `Retry-After` header, seconds or an HTTP date.
        truncate: Announce the whole length, send half of it and close the connection.
    """

    path: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    reset: bool = False
    status: int | None = None
    body: bytes | None = None
    empty: bool = False
    new_key_not_active: bool = False
    status_200_error: bool = False
    elsewhere: str | None = None
    seconds_old: int = 0
    duplicate: bool = False
    set: Mapping[str, Any] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    dt_offset: int = 0
    rules: Rules | None = None
    latency: float = 0.0
    retry_after: str | None = None
    truncate: bool = False

    @property
    def edits(self) -> bool:
        """Whether the fault changes the correct answer."""
        return bool(self.set or self.remove or self.dt_offset or self.duplicate)

    def matches(self, path: str, params: Mapping[str, str]) -> bool:
        """Return whether the fault applies to a call."""
        if self.path is not None and not path.startswith(self.path):
            return False
        return all(params.get(name) == str(value) for name, value in self.where.items())


def fault_from_json(values: dict[str, Any]) -> Fault:
    """Return the fault that a JSON object describes; `body` is text there.

    Raises:
        ValueError: a name that no fault has, or no rule.
    """
    unknown = values.keys() - {f.name for f in fields(Fault)}
    if unknown:
        raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
    values = dict(values)
    if isinstance(values.get("body"), str):
        values["body"] = values["body"].encode()
    if isinstance(values.get("rules"), dict):
        values["rules"] = rules_from_json(values["rules"])
    if "remove" in values:
        values["remove"] = tuple(values["remove"])
    return Fault(**values)


class Faults:
    """Faults in force. Tests add to them from their thread while the server takes from them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: list[_Armed] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, fault: Fault) -> None:
        """Add a fault after those already in force."""
        with self._lock:
            self._waiting.append(_Armed(fault))

    def clear(self) -> None:
        """Drop all faults."""
        with self._lock:
            self._waiting.clear()

    def take(self, path: str, params: Mapping[str, str]) -> Fault | None:
        """Return the fault that hits a call and use it up once.

        Only the earliest one that matches hits, so that faults added one after the other happen one after
        the other.
        """
        with self._lock:
            for armed in self._waiting:
                if armed.fault.matches(path, params) and armed.strikes():
                    if armed.left == 0:
                        self._waiting.remove(armed)
                    return armed.fault
        return None


class _Armed:
    """Fault with its counters."""

    __slots__ = ("fault", "left", "met")

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.left = fault.times
        self.met = 0

    def strikes(self) -> bool:
        self.met += 1
        if self.left == 0:
            return False
        if crc32(f"{self.fault.seed}:{self.met}".encode()) >= self.fault.probability * 2**32:
            return False
        if self.left is not None:
            self.left -= 1
        return True

"""The answers that left the API completely, and whether each of them is in the tables."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from dlt_sources.openweather_simulator import Simulator
from dlt_sources.openweather_simulator.service.simulator import Answer
from dlt_sources.weather.api.endpoints import ENDPOINTS, Endpoint
from dlt_sources.weather.common.clock import floor_hour, utc
from dlt_sources.weather.destination.reader import DestinationReader
from tests.chaos.rounds.results import Findings

# what a client of a busy machine needs to read an answer and keep it
SECONDS_UNDER_WAY = 0.5
# a program has no clock but the machine's, and stamps an answer when it has read it
SAME_MOMENT = timedelta(seconds=15)
KEPT = {endpoint.path: endpoint for endpoint in ENDPOINTS if endpoint.keeps_raw}


class SentAnswer(NamedTuple):
    """An answer that cannot be asked for again.

    Attributes:
        sent_at: the machine's time at which it was written to the connection.
        moment: the round's time, as in ``fetched_at``.
        endpoint: what was asked.
        location_id: for whom.
        body: the answer.
    """

    sent_at: float
    moment: datetime
    endpoint: Endpoint
    location_id: str
    body: bytes


class Recorder:
    """Records the answers of an API that cannot be asked for again.

    Args:
        simulator: the API.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._interruptions: list[tuple[float, float]] = []
        self.sent: list[SentAnswer] = []
        simulator.on_sent = self._record

    def interrupted(self, began: float, ended: float | None = None) -> None:
        """Expect no answer that was sent shortly before or during an interruption of the loader: it was under way.

        Args:
            began: the machine's time.
            ended: its end; by default its beginning.
        """
        self._interruptions.append((began - SECONDS_UNDER_WAY, ended or began))

    def is_under_way(self, answer: SentAnswer) -> bool:
        """Whether an answer was on its way when the loader was interrupted."""
        return any(began <= answer.sent_at <= ended for began, ended in self._interruptions)

    def hold_to_account(self, reader: DestinationReader, found: Findings, *, may_miss: int = 0) -> None:
        """Look for every answer in the tables: verbatim, and its rows, each once.

        Args:
            reader: reads the tables.
            found: where to write what is missing.
            may_miss: how many answers were taken away on purpose.
        """
        sent = {(one.endpoint.name, one.location_id, one.moment): one for one in self.sent}
        missing = [one for one, there in _arrived(reader, sent.values()) if not there]
        under_way = [one for one in missing if self.is_under_way(one)]
        lost = [one for one in missing if not self.is_under_way(one)]
        found.expected += len(sent) - len(under_way)
        found.found += len(sent) - len(missing) + min(may_miss, len(lost))
        found.note("answers recorded", len(sent))
        for note, answers in (("answers lost under way", under_way), ("answers lost", lost)):
            if answers:
                found.note(note, len(answers))
        if len(lost) > may_miss:
            found.problems.append(f"{len(lost)} answers are not in the tables: {self._described(lost)}")

    def _described(self, lost: list[SentAnswer]) -> str:
        kills = [began + SECONDS_UNDER_WAY for began, _ in self._interruptions]
        return ", ".join(
            f"{one.endpoint.name} of {one.location_id} at {one.moment:%H:%M}"
            + next((f", {kill - one.sent_at:.2f} s before a kill" for kill in kills if kill > one.sent_at), "")
            for one in lost[:5]
        )

    def _record(self, path: str, params: Mapping[str, str], answer: Answer) -> None:
        endpoint = KEPT.get(path)
        if endpoint is None or answer.status != 200:
            return
        moment = datetime.fromtimestamp(self._simulator.now(), timezone.utc)
        location_id = f"{float(params['lat']):.4f},{float(params['lon']):.4f}"
        self.sent.append(SentAnswer(time.time(), moment, endpoint, location_id, answer.body))


def _arrived(reader: DestinationReader, answers: Iterable[SentAnswer]) -> list[tuple[SentAnswer, bool]]:
    raw = defaultdict(list)
    sql = "SELECT endpoint, location_id, body, fetched_at FROM {raw}"
    for *key, fetched_at in reader.rows(sql, raw="weather_raw"):
        raw[tuple(key)].append(utc(fetched_at))
    keys = {
        part.contract.table: _keys(reader, part.contract.table, "issued_at" in part.contract.key)
        for endpoint in KEPT.values()
        for part in endpoint.parts
        if "dt" in part.contract.key
    }
    arrived = []
    for one in answers:
        # no database has room for a zero character in a text
        body = one.body.decode().replace("\\u0000", "")
        fetched = raw[one.endpoint.name, one.location_id, body]
        there = next((moment for moment in fetched if abs(moment - one.moment) <= SAME_MOMENT), None)
        arrived.append((one, there is not None and _has_rows(one, there, keys)))
    return arrived


def _keys(reader: DestinationReader, table: str, is_issued: bool) -> set[tuple[object, ...]]:
    """The keys of a table, with the hour of issue where it has one; each is there once, or the round fails anyway."""
    issued_at = ", issued_at" if is_issued else ""
    rows = reader.rows(f"SELECT location_id, dt{issued_at} FROM {{table}}", table=table)
    return {(location_id, *map(utc, moments)) for location_id, *moments in rows}


def _has_rows(answer: SentAnswer, fetched_at: datetime, keys: dict[str, set[tuple[object, ...]]]) -> bool:
    body: dict[str, Any] = json.loads(answer.body)
    for part in answer.endpoint.parts:
        table, member = part.contract.table, part.member
        issued = (floor_hour(fetched_at),) if "issued_at" in part.contract.key else ()
        for row in body.get(member, []) if member else [body]:
            moment = datetime.fromtimestamp(row.get("dt", 0), timezone.utc)
            if table in keys and (answer.location_id, moment, *issued) not in keys[table]:
                return False
    return True

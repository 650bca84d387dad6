"""Fields that the documentation does not name: of changing types, huge, many, of one name in two spellings."""

from __future__ import annotations

import string
from random import Random
from typing import Any

from dlt_sources.openweather_simulator.service.faults import Fault
from tests.chaos.rounds.world import Round

RESOURCES = ["locations", "current_weather", "forecast", "air_pollution", "air_pollution_forecast"]
LOADS = 4
MANY = 150
VALUES: tuple[Any, ...] = (
    None, True, 1, -1, 1.5, "x", "", [], {}, [1, "a", None], {"a": {"b": [1]}}, [{"a": 1}, {"a": "x"}], {"": 1},
    2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, 1e308, "\u0000", "é" * 999, "2024-01-01T00:00:00Z", [[1]],
    {"A": 1, "a": 2},
)  # fmt: skip
SMALL_VALUES = tuple(value for value in VALUES if len(str(value)) < 50)
NAMES = (
    "uv", "newField", "new_field", "main.newThing", "main.new_thing", "wind.extra", "id2", "1h", "dt_2", "aqi", "a b",
    "Ü",
)  # fmt: skip


def unknown(round_: Round) -> None:
    """Unknown fields of any kind and number, other ones in each load: they cost no row."""
    given: dict[str, object] = {"resources": RESOURCES}
    for _ in range(LOADS):
        for _ in range(round_.random.randint(1, 4)):
            round_.simulator.inject(Fault(**_where(round_), set=_fields(round_.random)))
        report = round_.load(**given)
        if report.error or report.rows_rejected:
            round_.found.problems.append(f"unknown fields: {report.error}, {report.rows_rejected} rows rejected")
        round_.simulator.clear_faults()
        round_.pass_time()
    round_.finish_recorded(**given)
    round_.observed.clear()
    round_.examine()


def _where(round_: Round) -> dict[str, Any]:
    """Some of the calls."""
    chosen = round_.random
    path = chosen.choice([None, "/data/2.5/weather", "/data/2.5/forecast", "/data/2.5/air_pollution"])
    return {"path": path, "probability": chosen.choice([0.3, 1.0]), "seed": chosen.randrange(1000)}


def _fields(chosen: Random) -> dict[str, Any]:
    names = list(chosen.sample(NAMES, chosen.randint(1, 5)))
    if chosen.random() < 0.3:
        names += ["".join(chosen.choices(string.ascii_lowercase, k=8)) for _ in range(MANY)]
    rows = chosen.choice(["list.*.", f"list.{chosen.randrange(20)}.", "", "city."])
    values = VALUES if len(names) < MANY else SMALL_VALUES
    return {rows + name: chosen.choice(values) for name in names}

"""The scenarios, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos import answers, bodies, clocks, inputs, kills, losses, outages, places, writers
from tests.chaos.world import Round, World

BOTH = ("duckdb", "postgres")


@dataclass(frozen=True)
class Scenario:
    """What may happen to loads.

    Attributes:
        play: plays one round.
        rounds: how many by default.
        long_rounds: how many with ``--long``.
        destinations: where it can happen.
        impossible: why it cannot be played on this machine; None if it can.
    """

    play: Callable[[Round], None]
    rounds: int = 1
    long_rounds: int = 100
    destinations: tuple[str, ...] = BOTH
    impossible: Callable[[World], str | None] = lambda _: None


SCENARIOS: dict[str, Scenario] = {
    "kill-extract": Scenario(kills.extracting, 1, 200),
    "kill-normalize": Scenario(kills.normalizing, 1, 100),
    "kill-load": Scenario(kills.loading, 2, 400),
    "kill-cli": Scenario(kills.command_line, 1, 50),
    "kill-dagster": Scenario(kills.dagster, 1, 20, ("postgres",)),
    "server-down": Scenario(outages.stopped, 2, 150, ("postgres",)),
    "no-connections": Scenario(outages.no_connections, 1, 100, ("postgres",)),
    "disk-full": Scenario(outages.no_room, 1, 100, impossible=outages.cannot_mount),
    "faults-alone": Scenario(answers.alone, 1, 50),
    "faults-mixed": Scenario(answers.mixed, 1, 200),
    "nights": Scenario(clocks.nights, 1, 50),
    "clock-jumps": Scenario(clocks.jumps, 1, 100),
    "places-change": Scenario(places.changing, 1, 100),
    "writers": Scenario(writers.at_once, 1, 30),
    "fuzz": Scenario(bodies.converted, 1, 1, ("duckdb",)),
    "fuzz-load": Scenario(bodies.loaded, 1, 20),
    "hostile-names": Scenario(inputs.names, 1, 20),
    "hostile-files": Scenario(inputs.files, 1, 20),
    "wrong-settings": Scenario(inputs.settings, 1, 1, ("duckdb",)),
    "directory-lost": Scenario(losses.directory, 1, 50),
    "state-lost": Scenario(losses.state, 1, 50),
    "package-spoilt": Scenario(losses.package, 1, 150),
    "older-release": Scenario(losses.older_release, 1, 50),
}

"""The scenarios, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.api import bodies, faults, fields, giants, missing, refusals, timelines
from tests.chaos.budgets import days, minutes
from tests.chaos.budgets.clock import cannot_shift
from tests.chaos.database import administration, connections, outages, tables
from tests.chaos.files import journals, losses
from tests.chaos.inputs import clocks, locations, secrets, texts
from tests.chaos.processes import kills, prunes, rates, signals, writers
from tests.chaos.rounds.disks import cannot_mount
from tests.chaos.rounds.world import Round, World

BOTH = ("duckdb", "postgres")


@dataclass(frozen=True)
class Scenario:
    """What may happen to loads.

    Attributes:
        play: plays one round.
        rounds: how many by default.
        long_rounds: how many with ``--long``.
        destinations: where it can happen.
        either: whether one destination, chosen by the seed, is enough where there is little time: it is about what
            comes before a destination.
        by_name: whether it is played only if it is named, since it takes long.
        impossible: why it cannot be played on this machine; None if it can.
    """

    play: Callable[[Round], None]
    rounds: int = 1
    long_rounds: int = 100
    destinations: tuple[str, ...] = BOTH
    either: bool = False
    by_name: bool = False
    impossible: Callable[[World], str | None] = lambda _: None


SCENARIOS: dict[str, Scenario] = {
    "kill-extract": Scenario(kills.extracting, 1, 200, either=True),
    "kill-answers": Scenario(kills.answering, 1, 200),
    "kill-inherited": Scenario(kills.inherited, 1, 100, either=True),
    "kill-normalize": Scenario(kills.normalizing, 1, 100, either=True),
    "kill-load": Scenario(kills.loading, 1, 400, either=True),
    "kill-cli": Scenario(kills.command_line, 1, 50, either=True),
    "kill-dagster": Scenario(kills.dagster, 1, 20, ("postgres",)),
    "prune": Scenario(prunes.killed, 1, 100),
    "server-down": Scenario(outages.stopped, 1, 150, ("postgres",)),
    "server-restart": Scenario(connections.restarted, 1, 100, ("postgres",)),
    "cut-anywhere": Scenario(connections.cut, 1, 150, ("postgres",)),
    "role-limits": Scenario(connections.limits, 1, 20, ("postgres",)),
    "partition": Scenario(connections.partition, 1, 20, ("postgres",), impossible=connections.cannot_filter),
    "no-connections": Scenario(outages.no_connections, 1, 100, ("postgres",)),
    "disk-full": Scenario(outages.no_room, 1, 100, impossible=cannot_mount),
    "permissions": Scenario(administration.permissions, 1, 50, ("postgres",)),
    "table-dropped": Scenario(administration.dropped, 1, 50, either=True),
    "set-aside-retry": Scenario(administration.retried, 1, 50, either=True),
    "signals": Scenario(signals.waiting, 1, 50, either=True),
    "journal-full": Scenario(journals.no_room, 1, 100, impossible=cannot_mount),
    "journal-torn": Scenario(journals.torn, 1, 100, either=True),
    "journal-damaged": Scenario(journals.damaged, 1, 100, either=True),
    "location-gone": Scenario(refusals.location, 1, 50, either=True),
    "product-refused": Scenario(refusals.product, 1, 50, either=True),
    "ask-again": Scenario(missing.again, 1, 50, either=True),
    "giant-answers": Scenario(giants.answers, 1, 20, either=True),
    "unknown-fields": Scenario(fields.unknown, 1, 100, either=True),
    "faults-alone": Scenario(faults.alone, 1, 50, either=True),
    "faults-mixed": Scenario(faults.mixed, 1, 200, either=True),
    "nights": Scenario(clocks.nights, 1, 50, either=True),
    "clock-jumps": Scenario(clocks.jumps, 1, 100, either=True),
    "places-change": Scenario(locations.changing, 1, 100, either=True),
    "writers": Scenario(writers.at_once, 1, 30, either=True),
    "call-limit": Scenario(rates.shared, 1, 20, either=True),
    "history-kills": Scenario(timelines.killed, 1, 4, by_name=True),
    "history-odd": Scenario(timelines.alternatives, 1, 4, either=True),
    "budget-minutes": Scenario(minutes.minutes, 1, 4, ("postgres",), by_name=True, impossible=cannot_shift),
    "budget-days": Scenario(days.days, 1, 1, by_name=True, impossible=cannot_shift),
    "lock-lost": Scenario(writers.lock_lost, 1, 100, ("postgres",)),
    "fuzz": Scenario(bodies.converted, 1, 1, ("duckdb",)),
    "fuzz-load": Scenario(bodies.loaded, 1, 20, either=True),
    "hostile-names": Scenario(texts.names, 1, 20, either=True),
    "hostile-files": Scenario(texts.files, 1, 20, either=True),
    "wrong-settings": Scenario(texts.settings, 1, 1, ("duckdb",)),
    "secrets": Scenario(secrets.sentinels, 1, 20, either=True),
    "directory-lost": Scenario(losses.directory, 1, 50, either=True),
    "state-lost": Scenario(tables.state, 1, 50, either=True),
    "package-spoilt": Scenario(losses.package, 1, 150, either=True),
    "older-release": Scenario(tables.older_release, 1, 50, either=True),
}

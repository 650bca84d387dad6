"""What the rounds of a scenario found, as a line of the table at the end and as JSON."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.table import Table

from tests.benchmarks.results import print_wide


@dataclass
class Findings:
    """What one round found.

    Attributes:
        expected: keys that must be in the tables: a place's hours of air pollution, its observations.
        found: how many of them are.
        doubled: keys that stand there more than once.
        rejected: rows and requests that were rejected.
        unaccounted: runs and resources whose rows fetched are not rows loaded + rows rejected.
        problems: whatever else must not be, in words.
        notes: what is worth knowing and no problem, with how often it happened.
    """

    expected: int = 0
    found: int = 0
    doubled: int = 0
    rejected: int = 0
    unaccounted: int = 0
    problems: list[str] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether nothing is lost, doubled, unaccounted for, or otherwise wrong."""
        return self.expected == self.found and not (self.doubled or self.unaccounted or self.problems)

    def note(self, text: str, number: int = 1) -> None:
        """Count something that happened."""
        self.notes[text] = self.notes.get(text, 0) + number


@dataclass
class Result(Findings):
    """One line: the sum of a scenario's rounds.

    Attributes:
        scenario: its name.
        destination: where to.
        rounds: how many.
        failed: the rounds that found something wrong, by number.
        seconds: wall time.
        skipped: why the scenario could not be run here; empty if it was.
    """

    scenario: str = ""
    destination: str = ""
    rounds: int = 0
    failed: list[int] = field(default_factory=list)
    seconds: float = 0.0
    skipped: str = ""

    @property
    def verdict(self) -> str:
        """In one word."""
        if self.skipped:
            return "skipped"
        return "good" if self.good else "BAD"

    def add(self, number: int, found: Findings) -> None:
        """Add a round."""
        self.rounds += 1
        self.expected += found.expected
        self.found += found.found
        self.doubled += found.doubled
        self.rejected += found.rejected
        self.unaccounted += found.unaccounted
        self.problems += found.problems
        for text, times in found.notes.items():
            self.note(text, times)
        if not found.good:
            self.failed.append(number)


def show(results: list[Result], seed: int) -> None:
    """Print the table."""
    table = Table(title=f"Chaos, seed {seed}")
    table.add_column("scenario", no_wrap=True)
    table.add_column("destination", no_wrap=True)
    for name in ("rounds", "expected", "found", "lost", "doubled", "rejected", "accounted", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("what happened")
    for result in results:
        table.add_row(
            result.scenario,
            result.destination,
            str(result.rounds),
            f"{result.expected:,}",
            f"{result.found:,}",
            f"{result.expected - result.found:,}",
            f"{result.doubled:,}",
            f"{result.rejected:,}",
            "" if result.skipped else f"NOT {result.unaccounted}" if result.unaccounted else "yes",
            f"{result.seconds:.0f}",
            {"good": "[green]good[/]", "BAD": "[red]BAD[/]", "skipped": "skipped"}[result.verdict],
            result.skipped or ", ".join(f"{times:,} x {text}" for text, times in sorted(result.notes.items())),
        )
    print_wide(table)


def save(results: list[Result], seed: int, path: Path) -> None:
    """Write the results and the machine as JSON."""
    lines = [asdict(r) | {"lost": r.expected - r.found, "verdict": r.verdict} for r in results]
    machine = {"cpus": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()}
    path.write_text(json.dumps({"seed": seed, "machine": machine, "results": lines}, indent=2) + "\n")

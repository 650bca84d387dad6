"""What a case found, as a line of the table at the end and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

MOST_SLOWER = 1.15


@dataclass(frozen=True)
class Result:
    """One line.

    Attributes:
        case: the case and its size.
        destination: where to.
        goal: the goal in words; empty where the figure is only reported.
        met: whether it is met; None where there is no goal.
        rows: rows of the resource that arrived.
        seconds: wall time of the product, the median of the repeats.
        floor_seconds: wall time of the floor, the median of the repeats.
        cpu_seconds: processor time of the product, likewise.
        floor_cpu_seconds: processor time of the floor, likewise.
        peak_mb: the highest peak memory of the product's process.
        note: what the figures alone do not say.
    """

    case: str
    destination: str
    goal: str = ""
    met: bool | None = None
    rows: int | None = None
    seconds: float | None = None
    floor_seconds: float | None = None
    cpu_seconds: float | None = None
    floor_cpu_seconds: float | None = None
    peak_mb: float | None = None
    note: str = ""

    @property
    def rows_per_second(self) -> float | None:
        """The product's throughput."""
        return self.rows / self.seconds if self.rows and self.seconds else None

    @property
    def ratio(self) -> float | None:
        """The product's time as a multiple of the floor's."""
        return self.seconds / self.floor_seconds if self.seconds and self.floor_seconds else None


def show(results: list[Result]) -> None:
    """Print the table."""
    table = Table(title="Benchmarks")
    table.add_column("case", no_wrap=True)
    table.add_column("destination", no_wrap=True)
    for name in ("rows", "seconds", "rows/s", "floor s", "ratio", "cpu s", "floor cpu", "peak MB"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("goal")
    table.add_column("met?", no_wrap=True)
    table.add_column("note")
    for result in results:
        table.add_row(
            result.case,
            result.destination,
            _number(result.rows, 0),
            _number(result.seconds, 2),
            _number(result.rows_per_second, 0),
            _number(result.floor_seconds, 2),
            _number(result.ratio, 2),
            _number(result.cpu_seconds, 2),
            _number(result.floor_cpu_seconds, 2),
            _number(result.peak_mb, 0),
            result.goal,
            {True: "[green]yes[/]", False: "[red]NO[/]", None: ""}[result.met],
            result.note,
        )
    print_wide(table)


def print_wide(table: Table) -> None:
    """Print a table on one line a row."""
    console = Console()
    # a pipe has no width; a table folded to 80 columns is hard to read
    console = console if console.is_terminal else Console(width=210)
    console.print(table)


def save(results: list[Result], path: Path) -> None:
    """Write the results and the machine as JSON."""
    lines = [asdict(r) | {"rows_per_second": r.rows_per_second, "ratio": r.ratio} for r in results]
    machine = {
        "cpus": os.cpu_count(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "load_average": os.getloadavg(),
    }
    path.write_text(json.dumps({"machine": machine, "results": lines}, indent=2) + "\n")


def compare(results: list[Result], before: Path) -> Iterator[str]:
    """Say what is slower than in a file of results, by more than noise explains."""
    earlier = {(old["case"], old["destination"]): old for old in json.loads(before.read_text())["results"]}
    for result in results:
        old = earlier.get((result.case, result.destination))
        if old is None:
            continue
        # the floor takes the machine's mood out of the comparison
        now, then, what = (
            (result.ratio, old["ratio"], "x floor")
            if result.ratio and old["ratio"]
            else (result.seconds, old["seconds"], "s")
        )
        if now and then and now > then * MOST_SLOWER:
            yield f"slower: {result.case} {result.destination}: {then:.2f} -> {now:.2f} {what}"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"

"""The dlt source of an interrupted run's journal: the rows, rejects and raw answers that the run would have had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import dlt
from dlt.extract import DltSource

from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS
from dlt_sources.weather.api.responses import Result
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.extract.conversion import Origin, RunConversion
from dlt_sources.weather.extract.counts import LoadMetrics
from dlt_sources.weather.extract.limits import PackageLimits
from dlt_sources.weather.extract.locations import LocationStep
from dlt_sources.weather.extract.requests import Alert, Page, RequestWindow
from dlt_sources.weather.journal import Entry, entries_of
from dlt_sources.weather.locations.geocoding import Lookup, add_matches
from dlt_sources.weather.locations.model import ResolvedLocation

# of load_runs
INTERRUPTED = "The run ended before its time; a later run has loaded what had arrived."


def journal_source(file: Path) -> DltSource:
    """Return the source of one load package with everything that a journal holds.

    Args:
        file: the journal of one load package, which bounds its size.
    """

    def read() -> Iterator[object]:
        yield from RecoveredRun().items(entries_of(file))

    return DltSource(dlt.Schema("weather"), "weather", [dlt.resource(read, name="journal")])


class RecoveredRun:
    """An interrupted run whose answers are converted from its journal, under its id and with its counts."""

    def __init__(self) -> None:
        self._at: datetime
        self._conversion: RunConversion | None = None

    def items(self, entries: Iterable[Entry]) -> Iterator[object]:
        """Yield the dlt items of the entries: rows, raw answers, rejects, and a row of ``load_runs`` a resource."""
        for counts, group in groupby(entries, lambda entry: entry.counts):
            conversion = self._conversion = self._conversion or self._new_conversion(counts)
            metrics = conversion.restored(counts)
            results = self._results(group, metrics)
            if metrics.resource == LOCATIONS:
                yield from self._locations(results, metrics)
            else:
                yield from conversion.items(BY_NAME[metrics.resource], results, lambda *_: None, replaying=False)
        if self._conversion is not None:
            for resource, metrics in self._conversion.metrics_by_resource.items():
                metrics.error = metrics.error or INTERRUPTED
                yield self._conversion.load_run(resource, "interrupted")

    def _new_conversion(self, counts: Mapping[str, Any]) -> RunConversion:
        # one journal is one package
        package = PackageLimits(WeatherSettings(), lambda: 0, bounded=False)
        return RunConversion(counts["run_id"], Origin(counts["command"]), package, lambda: self._at)

    def _results(self, entries: Iterable[Entry], metrics: LoadMetrics) -> Iterator[Result]:
        for entry in entries:
            self._at = entry.at
            metrics.calls = max(metrics.calls, entry.calls)
            location = entry.result.request.about
            if isinstance(location, ResolvedLocation):
                request = replace(entry.result.request, about=_window(location, entry.window))
                yield replace(entry.result, request=request)
            else:
                yield entry.result

    def _locations(self, results: Iterator[Result], metrics: LoadMetrics) -> Iterator[object]:
        lookup = Lookup()
        step = LocationStep(lookup, metrics, lambda: self._at)
        step.collect(add_matches(lookup, results))
        yield from step.items()


def _window(location: ResolvedLocation, kept: Mapping[str, Any]) -> RequestWindow:
    """Return the window of a request, so that the rows count that would have counted in the run.

    Args:
        location: the location.
        kept: the rest of the window, as the journal has it.
    """
    start, end = (datetime.fromisoformat(text) if (text := kept.get(name)) else None for name in ("start", "end"))
    page: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in (kept.get("page") or {}).items()
    }
    alert = kept.get("alert")
    if alert:
        alert = Alert(alert["alert_id"], tuple(ResolvedLocation(**other) for other in alert["others"]))
    return RequestWindow(location, start, end, Page(**page) if page else None, alert)

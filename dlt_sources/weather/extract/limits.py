"""Limits of asking: a full load package, refusals that further requests would meet as well, and a run's error."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from time import monotonic

from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS
from dlt_sources.weather.api.responses import Failure
from dlt_sources.weather.common.configuration.names import how_to_set_key
from dlt_sources.weather.common.errors import (
    BudgetSpentError,
    IncompleteError,
    KeyRefusedError,
    UnreachableError,
    WeatherError,
)
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.common.subscription_plans import LEAST_PLANS, PLAN_NAMES
from dlt_sources.weather.extract.counts import LoadMetrics, Shortfall, shortfall_of

logger = logging.getLogger(__name__)
# bytes of rows in a load package: a destination takes several times that in memory while it merges them
PACKAGE_BYTES = 20_000_000


class PackageLimits:
    """Room in the current load package: rows and bytes are bounded for memory, seconds so that rows get visible.

    Args:
        settings: ``chunk_rows`` and ``chunk_seconds``.
        calls: returns the number of calls that the run has made.
        bounded: False for a run that is one package, which has no limit.
    """

    def __init__(self, settings: WeatherSettings, calls: Callable[[], int], *, bounded: bool) -> None:
        self._most_rows = settings.chunk_rows
        self._most_seconds = settings.chunk_seconds
        self._calls = calls
        self._bounded = bounded
        self.begin()

    def begin(self) -> None:
        """Reset all counts, because a new package begins."""
        self._began = monotonic()
        self._rows = 0
        self._bytes = 0
        self._calls_before = self._calls()

    def add_rows(self, rows: int) -> None:
        """Count rows that go into the package."""
        self._rows += rows

    def add_bytes(self, size: int) -> None:
        """Count the bytes of rows that go into the package."""
        self._bytes += size

    def has_room(self, under_way: int = 0) -> bool:
        """Return whether another request may be made for the package.

        Args:
            under_way: rows that were asked for and are to come into the package.
        """
        # a package without any request would make no progress
        if not self._bounded or self._calls() == self._calls_before:
            return True
        rows = self._rows + under_way
        is_full = rows >= self._most_rows or self._bytes * rows >= PACKAGE_BYTES * max(1, self._rows)
        return not is_full and monotonic() - self._began < self._most_seconds


UNREACHABLE = "OpenWeather cannot be reached: "
ASKED_AGAIN = ". Nothing more is asked; the next run asks again."


class Refusals:
    """The refusals that a run has met, and what it still may ask.

    Args:
        chosen: names of the run's resources.
        alone: whether the run is one package of a plain dlt pipeline, which reports an error only by an exception.

    Attributes:
        stopped_by: error that ended the run.
        by_resource: error of each resource of which nothing more is asked, while others go on.
        postponed: error of each resource whose budget is spent; a later run asks the rest, so the run has no error.
    """

    def __init__(self, chosen: Collection[str], *, alone: bool) -> None:
        self._chosen = chosen
        self._alone = alone
        self.stopped_by: WeatherError | None = None
        self.by_resource: dict[str, WeatherError] = {}
        self.postponed: dict[str, BudgetSpentError] = {}
        self._lacking: dict[str, Failure] = {}

    def may_ask(self, resource: str) -> bool:
        """Return whether a resource may be asked."""
        return self.stopped_by is None and not self.has_ended(resource)

    def has_ended(self, resource: str) -> bool:
        """Return whether nothing more is asked of a resource, while others go on."""
        return resource in self.by_resource or resource in self.postponed

    def explain(self, metrics: LoadMetrics) -> None:
        """Note in a resource's counts why nothing more is asked of it."""
        if refusal := self.by_resource.get(metrics.resource):
            metrics.error = metrics.error or str(refusal)
        if spent := self.postponed.get(metrics.resource):
            left = f" Calls that are left to ask: {metrics.left:,}." if spent.is_backfill and metrics.left else ""
            metrics.postponed = f"{spent}{left}"

    def add_unasked(self, resource: str, error: WeatherError) -> None:
        """Note why a request was not asked; called in the client's thread, for each of them."""
        if not isinstance(error, BudgetSpentError):
            self.stopped_by = self.stopped_by or error
        elif resource not in self.postponed:
            self.postponed[resource] = error

    def add(self, failure: Failure) -> WeatherError:
        """Note a failure that further requests would share, by its scope, and return its error."""
        ended = _resources_of(failure)
        # of the others nothing would be asked anyway
        named = [name for name in ended if name in self._chosen or name == failure.request.resource]
        error = _error_for(failure, ", ".join(named))
        ends_free = self._alone and (failure.scope, failure.request.product) == ("product", "free")
        if failure.scope == "run" or ends_free:
            self.stopped_by = self.stopped_by or error
            return error
        if failure.error_class == "key_refused" and failure.scope == "resource":
            self._lacking.setdefault(failure.request.resource, failure)
        if new := [name for name in named if name not in self.by_resource]:
            # what to do about it is said at the end of the run, by its error
            what = str(error).partition(". ")[0]
            logger.warning("Nothing more is asked of %s: %s.", ", ".join(new), what)
        for name in ended:
            self.by_resource.setdefault(name, error)
        return error

    @property
    def errors(self) -> list[WeatherError]:
        """The errors of ``by_resource``, each once; endpoints that the plan lacks have one together."""
        lacking = [_plan_lacks(*self._lacking.values())] if self._lacking else []
        others = {str(error): error for name, error in self.by_resource.items() if name not in self._lacking}
        return [*lacking, *others.values()]


def _resources_of(failure: Failure) -> list[str]:
    """Return the resources of which nothing more is asked after a failure, by its scope."""
    if failure.scope == "resource":
        return [failure.request.resource]
    product = failure.request.product
    named = [name for name, endpoint in BY_NAME.items() if endpoint.product == product]
    return [LOCATIONS, *named] if product == "free" else named


def _error_for(failure: Failure, ended: str) -> WeatherError:
    """Return the error of a failure that further requests would share: what is refused, what to do, the API's words.

    Args:
        failure: the failure.
        ended: names of the run's resources that it ends.
    """
    words = failure.message
    if failure.error_class == "key_refused":
        if failure.scope == "resource":
            return _plan_lacks(failure)
        text = _one_call_refused(failure, ended) if failure.request.product == "one_call" else _key_refused(failure)
        return KeyRefusedError(f"{text} The answer was: {words.rstrip('.')}.", cause=words)
    if failure.error_class == "rate_limited":
        product = f" of {_one_call(failure)}" if failure.request.product == "one_call" else ""
        text = (
            f"OpenWeather keeps refusing calls{product} (429). Lower calls_per_minute, or wait until the plan's calls "
            "of the day or month are renewed, and run again later."
        )
    elif failure.error_class == "blocked":
        text = (
            f"A firewall or proxy before OpenWeather answers {failure.request.path} with 403 and a page that is not "
            "the API's. Ask the network's administrator to allow it; the rejects table has the page."
        )
    else:
        text = f"{UNREACHABLE}{words}{ASKED_AGAIN}"
        return UnreachableError(text, cause=words)
    return IncompleteError(f"{text} The answer was: {words.rstrip('.')}.", cause=words)


def _one_call(failure: Failure) -> str:
    """Return the product's name with its version, as the price page has it."""
    return "One Call 3.0" if failure.request.path.startswith("/data/3.0/") else "One Call 4.0"


def _one_call_refused(failure: Failure, ended: str) -> str:
    """Return what to do about a key that One Call refuses: an account has one version of it, by one subscription."""
    product = _one_call(failure)
    other, version = ("One Call 4.0", 4) if product == "One Call 3.0" else ("One Call 3.0", 3)
    right = "one_call" if version == 3 else "resources of One Call 4.0"
    accepted = f"OpenWeather accepts the key, but not for {product} ({failure.http_status}): "
    switch = f"set one_call_version = {version} and choose {right} in place of {ended}"
    subscribe = f"subscribe (https://openweathermap.org/price), or leave {ended} out of the resources"
    if failure.refused_for == "key":
        return _key_refused(failure)
    if failure.refused_for == "version":
        return f"{accepted}its account has {other}; {switch}."
    if failure.refused_for == "subscription":
        return (
            f"{accepted}its account has no subscription to One Call, or a new one that is not active yet (up to 2 "
            f"hours); {subscribe}."
        )
    return (
        f"OpenWeather refuses the key for {product} ({failure.http_status}). Either it is not the right one, then "
        f"check OPENWEATHER_API_KEY; or its account has {other}, then {switch}; or it has none, then {subscribe}."
    )


def _plan_lacks(*failures: Failure) -> KeyRefusedError:
    """Return the error of endpoints that are refused to a key that works for others."""
    resources = [failure.request.resource for failure in failures]
    paths = ", ".join(dict.fromkeys(failure.request.path for failure in failures))
    statuses = ", ".join(dict.fromkeys(str(failure.http_status) for failure in failures))
    words = "; ".join(dict.fromkeys(failure.message.rstrip(".") for failure in failures))
    needed = {LEAST_PLANS[name] for name in resources if name in LEAST_PLANS}
    lacks, need = ("lacks this endpoint", "needs") if len(failures) == 1 else ("lacks these endpoints", "need")
    if needed:
        lacks += f", which {need} {max(needed, key=PLAN_NAMES.index)} or a larger one,"
    return KeyRefusedError(
        f"OpenWeather refuses the key for {paths} ({statuses}), but accepts it for other calls: the plan {lacks} or "
        f"has lapsed, or the key was withdrawn. Check the plan, or leave {', '.join(resources)} out of the resources. "
        f"The answer was: {words}.",
        cause=failures[0].message,
    )


def _key_refused(failure: Failure) -> str:
    return (
        f"OpenWeather refuses the API key ({failure.http_status}). Check {how_to_set_key()}. A new key needs up to 2 "
        "hours until it works."
    )


def error_of(
    refusals: Refusals, metrics_by_resource: Mapping[str, LoadMetrics], known_locations: int
) -> WeatherError | None:
    """Return the error that ended a run early or that most of a resource met; None if it went well enough.

    Args:
        refusals: the refusals of the run.
        metrics_by_resource: the counts of the run.
        known_locations: number of locations that needed no look-up.
    """
    every = list(metrics_by_resource.values())
    if refusals.stopped_by:
        return _counted(refusals.stopped_by, every)
    if refusals.by_resource:
        errors = refusals.errors
        text = _sentences(*map(str, errors), _rest(every))
        return _counted(type(errors[0])(text, cause=errors[0].cause), every)
    shortfalls = [found for metrics in every if (found := shortfall_of(metrics, known_locations))]
    short = [metrics_by_resource[found.resource] for found in shortfalls]
    if not shortfalls:
        return None
    causes: Counter[str] = Counter()
    for one in shortfalls:
        causes[one.cause or ""] += one.rejects
    cause, count = causes.most_common(1)[0]
    if len(causes) == 1 and len(shortfalls) > 1:
        names = ", ".join(one.resource for one in shortfalls)
        failed, total = sum(one.failed for one in shortfalls), sum(one.total for one in shortfalls)
        shortfalls = [Shortfall(names, failed, total, shortfalls[0].subject, cause, count)]
    what = "; ".join(map(str, shortfalls))
    return IncompleteError(_sentences(f"{what}.", _rest(every), _advice(short)), cause=cause or None, count=count)


def _advice(short: list[LoadMetrics]) -> str:
    """Return what to do about resources of which more than half is missing."""
    if all(metrics.misspelt == metrics.rows_rejected for metrics in short):
        return "Correct these places in the list, or leave them out; asking again does not help."
    if all(len(metrics.causes) == 1 for metrics in short):
        return "The next run asks again."
    return "The rejects table says why, and the next run asks again."


def _counted(error: WeatherError, every: list[LoadMetrics]) -> WeatherError:
    """Add the number of rejects that have an error's cause."""
    error.cause_count = sum(metrics.causes[error.cause or ""] for metrics in every)
    return error


def _sentences(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _rest(every: list[LoadMetrics]) -> str:
    """Return a sentence about the rows that are loaded; empty if there are none."""
    loaded = sum(metrics.rows_loaded for metrics in every)
    return "The rest is loaded." if loaded else ""

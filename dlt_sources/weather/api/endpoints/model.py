"""The description of an endpoint: its path, its product, and the tables that its answers have rows for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from dlt_sources.weather.common.settings import ResourceName
from dlt_sources.weather.common.subscription_plans import Product
from dlt_sources.weather.contracts import Contract

# versions of One Call: an account has one of them
Version = Literal[3, 4]
# requests in flight whose answers take some 10 kB and, as Python objects, ten times that; more would fill memory
MOST_LARGE = 256


class Timeline(NamedTuple):
    """Series of One Call 4.0 that is given in pages (openweathermap.org/api/one-call-4).

    Attributes:
        step: time from one row to the next.
        page: most rows of an answer.
        earliest: first row of the series, UTC; None for a series that begins with the present.
        ahead: time from the present to the end of the series.
    """

    step: timedelta
    page: int
    earliest: datetime | None
    ahead: timedelta


@dataclass(frozen=True)
class Part:
    """Part of an answer that holds the rows of one table.

    Attributes:
        contract: contract of the table.
        member: name of the member that lists the rows; "" if the answer itself is the row.
        optional: whether an answer without the member is valid, and has no rows of this table.
        around: columns of each row that are read from the answer around the rows: name and dotted path.
        read: returns the rows of an answer whose form ``member`` does not describe, or None if it has another form.
    """

    contract: type[Contract]
    member: str = ""
    optional: bool = False
    around: tuple[tuple[str, str], ...] = ()
    read: Callable[[Any], list[Any] | None] | None = None

    def records(self, data: object) -> list[Any] | None:
        """Return the records of the part in an answer; None if the answer has not the endpoint's form."""
        if self.read is not None:
            return self.read(data)
        if not self.member:
            return [data] if isinstance(data, dict) else None
        rows = data.get(self.member) if isinstance(data, dict) else None
        if rows is None and self.optional and isinstance(data, dict):
            return []
        return rows if isinstance(rows, list) else None


# each is made once: its identity is a cheap hash for the caches that are asked for every answer
@dataclass(frozen=True, eq=False)
class Endpoint:
    """One kind of request, sent for every location.

    Attributes:
        name: dlt resource that the answers feed.
        path: path below the base URL.
        parts: tables that an answer has rows for.
        description: description of the dlt resource.
        product: product that the calls are billed for.
        version: version of One Call that has the path; None for other products.
        timeline: the series that the answers are pages of, in One Call 4.0.
        parameters: query parameters that every request has, by name.
        by_default: whether a load without ``resources`` includes it.
        has_units: whether the request takes ``units`` and ``lang``.
        incremental: whether the requests cover windows of history that is not loaded yet.
        most_at_once: largest number of requests in flight; low if answers are large.
        not_kept: dotted paths of known fields outside the rows that no table has.
    """

    name: ResourceName
    path: str
    parts: tuple[Part, ...]
    description: str
    product: Product = "free"
    version: Version | None = None
    timeline: Timeline | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    by_default: bool = True
    has_units: bool = False
    incremental: bool = False
    most_at_once: int = 1000
    not_kept: frozenset[str] = frozenset()

    @property
    def keeps_raw(self) -> bool:
        """Whether answers are kept verbatim in ``weather_raw``: all but history, which can be requested later too."""
        return not self.incremental

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the bronze tables that the rows go to."""
        return tuple(part.contract.table for part in self.parts)

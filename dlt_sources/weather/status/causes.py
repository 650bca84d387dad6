"""Late locations by cause, so that an outage which makes all of them late is told once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from dlt_sources.weather.locations.refusals import again_text
from dlt_sources.weather.status.late import LateLocation


class LateGroup(NamedTuple):
    """The same locations, late for the same cause in one resource or several.

    Attributes:
        resources: names of the resources.
        late: the late locations of all these resources.
    """

    resources: list[str]
    late: list[LateLocation]

    @property
    def queries(self) -> list[str]:
        """The locations as the user wrote them, each once."""
        return list({one.location_id or one.query: one.query for one in self.late}.values())

    @property
    def again(self) -> str | None:
        """Since when look-ups of a location are refused, and when the first is asked again; None if none is refused."""
        pauses = [
            (one.refused_since, one.asked_again_at) for one in self.late if one.refused_since and one.asked_again_at
        ]
        if not pauses:
            return None
        return again_text(min(since for since, _ in pauses), min(again for _, again in pauses))

    @property
    def newest(self) -> tuple[datetime | None, datetime | None]:
        """The newest moment of the location that waits longest, and of the one that waits shortest."""
        moments = sorted((one.newest for one in self.late), key=lambda moment: (moment is not None, moment))
        return moments[0], moments[-1]


def late_by_cause(late: Mapping[str, Sequence[LateLocation]]) -> dict[str | None, list[LateGroup]]:
    """Return the late locations by cause, the cause of most locations first.

    Args:
        late: the late locations by resource, as ``late_by_resource`` returns them.
    """
    found: dict[str | None, dict[str, list[LateLocation]]] = {}
    for resource, places in late.items():
        for place in places:
            found.setdefault(place.cause, {}).setdefault(resource, []).append(place)
    causes = {cause: _groups(by_resource) for cause, by_resource in found.items()}
    return dict(sorted(causes.items(), key=lambda item: -sum(len(group.late) for group in item[1])))


def _groups(by_resource: Mapping[str, Sequence[LateLocation]]) -> list[LateGroup]:
    groups: dict[frozenset[str], LateGroup] = {}
    for resource, places in by_resource.items():
        group = groups.setdefault(frozenset(place.location_id or place.query for place in places), LateGroup([], []))
        group.resources.append(resource)
        group.late.extend(places)
    return list(groups.values())

"""A list of places that changes from load to load: renamed, removed, added again."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.chaos.rounds.world import Round

START = {
    "home": {"name": "Home", "lat": "40.4168", "lon": "-3.7038"},
    "cabin": {"name": "Cabin", "lat": "59.9139", "lon": "10.7522"},
    "office": {"name": "", "query": "Paris,FR"},
    "shop": {"name": "Shop", "query": "zip:28001,ES"},
}
COLUMNS = ("location_id", "name", "lat", "lon", "query")


def changing(round_: Round) -> None:
    """Rename, remove and add places between loads, by number and by name."""
    chosen, path = round_.random, Path("places.csv")
    listed, gone = {place: dict(row) for place, row in START.items()}, {}
    _write(path, listed)
    given = {"locations": [], "locations_file": str(path)}
    round_.load(**given)
    for _ in range(chosen.randint(3, 6)):
        round_.pass_time()
        what = chosen.choice(["rename", "remove", "add again", "reorder"])
        if what == "rename":
            listed[chosen.choice(list(listed))]["name"] = chosen.choice(["Haus", "Дом", "بيت", "家"])
        elif what == "remove" and len(listed) > 1:
            place = chosen.choice(list(listed))
            gone[place] = listed.pop(place)
        elif what == "add again":
            listed |= gone
            gone = {}
        else:
            listed = dict(chosen.sample(list(listed.items()), len(listed)))
        _write(path, listed)
        round_.load(**given)
        round_.found.note(what)
    _write(path, listed | gone)
    round_.pass_time()
    # which place was listed when is not what this is about; hours must be there whether it was or not
    round_.observed.clear()
    round_.finish(places=list(START), **given)


def _write(path: Path, rows: dict[str, dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({"location_id": place, **row} for place, row in rows.items())

"""What users write, at its worst: names of places, files of places, settings."""

from __future__ import annotations

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.chaos.rounds.world import MADRID, OSLO, Round
from tests.helpers.processes import finish, start

NASTY = (
    "Robert'); DROP TABLE locations;--",
    '"; DELETE FROM air_pollution; --',
    "%s %d {air} {0} %(x)s $1 :x ?",
    "two\nlines",
    "two\r\nlines\tand a tab",
    "x" * 10_000,
    "\u202eمدريد\u202c",
    "مدريد",
    "a\u0301\u0300\u0302" * 20,
    "👩\u200d👩\u200d👧\u200d👦",
    "../../etc/passwd",
    "Madrid&appid=1#?/..",
    "\\u0000 \\x00 \\",
    "\ufeffMadrid",
    "NULL",
    "-",
    ",",
    "=1+1",
    "[bold]Madrid[/bold]",
)
# (lines of the file, whether each is a place)
LINES: tuple[tuple[str, bool], ...] = (
    ("first,Home,40.4168,-3.7038", True),
    ("second,Nowhere,91,0", False),
    ("third,Nowhere,0,181", False),
    ("fourth,Word,north,east", False),
    ("fifth,Half,1", False),
    ("sixth,Infinite,inf,nan", False),
    ("seventh,Cabin,59.9139,10.7522", True),
    ('eighth,"two\nlines",1,1', True),
    ("ninth,\u202eRTL,2,2", True),
    ("tenth,'; DROP TABLE locations;--,3,3", True),
    (f"{'e' * 300},Long,4,4", False),
    ("twelfth,Too,5,5,many,cells", False),
    (",,,", False),
)


def names(round_: Round) -> None:
    """Names of places with SQL, line breaks, 10,000 characters, right-to-left text: looked up or rejected."""
    nasty = round_.random.sample(NASTY, 8)
    # a user's own name for a place goes into the table as it is
    rows = [{"location_id": f"n{number}", "name": name[:200]} for number, name in enumerate(nasty)]
    path = Path("places.jsonl")
    lines = [json.dumps(row | {"lat": number, "lon": number}) for number, row in enumerate(rows)]
    path.write_text("\n".join(lines))
    given = {"locations": [MADRID, OSLO, *nasty], "locations_file": str(path)}
    round_.load_or_error(**given)
    round_.pass_time()
    round_.load_or_error(**given)
    round_.examine(places=[MADRID, OSLO, *(row["location_id"] for row in rows)])
    with round_.target.reader() as loaded:
        kept = dict(loaded.rows("SELECT location_id, name FROM {l}", l="locations"))
    for row in rows:
        round_.found.expected += 1
        round_.found.found += kept.get(row["location_id"]) == row["name"]
    round_.found.note("names", len(nasty))


def files(round_: Round) -> None:
    """A file of places with bad rows: each is rejected by its line, and the others are loaded."""
    lines = round_.random.sample(LINES, len(LINES))
    path = Path("places.csv")
    path.write_text("location_id,name,lat,lon\n" + "\n".join(line for line, _ in lines) + "\n", encoding="utf-8")
    given = {"locations": [], "locations_file": str(path)}
    round_.load(**given)
    good = [next(csv.reader([line]))[0] for line, is_place in lines if is_place]
    round_.examine(places=good)
    with round_.target.reader() as loaded:
        rejected = {field for (field,) in loaded.rows("SELECT field FROM {r}", r="rejects")}
    for name in _bad_lines(lines):
        round_.found.expected += 1
        round_.found.found += name in rejected
        if name not in rejected:
            round_.found.problems.append(f"{name} is not among the rejects: {sorted(rejected)}")
    round_.found.note("bad lines", len(_bad_lines(lines)))


def _bad_lines(lines: list[tuple[str, bool]]) -> list[str]:
    """Where the bad rows stand, as the rejects name it: by the last line of the row."""
    found, number = [], 1
    for line, is_place in lines:
        number += 1 + line.count("\n")
        if not is_place:
            found.append(f"places.csv line {number}")
    return found


# what is written where, and the exit code that the command line's help names for it
Mistake = tuple[dict[str, str], dict[str, str], int]
WEATHER = "[sources.weather]\n"
MISTAKES: dict[str, Mistake] = {
    "a number in words": ({"SOURCES__WEATHER__CALLS_PER_MINUTE": "many"}, {}, 2),
    "a list that is none": ({"SOURCES__WEATHER__LOCATIONS": "{'a'"}, {}, 2),
    "a place that is a number": ({}, {"config.toml": f"{WEATHER}locations = [5, true]"}, 2),
    "a list that is a number": ({}, {"config.toml": f"{WEATHER}locations = 5"}, 2),
    "a number that is a list": ({}, {"config.toml": f"{WEATHER}attempts = [1]"}, 2),
    "a number that is a table": ({}, {"config.toml": "[sources.weather.attempts]\na = 1"}, 2),
    "no TOML": ({}, {"config.toml": "[sources.weather\nlocations = "}, 2),
    "secrets that are no TOML": ({}, {"secrets.toml": "api_key = = 5"}, 2),
    "TOML that is no text": ({}, {"config.toml": "\udcff\udcfe"}, 2),
    "an unknown resource": ({}, {"config.toml": f'{WEATHER}resources = ["wether"]'}, 2),
    "an unknown unit": ({}, {"config.toml": f'{WEATHER}units = "kelvin"'}, 2),
    "a file that is a folder": ({"SOURCES__WEATHER__LOCATIONS_FILE": "/"}, {}, 2),
    "a date that is none": ({"SOURCES__WEATHER__SINCE": "2024-02-30"}, {}, 2),
    "a negative number": ({"SOURCES__WEATHER__HISTORY_DAYS": "-1"}, {}, 2),
    "no number": ({"SOURCES__WEATHER__CHUNK_SECONDS": "nan"}, {}, 2),
    "an unknown destination": ({"WEATHER_DESTINATION": "nowhere"}, {}, 2),
    "credentials that are none": (
        {"WEATHER_DESTINATION": "postgres", "DESTINATION__POSTGRES__CREDENTIALS": "x"},
        {},
        2,
    ),
    "a server that is none": (
        {
            "WEATHER_DESTINATION": "postgres",
            "DESTINATION__POSTGRES__CREDENTIALS": "postgresql://a:b@127.0.0.1:1/x?connect_timeout=1",
        },
        {},
        5,
    ),
    "a DuckDB file in no folder": ({"DESTINATION__DUCKDB__CREDENTIALS": "/no/such/folder/x.duckdb"}, {}, 5),
    "a DuckDB file that is none": (
        {"DESTINATION__DUCKDB__CREDENTIALS": "no.duckdb"},
        {"../no.duckdb": "text" * 5000},
        5,
    ),
    "a data folder that is a file": ({"DLT_DATA_DIR": "/dev/null"}, {}, 2),
    "a key that is no text": ({"SOURCES__WEATHER__API_KEY": "k\ney é \udcff"}, {}, 2),
}  # fmt: skip


def settings(round_: Round) -> None:
    """Settings that cannot work, given to the command line: one sentence, the documented exit code, no traceback."""
    every = round_.world.long
    chosen = list(MISTAKES) if every else round_.random.sample(list(MISTAKES), 4)
    # two at a time: each is mostly the start of an interpreter
    with ThreadPoolExecutor(2) as pool:
        for problem in pool.map(lambda name: _make(round_, name), chosen):
            round_.found.expected += 1
            if problem is None:
                round_.found.found += 1
            else:
                round_.found.problems.append(problem)
    round_.found.note("mistakes", len(chosen))


def _make(round_: Round, name: str) -> str | None:
    """Make a mistake and return what is wrong with the answer to it, if anything."""
    environment, written, code = MISTAKES[name]
    folder = round_.folder / name.replace(" ", "-")
    (folder / ".dlt").mkdir(parents=True)
    for file, text in written.items():
        (folder / ".dlt" / file).write_bytes(text.encode("utf-8", "surrogateescape"))
    given = {"DLT_DATA_DIR": str(folder / "dlt"), "DESTINATION__DUCKDB__CREDENTIALS": str(folder / "x.duckdb")}
    finished = finish(start("load", api=round_.world.api, folder=folder, **(given | environment)))
    if finished.code == code and "Error: " in finished.err and "Traceback" not in finished.said:
        return None
    tail = "\n      ".join(finished.said.strip().splitlines()[-6:])
    return f"{name}: exit code {finished.code}, not {code}, or no sentence:\n      {tail}"

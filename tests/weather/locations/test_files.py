"""Files of locations: every kind says the same, and a bad line is told with its number."""

from __future__ import annotations

import gzip
from datetime import datetime, timezone

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.locations.files import read_locations
from dlt_sources.weather.locations.parsing import LONGEST_NAME, InvalidLocation

NOW = datetime(2026, 5, 20, 12, 20, tzinfo=timezone.utc)
BOM = "\ufeff"

CSV = "name,lat,lon,query,location_id\n"


def csv_file(folder, text, encoding="utf-8"):
    path = folder / "places.csv"
    path.write_bytes(text.encode(encoding))
    return path


def jsonl_file(folder, *rows):
    path = folder / "places.jsonl"
    path.write_bytes(b"\n".join(row if isinstance(row, bytes) else orjson.dumps(row) for row in rows))
    return path


def parquet_file(folder, rows):
    path = folder / "places.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def gzipped(path):
    compressed = path.with_name(f"{path.name}.gz")
    compressed.write_bytes(gzip.compress(path.read_bytes()))
    return compressed


THREE = [
    {"name": "Home", "lat": 40.4, "lon": -3.7},
    {"name": "Office", "query": "Oslo,NO"},
    {"name": "Farm", "query": "zip:0150,NO", "location_id": "farm-1"},
]


def files_of_three(folder):
    csv = CSV + 'Home,40.4,-3.7,,\nOffice,,,"Oslo,NO",\nFarm,,,"zip:0150,NO",farm-1\n'
    return {
        "csv": csv_file(folder, csv),
        "jsonl": jsonl_file(folder, *THREE),
        "parquet": parquet_file(
            folder, [{"lat": None, "lon": None, "query": None, "location_id": None} | r for r in THREE]
        ),
        "csv.gz": gzipped(csv_file(folder, csv)),
        "jsonl.gz": gzipped(jsonl_file(folder, *THREE)),
    }


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "csv.gz", "jsonl.gz"])
def test_every_kind_of_file_says_the_same(tmp_path, ending):
    found = list(read_locations(files_of_three(tmp_path)[ending]))
    assert [(p.location_id, p.kind, p.name, p.lat) for p in found] == [
        ("40.4000,-3.7000", "coordinates", "Home", 40.4),
        ("oslo,no", "direct", "Office", None),
        ("farm-1", "zip", "Farm", None),
    ]


def test_a_name_alone_is_looked_up_by_itself(tmp_path):
    (place,) = read_locations(jsonl_file(tmp_path, {"name": "Oslo"}))
    assert (place.kind, place.query, place.location_id) == ("direct", "Oslo", "oslo")


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".jsonl", ".ndjson"])
def test_the_ending_says_what_a_file_is(tmp_path, suffix):
    path = tmp_path / f"places{suffix}"
    path.write_text("query\nOslo\n" if "csv" in suffix.lower() else '{"query": "Oslo"}\n')
    assert [place.location_id for place in read_locations(path)] == ["oslo"]


def test_a_csv_file_may_begin_with_a_byte_order_mark(tmp_path):
    (place,) = read_locations(csv_file(tmp_path, BOM + "lat,lon\n1,2\n"))
    assert (place.lat, place.lon) == (1.0, 2.0)


def test_a_jsonl_file_may_begin_with_a_byte_order_mark(tmp_path):
    (place,) = read_locations(jsonl_file(tmp_path, BOM.encode() + b'{"lat": 1, "lon": 2}'))
    assert (place.lat, place.lon) == (1.0, 2.0)


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["Unix", "Windows"])
def test_line_ends_of_either_kind_are_read(tmp_path, newline):
    found = read_locations(csv_file(tmp_path, newline.join(["lat,lon", "1,2", "3,4", ""])))
    assert [place.lat for place in found] == [1.0, 3.0]


def test_blank_lines_of_a_jsonl_file_say_nothing(tmp_path):
    assert len(list(read_locations(jsonl_file(tmp_path, b"", {"query": "Oslo"}, b"  ", {"query": "Rome"}, b"")))) == 2


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("A,91,0,,", id="latitude 91"),
        pytest.param("A,0,181,,", id="longitude 181"),
        pytest.param("A,nan,0,,", id="latitude nan"),
        pytest.param("A,1e999,0,,", id="latitude beyond floats"),
        pytest.param("A,north,0,,", id="latitude in words"),
        pytest.param("A,1,,,", id="latitude without longitude"),
        pytest.param("A,,1,,", id="longitude without latitude"),
        pytest.param(",,,,", id="nothing"),
        pytest.param("," * 20, id="too many cells"),
        pytest.param("x" * 10_000 + ",1,1,,", id="name of 10,000 characters"),
        pytest.param("A,1,1,," + "x" * 10_000, id="location_id of 10,000 characters"),
        pytest.param(",,,id:x,", id="id that is no number"),
    ],
)
def test_a_bad_line_of_a_csv_file_is_told_with_its_number_and_the_rest_is_read(tmp_path, line):
    first, bad, last = read_locations(csv_file(tmp_path, f"{CSV}A,1,2,,\n{line}\nB,3,4,,\n"))
    assert (first.lat, last.lat) == (1.0, 3.0)
    assert isinstance(bad, InvalidLocation)
    assert bad.position == "places.csv line 3"
    assert bad.message
    assert len(bad.text) <= LONGEST_NAME


def test_a_cell_of_several_lines_does_not_confuse_the_line_numbers(tmp_path):
    first, bad = read_locations(csv_file(tmp_path, 'name,lat,lon\n"two\nlines",1,2\nA,95,0\n'))
    assert first.name == "two\nlines"
    assert bad.position == "places.csv line 4"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"Madrid,ES", id="no JSON"),
        pytest.param(b'"Madrid,ES"', id="a text"),
        pytest.param(b"[40.4, -3.7]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"7", id="a number"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b'{"lat": 1}', id="no longitude"),
        pytest.param(b'{"lat": [], "lon": {}}', id="coordinates of the wrong type"),
        pytest.param(b'{"lat": true, "lon": false}', id="coordinates true and false"),
        pytest.param(b'{"lat": 1e300, "lon": 0}', id="latitude 1e300"),
        pytest.param(b'{"query": "a\\u0000b"}', id="an escaped NUL"),
        pytest.param(b'{"name": "a\\u0000b", "lat": 1, "lon": 1}', id="a NUL in the name"),
        pytest.param(b"a\x00b", id="a NUL"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b'{"query": "%s"}' % (b"x" * 10_000), id="10,000 characters"),
    ],
)
def test_a_bad_line_of_a_jsonl_file_is_told_with_its_number_and_the_rest_is_read(tmp_path, line):
    first, bad, last = read_locations(jsonl_file(tmp_path, {"query": "Oslo"}, line, {"query": "Rome"}))
    assert (first.query, last.query) == ("Oslo", "Rome")
    assert isinstance(bad, InvalidLocation)
    assert bad.position == "places.jsonl line 2"
    assert bad.message
    assert "\x00" not in bad.text + bad.message
    assert len(bad.text) <= LONGEST_NAME


def test_a_bad_row_of_a_parquet_file_is_told_with_its_number(tmp_path):
    rows = [
        {"lat": 1.0, "lon": 2.0},
        {"lat": float("nan"), "lon": 2.0},
        {"lat": None, "lon": None},
        {"lat": 3, "lon": 4},
    ]
    found = list(read_locations(parquet_file(tmp_path, rows)))
    assert [place.position for place in found if isinstance(place, InvalidLocation)] == [
        "places.parquet line 2",
        "places.parquet line 3",
    ]
    assert len(found) == 4


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("places.xlsx", b"", id="unknown ending"),
        pytest.param("places", b"", id="no ending"),
        pytest.param("places.csv", b"", id="empty CSV"),
        pytest.param("places.csv", b"Madrid,40.4,-3.7\n", id="CSV without a header"),
        pytest.param("places.csv", b"name,lat\nA,1\n", id="CSV without longitude"),
        pytest.param("places.csv", b"query\nOslo\n\xff\xfe\x00\x01\n", id="no text"),
        pytest.param("places.csv", "query\nOslo\n".encode("utf-16")[:-1], id="broken UTF-16"),
        pytest.param("places.parquet", b"PAR1", id="broken Parquet"),
        pytest.param("places.parquet.gz", gzip.compress(b"PAR1"), id="gzipped Parquet"),
        pytest.param("places.csv.gz", b"query\nOslo\n", id="not gzipped"),
        pytest.param("places.csv.gz", gzip.compress(b"query\nOslo\n" * 99)[:-12], id="broken gzip"),
        pytest.param("places.geojson.gz", gzip.compress(b"[]"), id="gzipped JSON that is no GeoJSON"),
    ],
)
def test_a_file_that_is_no_list_of_places_stops_with_its_name(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=name):
        list(read_locations(path))


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_file_that_is_not_there_stops_with_its_name(tmp_path, ending):
    with pytest.raises(ConfigurationError, match=f"nowhere.{ending}"):
        list(read_locations(tmp_path / f"nowhere.{ending}"))


def test_a_large_file_is_read_row_by_row(tmp_path):
    places = read_locations(csv_file(tmp_path, "lat,lon\n" + "1,2\n" * 20_000))
    assert next(iter(places)).lat == 1.0


TABLE = [["name", "lat", "lon", "query"], ["Málaga", "36.7", "-4.4", ""], ["Office", "", "", "Oslo, NO"]]


def written(delimiter: str, *, blank: str = "", decimal: str = ".") -> str:
    """The table as a spreadsheet writes it: what has the delimiter in it, in quotes."""
    rows = [[cell.replace(".", decimal) for cell in row] for row in TABLE]
    return "".join(
        (delimiter + blank).join(f'"{cell}"' if delimiter in cell else cell for cell in row) + "\r\n" for row in rows
    )


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        pytest.param(written(";", decimal=","), "utf-8", id="semicolons, decimal commas"),
        pytest.param(written(";", decimal=","), "cp1252", id="semicolons, Windows-1252"),
        pytest.param(written("\t"), "utf-16", id="tabs, UTF-16"),
        pytest.param(written("\t", decimal=","), "utf-16-le", id="tabs, UTF-16 without a mark"),
        pytest.param(written(",", blank=" "), "utf-8", id="blanks after commas"),
        pytest.param(written(",", decimal=","), "utf-8-sig", id="decimal commas in quotes"),
        pytest.param(written(",").replace("lat,lon", "Latitude,LONGITUDE"), "utf-8", id="longer names"),
        pytest.param(written("|").replace("lat|lon", " Lat | Lng "), "utf-8", id="bars, blanks around names"),
    ],
)
def test_a_csv_file_is_read_as_any_spreadsheet_writes_it(tmp_path, text, encoding):
    home, office = read_locations(csv_file(tmp_path, text, encoding))
    assert (home.name, home.lat, home.lon) == ("Málaga", 36.7, -4.4)
    assert office.location_id == "oslo,no"


def test_a_file_that_is_read_as_windows_1252_says_so_with_its_words(tmp_path, caplog):
    list(read_locations(csv_file(tmp_path, "query\nLondon\nMálaga\n", "cp1252")))
    assert "places.csv is not UTF-8; it is read as Windows-1252, with lines such as 'Málaga'" in caplog.text


def test_json_lines_may_be_utf_16(tmp_path):
    path = tmp_path / "places.jsonl"
    path.write_text('{"query": "Málaga"}\n{"Latitude": 1, "LON": "2,5"}\n', encoding="utf-16")
    named, point = read_locations(path)
    assert (named.query, point.lat, point.lon) == ("Málaga", 1.0, 2.5)


def test_a_file_of_one_column_needs_no_quotes(tmp_path):
    found = read_locations(csv_file(tmp_path, 'query\nOslo,NO\n"Rome,IT"\nParis\n'))
    assert [place.location_id for place in found] == ["oslo,no", "rome,it", "paris"]


def test_decimal_commas_without_quotes_do_not_become_another_place(tmp_path):
    bad, good = read_locations(csv_file(tmp_path, "name,lat,lon\nHome,40,4,-3,7\nFarm,1.5,2.5,,\n"))
    assert "it has 5 cells, but the first line names 3 columns" in bad.message
    assert bad.text == "Home,40,4,-3,7"
    assert good.lat == 1.5


def test_a_refused_file_says_what_its_first_line_reads(tmp_path):
    with pytest.raises(ConfigurationError, match="columns lat and lon, or query; it reads 'town,country'"):
        list(read_locations(csv_file(tmp_path, "town,country\nOslo,NO\n")))


def test_ids_of_files_that_were_always_read_stay(tmp_path):
    text = 'name,lat,lon,query,location_id\n Home , 40.40001,-3.7,,\n,,," Oslo , NO",\n,1,2,, own 1 \n'
    found = read_locations(csv_file(tmp_path, text))
    assert [place.location_id for place in found] == ["40.4000,-3.7000", "oslo,no", " own 1 "]


def geojson_file(folder, data):
    path = folder / "places.geojson"
    path.write_bytes(data if isinstance(data, bytes) else orjson.dumps(data))
    return path


def feature(coordinates, properties=None, kind="Point"):
    geometry = None if coordinates is None else {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def test_the_code_of_a_country_is_kept_and_its_name_is_not(tmp_path):
    rows = [{"lat": 1, "lon": 2, "country": country} for country in ("es", "Spain", "", None, 34, "x" * 300)]
    assert [place.country for place in read_locations(jsonl_file(tmp_path, *rows))] == ["ES", *[None] * 5]


def test_points_of_geojson_are_places(tmp_path):
    features = [
        feature([-3.7, 40.4], {"NAME": "Home", "location_id": "home", "lat": 1, "color": "#fff"}),
        feature([10.75, 59.91, 12.0]),
        feature(None, {"name": "Office", "query": "Oslo,NO"}),
    ]
    path = geojson_file(tmp_path, BOM.encode() + orjson.dumps({"type": "FeatureCollection", "features": features}))
    assert [(p.location_id, p.kind, p.name, p.lat, p.lon) for p in read_locations(path)] == [
        ("home", "coordinates", "Home", 40.4, -3.7),
        ("59.9100,10.7500", "coordinates", None, 59.91, 10.75),
        ("oslo,no", "direct", "Office", None, None),
    ]
    (alone,) = read_locations(geojson_file(tmp_path, features[0]))
    assert alone.location_id == "home"


def test_a_feature_that_is_no_point_is_told_with_its_number(tmp_path):
    features = [
        feature([[1, 2], [3, 4]], {"name": "River"}, "LineString"),
        feature([1]),
        feature(["x", 1]),
        feature([440000, 4480000]),
        "text",
        feature([1, 2], "text"),
        feature(None),
        {"type": "Feature", "geometry": "text"},
    ]
    path = geojson_file(tmp_path, {"type": "FeatureCollection", "features": features})
    found = list(read_locations(path))
    assert all(isinstance(entry, InvalidLocation) for entry in found)
    assert found[0].position == "places.geojson feature 1"
    assert found[0].message == "its geometry is a LineString, not a Point"
    assert "River" in found[0].text
    assert [entry.message for entry in found[1:]] == [
        "its Point has no longitude and latitude",
        "lon is 'x', not a number",
        "latitude 4.48e+06 is not within -90..90",
        "it is no Feature",
        "its properties are no object",
        "it is empty",
        "its geometry is a None, not a Point",
    ]


@pytest.mark.parametrize("data", [b"{", b"", b"[]", {"type": "Topology"}, {"type": "FeatureCollection"}])
def test_a_file_that_is_no_geojson_is_a_sentence(tmp_path, data):
    with pytest.raises(ConfigurationError, match=r"places\.geojson cannot be read: it is no (JSON|GeoJSON)"):
        list(read_locations(geojson_file(tmp_path, data)))

"""The archive: what leaves the database is there first, once, and readable together with the tables."""

import errno
import re
from io import BytesIO
from pathlib import Path

import duckdb as duckdb_library
import pyarrow.parquet as pq
import pytest

from dlt_sources.weather.common.errors import ConfigurationError, DestinationError
from dlt_sources.weather.pipeline.replay import replay
from dlt_sources.weather.retention.archive import Archive
from tests.docs.pages import PAGES
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.support import count, load_accounted, query
from tests.weather.destination.published.dataset import insert
from tests.weather.retention.rows import DAY, HOUR, NOW, dataset, forecasts, hours, pruned

OLD = NOW.replace(hour=0, minute=0) - 40 * DAY
KEY = ("location_id", "dt", "issued_at")


def archived(table="forecast"):
    """The keys of all archived rows, with the load that wrote each, as often as they are there."""
    rows = []
    for path in sorted(Path("archive").rglob(f"{table}/*/*.parquet")):
        rows += pq.read_table(path).select([*KEY, "_dlt_load_id"]).to_pylist()
    return sorted(tuple(row.values()) for row in rows)


def live(target):
    return sorted(query(target, f"SELECT {', '.join(KEY)}, _dlt_load_id FROM forecast"))


def test_what_goes_is_archived_by_table_and_month_and_nothing_else_is(target):
    dataset(
        target,
        forecast=forecasts(*hours(OLD, 24 * 30, 5), *hours(OLD, 12)),
        weather_raw=[
            {"location_id": "a", "endpoint": "forecast", "fetched_at": OLD - 100 * DAY, "body": '{"list": []}'}
        ],
    )
    before = live(target)
    report = pruned(target, archive="archive")
    assert report.error is None
    assert [one.archived for one in report.pruned] == [one.rows for one in report.pruned]
    assert sorted(archived() + live(target)) == before
    assert {path.parent.as_posix() for path in Path("archive").rglob("*.parquet")} == {
        "archive/bronze/forecast/2026-04",
        "archive/bronze/forecast/2026-05",
        "archive/bronze/weather_raw/2025-12",
    }
    assert not list(Path("archive").rglob("*.partial"))
    (raw,) = Path("archive").rglob("weather_raw/*/*.parquet")
    assert pq.read_table(raw)["body"].to_pylist() == ['{"list": []}']
    assert SENTINEL_KEY not in str(pq.read_metadata(raw).metadata) + str(pq.read_schema(raw).metadata)


def test_the_documented_query_reads_archive_and_table_as_one_whatever_a_kill_left(duckdb, monkeypatch):
    dataset(duckdb, forecast=forecasts(*hours(OLD, 48)))
    before = live(duckdb)

    class KilledError(BaseException):
        pass

    def kill(*_):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr("dlt_sources.weather.retention.stores.duckdb_store.DuckDBStore.delete", kill)
        with pytest.raises(KilledError):
            pruned(duckdb, archive="archive")
    assert (live(duckdb), len(archived()) > 0) == (before, True)
    # a load that was late changes a row that is archived already, and brings one that is not
    newer = before[-1][:3]
    query(
        duckdb, "UPDATE bronze.forecast SET _dlt_load_id = '9', temp = 99 WHERE dt = %s AND issued_at = %s", *newer[1:]
    )
    insert(duckdb, "forecast", *forecasts(OLD + 2 * HOUR, location="oslo,no"))
    pruned(duckdb, archive="archive")
    (text,) = [
        block for block in re.findall(r"```sql\n(.*?)```", PAGES["docs/operations.md"], re.DOTALL) if "parquet" in block
    ]
    with duckdb_library.connect() as connection:
        rows = _rows(connection, text)
    assert len(rows) == len(before) + 2
    assert len({tuple(row[name] for name in KEY) for row in rows}) == len(rows), "none is there twice"
    assert [row["temp"] for row in rows if tuple(row[name] for name in KEY) == newer] == [99]


def _rows(connection, text):
    *first, last = [one for one in text.split(";") if one.strip()]
    for statement in first:
        connection.execute(statement)
    return connection.execute(last).to_arrow_table().to_pylist()


def test_not_one_row_is_deleted_before_the_archive_is_seen_to_hold_it(target, monkeypatch):
    dataset(target, forecast=forecasts(*hours(OLD, 24)))
    put = Archive._put

    def lose_a_row(self, path, buffer):
        kept = BytesIO()
        pq.write_table(pq.read_table(buffer).slice(1), kept)
        put(self, path, kept)

    monkeypatch.setattr(Archive, "_put", lose_a_row)
    with pytest.raises(DestinationError, match="does not hold what was written"):
        pruned(target, archive="archive")
    assert count(target, "forecast") == 48


def test_an_archive_that_cannot_be_written_is_told_in_a_sentence(duckdb):
    dataset(duckdb, forecast=forecasts(*hours(OLD, 24)))
    Path("archive").write_text("a file in its place")
    with pytest.raises(DestinationError, match=r"archive .*archive.* cannot be written"):
        pruned(duckdb, archive="archive")
    assert count(duckdb, "forecast") == 48


def test_a_full_disk_keeps_no_part_of_a_file(duckdb, monkeypatch):
    dataset(duckdb, forecast=forecasts(*hours(OLD, 24)))

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("dlt_sources.weather.retention.archive.os.fsync", full)
    with pytest.raises(DestinationError, match="No space left on device"):
        pruned(duckdb, archive="archive")
    assert count(duckdb, "forecast") == 48
    assert not [path for path in Path("archive").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ftp://user:hidden@host/folder", "holds a user name, a password"),
        ("s3://bucket/folder?secret=hidden", "holds a user name, a password or a query"),
        ("abfss://container@account.dfs.core.windows.net/folder", "package is missing|cannot be opened"),
        ("nowhere://folder", "cannot be opened"),
        ("s3://bucket/folder", "package is missing|cannot be opened"),
    ],
)
def test_an_address_that_cannot_work_is_refused_before_anything_is_read(address, said):
    with pytest.raises(ConfigurationError, match=said) as raised:
        Archive(address, "bronze")
    assert "hidden" not in str(raised.value)


def test_answers_are_read_back_in_the_order_in_which_they_came(duckdb):
    answers = [
        {"location_id": "a", "endpoint": name, "fetched_at": OLD - DAY * days, "body": str(days), "units": "metric"}
        for days in (100, 150, 200)
        for name in ("forecast", "current_weather")
    ]
    dataset(duckdb, weather_raw=answers)
    pruned(duckdb, archive="archive")
    assert count(duckdb, "weather_raw") == 0
    pages = Archive("archive", "bronze").answers("forecast")
    assert [row["body"] for page in pages for row in page.to_pylist()] == ["200", "150", "100"]


@pytest.mark.slow
def test_a_replay_reads_the_archived_answers_and_those_of_the_table(duckdb, settings, clock):
    resources = ["locations", "current_weather", "forecast"]
    load_accounted(duckdb, settings(resources=resources), clock)
    rows = {table: count(duckdb, table) for table in ("current_weather", "forecast")}
    clock.pass_time(minutes=100 * 24 * 60)
    load_accounted(duckdb, settings(resources=resources), clock)
    pruned(duckdb, archive="archive", now=clock())
    assert count(duckdb, "weather_raw") == 4, "the older answers are in the archive"
    query(duckdb, "DELETE FROM bronze.current_weather")
    query(duckdb, "DELETE FROM bronze.forecast")
    chosen = settings()
    with pytest.raises(ConfigurationError, match="no archive to replay"):
        replay(duckdb, chosen, ["forecast"], archived=True)
    chosen.retention.archive = "archive"
    report = replay(duckdb, chosen, ["current_weather", "forecast"], archived=True)
    assert report.error is None
    assert {table: count(duckdb, table) for table in rows} == {table: 2 * number for table, number in rows.items()}


@pytest.mark.slow
@pytest.mark.process
def test_a_bucket_holds_the_archive_with_the_credentials_of_dlts_filesystem(duckdb, monkeypatch):
    moto = pytest.importorskip("moto.server", reason='uv run --with "moto[server]" --with "s3fs" pytest -m slow')
    pytest.importorskip("s3fs")
    import boto3  # noqa: PLC0415

    server = moto.ThreadedMotoServer(port=0)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        secret = "sentinel-of-the-bucket"
        given = {"aws_access_key_id": "someone", "aws_secret_access_key": secret, "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=url, **given).create_bucket(Bucket="weather")
        for name, value in (given | {"endpoint_url": url}).items():
            monkeypatch.setenv(f"DESTINATION__FILESYSTEM__CREDENTIALS__{name.upper()}", value)
        dataset(duckdb, forecast=forecasts(*hours(OLD, 24)))
        report = pruned(duckdb, archive="s3://weather/kept")
        assert (report.error, report.rows) == (None, 40)
        found = boto3.client("s3", endpoint_url=url, **given).list_objects_v2(Bucket="weather")["Contents"]
        assert {one["Key"].rpartition("/")[0] for one in found} == {"kept/bronze/forecast/2026-04"}
        assert secret not in repr(report)
    finally:
        server.stop()

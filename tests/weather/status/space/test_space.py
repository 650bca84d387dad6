"""Space on disk: sizes of tables, growth by the sizes that loads noted, free space, and the date when it ends."""

from collections import namedtuple
from datetime import datetime, timedelta, timezone

import pytest

from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.status.space import reading
from dlt_sources.weather.status.space.model import DATABASE, WORKING_DIRECTORY, Space, Volume, describe_space
from dlt_sources.weather.status.space.reading import read_space

NOW = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
Usage = namedtuple("Usage", "total used free")


def of(free, total=100 * 10**9, growth=None, name=DATABASE):
    return Space(database=10**9, growth=growth, volumes=(Volume(name, total, free),))


def test_a_volume_warns_below_20_percent_and_not_before():
    assert of(20 * 10**9).shortages(NOW) == []
    (sentence,) = of(19 * 10**9, name=WORKING_DIRECTORY).shortages(NOW)
    assert sentence == "The volume of the working directories has 19.0 GB of 100.0 GB free (19%)."


def test_it_warns_14_days_before_it_is_full_with_the_date():
    assert of(50 * 10**9, growth=3 * 10**9).shortages(NOW) == []
    (sentence,) = of(50 * 10**9, growth=5 * 10**9).shortages(NOW)
    assert sentence == ("The database grows by 5.0 GB a day: at this rate its volume is full on 2026-12-07.")


@pytest.mark.parametrize("growth", [None, 0, -5.0, 1e-9])
def test_what_does_not_grow_is_never_full(growth):
    assert of(50 * 10**9, growth=growth).full_at(NOW) is None


def test_one_disk_is_told_once():
    disk, other = ([Volume(name, 10**9, 10**8, device) for name in (DATABASE, WORKING_DIRECTORY)] for device in (1, 2))
    both = Space(database=10**6, volumes=tuple(disk))
    assert len(both.shortages(NOW)) == 1
    assert len(Space(volumes=(disk[0], other[1])).shortages(NOW)) == 2, "of the same size"
    assert describe_space(both, NOW) == ["The database takes 1.0 MB; its volume has 100.0 MB of 1.0 GB free (10%)."]


@pytest.mark.db
def test_sizes_growth_and_free_space_are_read(target, monkeypatch):
    monkeypatch.setattr(reading.shutil, "disk_usage", lambda _: Usage(1000 * 10**9, 850 * 10**9, 150 * 10**9))
    settings = load_settings()
    with target.connection() as client:
        client.create_dataset()
        name = client.make_qualified_table_name("load_runs")
        client.execute_sql(f"CREATE TABLE {name} (database_bytes bigint, started_at timestamp with time zone)")
        client.execute_sql(f"INSERT INTO {name} SELECT NULL, '2026-11-01 00:00:00+00' FROM generate_series(1, 30000)")
    with target.reader() as reader:
        found = read_space(target, reader, settings, NOW)
        assert found.growth is None
        assert found.tables["load_runs"] > 10_000
        assert found.database >= found.tables["load_runs"]
        assert [one.free for one in found.volumes] == [150 * 10**9] * 2
    with target.connection() as client:
        for size, days in ((10**3, 20), (found.database - 10**8, 10), (10**9, 1)):
            client.execute_sql(f"INSERT INTO {name} VALUES (%s, %s)", size, NOW - timedelta(days=days))
    with target.reader() as reader:
        later = read_space(target, reader, settings, NOW)
        assert later.growth == pytest.approx(10**7, rel=0.1), "of the last 14 days"
        # 150 GB at 10 MB a day
        assert later.full_at(NOW) > NOW + timedelta(days=9000)


@pytest.mark.db
def test_the_volume_of_a_server_elsewhere_is_a_setting(postgres):
    with postgres.connection() as client:
        client.create_dataset()
    with postgres.reader() as reader:
        found = read_space(postgres, reader, load_settings(volume_gib=2.0), NOW)
    volume = next(one for one in found.volumes if one.name == DATABASE)
    assert volume.total == 2 * 1024**3
    # the write-ahead log may take 1 GB by default
    assert 0 < volume.free < 1024**3


@pytest.mark.db
def test_a_server_that_measures_its_volume_is_believed_rather_than_the_setting(postgres):
    with postgres.connection() as client:
        client.create_dataset()
        client.execute_sql("CREATE SCHEMA upkeep")
        client.execute_sql(
            "CREATE TABLE upkeep.volume (measured_at timestamptz, total_bytes bigint, free_bytes bigint)"
        )
        client.execute_sql("INSERT INTO upkeep.volume VALUES (%s, 1000, 400)", NOW - timedelta(minutes=6))
    with postgres.reader() as reader:
        found = read_space(postgres, reader, load_settings(volume_gib=2.0), NOW)
        old = read_space(postgres, reader, load_settings(volume_gib=2.0), NOW + timedelta(hours=1))
    assert next(one for one in found.volumes if one.name == DATABASE) == Volume(DATABASE, 1000, 400)
    assert next(one for one in old.volumes if one.name == DATABASE).total == 2 * 1024**3

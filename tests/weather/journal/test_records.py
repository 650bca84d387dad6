"""Files of checksummed records: what is read of them after a kill, a power loss or a fault of the disk."""

import os
import random

import pytest

from dlt_sources.weather.journal.records import Gap, RecordWriter, read_records

PAYLOADS = [b"small", b"", b"large " * 5_000, os.urandom(5_000), b"last"]


@pytest.fixture
def file(tmp_path):
    writer = RecordWriter(tmp_path / "journal" / "1.journal")
    for payload in PAYLOADS:
        writer.append(payload)
    writer.close()
    return tmp_path / "journal" / "1.journal"


def test_records_are_read_as_they_were_written(file):
    assert list(read_records(file)) == PAYLOADS
    assert file.stat().st_size < sum(map(len, PAYLOADS)), "large records are compressed"


def test_a_record_is_in_the_file_once_it_is_appended(tmp_path):
    writer = RecordWriter(tmp_path / "1.journal")
    writer.append(b"first")
    assert list(read_records(tmp_path / "1.journal")) == [b"first"]
    writer.close()


def test_an_empty_file_has_no_records(tmp_path):
    RecordWriter(tmp_path / "1.journal").close()
    assert list(read_records(tmp_path / "1.journal")) == []


@pytest.mark.parametrize("lost", [1, 3, 10, 19])
def test_a_record_that_is_cut_short_is_a_gap_at_the_end(file, lost):
    whole = file.read_bytes()
    file.write_bytes(whole[:-lost])
    *records, gap = read_records(file)
    assert records == PAYLOADS[:-1]
    assert gap == Gap(len(whole) - 20, len(whole) - lost, is_torn=True)


def test_zeros_that_a_power_loss_leaves_are_a_gap_at_the_end(file):
    size = file.stat().st_size
    with file.open("ab") as end:
        end.write(bytes(4096))
    assert list(read_records(file)) == [*PAYLOADS, Gap(size, size + 4096, is_torn=True)]


def test_whatever_byte_is_damaged_all_other_records_are_read(file):
    whole = file.read_bytes()
    random.seed(5)
    # every byte of the first two records, and some of the others
    for position in [*range(40), *random.sample(range(40, len(whole)), 60)]:
        damaged = bytearray(whole)
        damaged[position] ^= 0x55
        file.write_bytes(damaged)
        found = list(read_records(file))
        gaps = [record for record in found if isinstance(record, Gap)]
        assert len(found) - len(gaps) == len(PAYLOADS) - 1, position
        assert len(gaps) == 1
        assert gaps[0].start <= position < gaps[0].end


def test_after_a_write_that_fails_nothing_more_is_appended(tmp_path, monkeypatch):
    writer = RecordWriter(tmp_path / "1.journal")
    writer.append(b"first")
    write = os.write
    with monkeypatch.context() as patch:
        # a disk that fills up takes a part
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:5]))
        with pytest.raises(OSError, match="No space left"):
            writer.append(b"second")
    with pytest.raises(OSError, match="No space left"):
        writer.append(b"third")
    writer.close()
    assert list(read_records(tmp_path / "1.journal")) == [b"first", Gap(21, 26, is_torn=True)]


def test_records_reach_the_disk_though_nobody_closes_the_file(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("dlt_sources.weather.journal.records.SECONDS_BETWEEN_SYNCS", 0.001)
    monkeypatch.setattr(os, "fsync", synced.append)
    writer = RecordWriter(tmp_path / "1.journal")
    writer.append(b"first")
    for _ in range(1000):
        if synced:
            break
        writer._closing.wait(0.005)
    assert len(synced) == 1, "and only if there is something new"
    writer.close()

"""Copies of backups: what backup.sh does with a bucket, with stand-ins for PostgreSQL's programs and rclone."""

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

SCRIPT = Path(__file__).parents[3] / "infra/modules/postgres/scripts/backup.sh"
PROGRAMS = {
    # counts tables, and keeps what is recorded
    "psql": 'if [[ " $* " == *" --command="* ]]; then echo 1; else { echo "$*"; cat; } >>"$STATE/recorded"; fi',
    "pg_dump": 'for option in "$@"; do case $option in --file=*) echo rows >"${option#--file=}";; esac; done',
    "pg_restore": "true",
    "rclone": """echo "$*" >>"$STATE/copied"
[ -e "$STATE/bucket" ] && exit
printf '2026/11/27 02:23:09 ERROR : Attempt 3/3 failed with 1 errors and: "NoSuchBucket"\\n\\tstatus\\n' >&2
exit 1""",
}


@pytest.fixture
def back_up(tmp_path):
    """Return a function that runs backup.sh in a folder with the stand-ins, and returns its exit code."""
    (tmp_path / "backups").mkdir()
    for name, body in PROGRAMS.items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (tmp_path / name).chmod(0o755)

    def run(**environment):
        settings = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "STATE": str(tmp_path), "BACKUP_PASSWORD": "copies"}
        settings |= {"BACKUPS": str(tmp_path / "backups"), "RCLONE": str(tmp_path / "rclone")}
        return subprocess.run(["bash", SCRIPT], env=settings | environment, capture_output=True, check=False).returncode

    return run


def test_without_a_bucket_nothing_is_copied(back_up, tmp_path):
    assert back_up() == 0
    assert not (tmp_path / "copied").exists()
    assert "copied_at = NULL, copy_error = NULL, copy_due_by = NULL" in (tmp_path / "recorded").read_text()


def test_each_good_dump_is_copied_with_its_checksum(back_up, tmp_path):
    (tmp_path / "bucket").touch()
    assert back_up(COPIES="copies:bucket/weather") == 0
    copied = (tmp_path / "copied").read_text()
    dumps = [path.name for path in (tmp_path / "backups").glob("*.dump")]
    assert len(dumps) == 2
    for dump in dumps:
        assert f"copy . copies:bucket/weather --include=/{dump} --include=/{dump}.sha256" in copied
    assert (tmp_path / "recorded").read_text().count("copied_at = now(), copy_error = NULL, copy_due_by = NULL") == 2


def test_a_copy_that_fails_is_told_and_leaves_the_dump_good(back_up, tmp_path):
    assert back_up(COPIES="copies:bucket/weather") == 4
    recorded = (tmp_path / "recorded").read_text()
    assert recorded.count("cause=Attempt 3/3 failed with 1 errors and: NoSuchBucket") == 2
    assert recorded.count("last_good_at = now()") == 2
    assert "copied_at = now()" not in recorded
    assert len(list((tmp_path / "backups").glob("*.dump.sha256"))) == 2

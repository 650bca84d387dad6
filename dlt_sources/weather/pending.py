"""Load packages that a killed or failed run left behind: they are loaded before anything new, and never dropped.

They are loaded anew from their files, as packages of their own, rather than resumed: dlt would run a half-done job
again over what it had staged already, and the merge would see every row twice. Loading them again is safe, because
every table is merged by key. A package that the destination refuses again and again is set aside with its files, so
that it does not hold up the hours after it.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.extract import DltResource, DltSource

from dlt_sources.weather.connection import is_down
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.errors import RowsRefusedError, reason
from dlt_sources.weather.items import as_table
from dlt_sources.weather.packages import failures_sorted
from dlt_sources.weather.target import Target

logger = logging.getLogger(__name__)
TRIES = 3
ASIDE = "set_aside"
AGAIN = "loading_again"
ROWS_AT_A_TIME = 50_000
# dlt's formats for rows; it keeps its merge statements in files too
ROW_FORMATS = {"parquet", "jsonl", "typed-jsonl", "csv", "insert_values"}
LoadPackage = Callable[[dlt.Pipeline, DltSource], object]


def finish_pending(target: Target, load_package: LoadPackage) -> int:
    """Load what earlier runs left in the target's working directories; the caller holds the writer's lock.

    Args:
        target: where the packages belong.
        load_package: extracts and loads a source, raising DestinationError.

    Returns:
        How many runs left something that is loaded now.

    Raises:
        DestinationError: the destination is down, or a disk is full; everything is kept.
    """
    finished = 0
    directories = [path for path in target.root.iterdir() if path.is_dir() and path.name not in (ASIDE, AGAIN)]
    for directory in sorted(directories):
        try:
            finished += _finish(target, directory, load_package)
        except Exception as error:
            # whatever is wrong with one old package must not stop new loads; a destination that is down, or a full
            # disk, is wrong with no package
            if not isinstance(error, RowsRefusedError) and is_down(error):
                raise
            _refused_again(target, directory, error)
        else:
            shutil.rmtree(directory)
    return finished


def _finish(target: Target, directory: Path, load_package: LoadPackage) -> int:
    left_behind = target.pipeline(directory)
    if left_behind.list_extracted_load_packages():
        with failures_sorted():
            left_behind.normalize()
    load_ids = list(_load_ids(left_behind))
    if not load_ids:
        return 0
    logger.info("Finishing the load that run %s left behind", directory.name)
    if any(_files(left_behind, load_id, ROW_FORMATS - {"parquet"}) for load_id in load_ids):
        # a destination that takes no parquet; only dlt can read what it wrote for it
        with failures_sorted():
            left_behind.load()
        return 1
    for load_id in load_ids:
        # what is in there belongs to a try that was killed, and is still in the directory it came from
        shutil.rmtree(target.root / AGAIN, ignore_errors=True)
        load_package(target.pipeline(target.root / AGAIN), _source(_files(left_behind, load_id, {"parquet"})))
    shutil.rmtree(target.root / AGAIN, ignore_errors=True)
    return 1


def _load_ids(pipeline: dlt.Pipeline) -> Iterator[str]:
    """Packages that are not loaded, and packages that dlt gave up because the destination refused a job."""
    yield from pipeline.list_normalized_load_packages()
    for load_id in pipeline.list_completed_load_packages():
        if pipeline.list_failed_jobs_in_package(load_id):
            yield load_id


def _files(pipeline: dlt.Pipeline, load_id: str, formats: set[str]) -> list[tuple[str, Path]]:
    """A package's files of rows in some formats, done or not, with their tables; dlt's own tables are left out."""
    return [
        (job.job_file_info.table_name, Path(job.file_path))
        for jobs in pipeline.get_load_package_info(load_id).jobs.values()
        for job in jobs
        if job.job_file_info.file_format in formats and job.job_file_info.table_name in TABLES
    ]


def _source(files: list[tuple[str, Path]]) -> DltSource:
    def rows() -> Iterator[object]:
        for table, path in files:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(ROWS_AT_A_TIME):
                    yield as_table(TABLES[table], pa.Table.from_batches([batch]))

    left_behind: DltResource = dlt.resource(rows, name="left_behind")
    return DltSource(dlt.Schema("weather"), "weather", [left_behind])


def _refused_again(target: Target, directory: Path, error: Exception) -> None:
    tally = directory / "tries"
    tries = int(tally.read_text()) + 1 if tally.exists() else 1
    if tries < TRIES:
        tally.write_text(str(tries))
        logger.error("The load of run %s failed again, try %d of %d: %s", directory.name, tries, TRIES, reason(error))
        return
    aside = target.root / ASIDE / directory.name
    aside.parent.mkdir(exist_ok=True)
    tally.unlink(missing_ok=True)
    directory.rename(aside)
    logger.error(
        "The load of run %s failed %d times and is set aside, with its data, in %s: %s. To try it again, move that "
        "folder one level up.",
        directory.name,
        tries,
        aside,
        reason(error),
    )

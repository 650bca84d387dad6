"""Load packages that wait in a working directory: a killed or failed run's, and those that a shard has just fetched.

They are loaded anew from their files, as packages of their own, rather than resumed: dlt would run a half-done job
again over what it had staged already, and the merge would see every row twice. Loading them again is safe, because
every table is merged by key. What a dead run left is loaded before anything new, and never dropped; a package that the
destination refuses again and again is set aside with its files, so that it does not hold up the hours after it.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.extract import DltResource, DltSource

from dlt_sources.weather.common.errors import RowsRefusedError, reason
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.convert.items import as_table
from dlt_sources.weather.convert.new_columns import rename_conflicting_columns
from dlt_sources.weather.destination.connection import is_down
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.packages import PackageLoader, translated_errors
from dlt_sources.weather.pipeline.working_directories import QUARANTINE, directories, lock_directory

logger = logging.getLogger(__name__)
TRIES = 3
ROWS_AT_A_TIME = 50_000
# dlt's formats for rows; it keeps its merge statements in files too
ROW_FORMATS = {"parquet", "jsonl", "typed-jsonl", "csv", "insert_values"}


def recover_interrupted_runs(target: Target, reload_directory: Path, load_package: PackageLoader) -> int:
    """Load what dead runs left in the target's working directories; the caller holds what it takes to write.

    Args:
        target: where the packages belong.
        reload_directory: a folder of the caller's own to load them from.
        load_package: extracts and loads a source, raising DestinationError.

    Returns:
        How many runs left something that is loaded now.

    Raises:
        DestinationError: the destination is down, or a disk is full; everything is kept.
    """
    finished = 0
    for directory in directories(target.root):
        with lock_directory(directory) as free:
            # another run may have finished it since it was listed
            if free and directory.exists():
                finished += _recover_or_count(target, directory, reload_directory, load_package)
    return finished


def _recover_or_count(target: Target, directory: Path, reload_directory: Path, load_package: PackageLoader) -> bool:
    """Finish a dead run's directory, or note that it could not be."""
    try:
        loaded = recover(target, directory, reload_directory, load_package, left_by=directory.name)
    except Exception as error:
        # whatever is wrong with one old package must not stop new loads; a destination that is down, or a full disk,
        # is wrong with no package
        if not isinstance(error, RowsRefusedError) and is_down(error):
            raise
        _refused_again(target, directory, error)
        return False
    shutil.rmtree(directory)
    return loaded is not None


def recover(
    target: Target, directory: Path, reload_directory: Path, load_package: PackageLoader, left_by: str | None = None
) -> Counter[str] | None:
    """Load the packages that wait in a working directory, which stay there.

    Args:
        target: where they belong.
        directory: where they wait.
        reload_directory: a folder of the caller's own to load them from.
        load_package: extracts and loads a source, raising DestinationError.
        left_by: the dead run that they are of, to be told of.

    Returns:
        Rows by table; None where no package waits.

    Raises:
        DestinationError: the destination did not take them.
    """
    waiting = target.pipeline(directory)
    # dlt keeps a package's extracted files for a moment after they are normalized
    if set(waiting.list_extracted_load_packages()) - set(waiting.list_normalized_load_packages()):
        with translated_errors():
            waiting.normalize()
    # those that are not loaded; those that dlt gave up, because the destination refused a job, or that did not arrive
    load_ids = [*waiting.list_normalized_load_packages(), *waiting.list_completed_load_packages()]
    packages = [files for load_id in load_ids if (files := _files(waiting, load_id))]
    if not packages:
        return None
    if left_by:
        logger.info("Finishing the load that run %s left behind", left_by)
    rows: Counter[str] = Counter()
    if any(path.suffix != ".parquet" for files in packages for _, path in files):
        # a destination that takes no parquet; only dlt can read what it wrote for it
        with translated_errors():
            waiting.load()
        return rows
    for files in packages:
        # what is in there belongs to a try that failed, and is still in the directory it came from
        shutil.rmtree(reload_directory, ignore_errors=True)
        rows += load_package(target.pipeline(reload_directory), _source(files))
    shutil.rmtree(reload_directory, ignore_errors=True)
    return rows


def _files(pipeline: dlt.Pipeline, load_id: str) -> list[tuple[str, Path]]:
    """A package's files of rows, done or not, with their tables; dlt's own tables are left out."""
    return [
        (job.job_file_info.table_name, Path(job.file_path))
        for jobs in pipeline.get_load_package_info(load_id).jobs.values()
        for job in jobs
        if job.job_file_info.file_format in ROW_FORMATS and job.job_file_info.table_name in TABLES
    ]


def _source(files: list[tuple[str, Path]]) -> DltSource:
    """The source of a package's rows: a resource a table, by its name."""
    of_table: defaultdict[str, list[Path]] = defaultdict(list)
    for table, path in files:
        of_table[table].append(path)
    return DltSource(dlt.Schema("weather"), "weather", [_resource(table, paths) for table, paths in of_table.items()])


def _resource(table: str, paths: list[Path]) -> DltResource:
    def read() -> Iterator[object]:
        for path in paths:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(ROWS_AT_A_TIME):
                    rows = pa.Table.from_batches([batch])
                    yield as_table(TABLES[table], rename_conflicting_columns(TABLES[table], rows))

    found: DltResource = dlt.resource(read, name=table)
    return found


def _refused_again(target: Target, directory: Path, error: Exception) -> None:
    tries_file = directory / "tries"
    tries = int(tries_file.read_text()) + 1 if tries_file.exists() else 1
    if tries < TRIES:
        tries_file.write_text(str(tries))
        logger.error("The load of run %s failed again, try %d of %d: %s", directory.name, tries, TRIES, reason(error))
        return
    aside = target.root / QUARANTINE / directory.name
    aside.parent.mkdir(exist_ok=True)
    tries_file.unlink(missing_ok=True)
    directory.rename(aside)
    logger.error(
        "The load of run %s failed %d times and is set aside, with its data, in %s: %s. To try it again, move that "
        "folder one level up.",
        directory.name,
        tries,
        aside,
        reason(error),
    )

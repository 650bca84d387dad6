"""Recovery of pending packages: those of interrupted runs, and those that a shard has just fetched.

A pending package is not resumed. Its rows are loaded from its files in a new package: dlt would repeat a half-done job
over rows that it had staged already, and the merge would see every row twice. Loading them twice is safe, because every
table is merged by key. Packages of interrupted runs are loaded before anything new, and never dropped. A package that
the destination refuses several times is quarantined with its files, so that it does not block later hours.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.extract import DltResource, DltSource

from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.convert.items import as_table
from dlt_sources.weather.convert.new_columns import rename_conflicting_columns
from dlt_sources.weather.destination.connection import translated_errors
from dlt_sources.weather.destination.failures import is_down, words
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract.recovered import journal_source
from dlt_sources.weather.journal import condition_of, journal_files
from dlt_sources.weather.pipeline.packages import PackageLoader
from dlt_sources.weather.pipeline.quarantine import set_aside
from dlt_sources.weather.pipeline.working_directories import ROW_FORMATS, TRIES_FILE, directories, lock_directory

logger = logging.getLogger(__name__)
TRIES = 3
ROWS_AT_A_TIME = 50_000


def recover_interrupted_runs(target: Target, reload_directory: Path, load_package: PackageLoader) -> int:
    """Load the packages and the answers that interrupted runs left behind. The caller holds the writer lock.

    Args:
        target: the target of the packages; runs that reached it under another name of its destination count too.
        reload_directory: scratch directory from which the packages are loaded.
        load_package: extracts and loads a source, raising DestinationError.

    Returns:
        The number of runs whose packages are loaded now.

    Raises:
        DestinationError: the destination is down, or a disk is full; everything is kept.
    """
    recovered = 0
    for directory in sorted(chain(*map(directories, target.roots)), key=lambda path: path.name):
        with lock_directory(directory) as acquired:
            # another run may have recovered it since it was listed
            if acquired and directory.exists():
                recovered += _recover_or_count(target, directory, reload_directory, load_package)
    return recovered


def _recover_or_count(target: Target, directory: Path, reload_directory: Path, load_package: PackageLoader) -> bool:
    """Recover an interrupted run and remove its directory, or count the attempt that failed."""
    try:
        rows = recover(target, directory, reload_directory, load_package, left_by=directory.name)
        damage, answers = "", 0
        # a package was extracted completely, so it has everything that its journal has
        if rows is None or len(journal_files(directory)) > 1:
            answers, damage = _recover_journals(target, directory, reload_directory, load_package)
    except Exception as error:
        # a bad package must not block new loads; an outage or a full disk is no fault of the package
        if is_down(error):
            raise
        _count_attempt(directory, error)
        return False
    if damage:
        logger.error("%s. What could be read is loaded; the file is kept in %s", damage, set_aside(directory, damage))
    else:
        shutil.rmtree(directory)
    return rows is not None or answers > 0


def _recover_journals(
    target: Target, directory: Path, reload_directory: Path, load_package: PackageLoader
) -> tuple[int, str]:
    """Load the answers that an interrupted run kept in its journals.

    Returns:
        Their number, and a sentence about the last journal that is damaged; empty if none is.
    """
    answers, damage = 0, ""
    for file in journal_files(directory):
        condition = condition_of(file)
        if condition.torn_bytes:
            logger.warning(
                "%s ends in an incomplete answer, as a kill leaves it: %d bytes are cut off after %d answers",
                file,
                condition.torn_bytes,
                condition.entries,
            )
        if condition.damaged_bytes:
            damage = (
                f"{condition.damaged_bytes} bytes of the journal {file.name} of run {directory.name} are damaged; "
                f"{condition.entries} answers could be read"
            )
        if condition.entries:
            logger.info("Loading %d answers that run %s left behind", condition.entries, directory.name)
            shutil.rmtree(reload_directory, ignore_errors=True)
            load_package(target.pipeline(reload_directory), journal_source(file))
            answers += condition.entries
    shutil.rmtree(reload_directory, ignore_errors=True)
    return answers, damage


def recover(
    target: Target, directory: Path, reload_directory: Path, load_package: PackageLoader, left_by: str | None = None
) -> Counter[str] | None:
    """Load the pending packages of a working directory; their files stay there.

    Args:
        target: the target of the packages.
        directory: the working directory.
        reload_directory: scratch directory from which the packages are loaded.
        load_package: extracts and loads a source, raising DestinationError.
        left_by: the interrupted run that they are of, for the log.

    Returns:
        Rows by table; None if no package is pending.

    Raises:
        DestinationError: the destination did not take them.
    """
    pending = target.pipeline(directory)
    # dlt keeps a package's extracted files for a moment after they are normalized
    if set(pending.list_extracted_load_packages()) - set(pending.list_normalized_load_packages()):
        with translated_errors():
            pending.normalize()
    # completed ones are pending too: dlt gave up a refused job, or rows did not arrive
    load_ids = [*pending.list_normalized_load_packages(), *pending.list_completed_load_packages()]
    packages = [files for load_id in load_ids if (files := _files(pending, load_id))]
    if not packages:
        return None
    if left_by:
        logger.info("Finishing the load that run %s left behind", left_by)
    rows: Counter[str] = Counter()
    if any(path.suffix != ".parquet" for files in packages for _, path in files):
        # the destination takes no parquet; only dlt can read the files that it wrote
        with translated_errors():
            pending.load()
        return rows
    for files in packages:
        # files of a failed attempt, which are still in the directory that they came from
        shutil.rmtree(reload_directory, ignore_errors=True)
        rows += load_package(target.pipeline(reload_directory), _source(files))
    shutil.rmtree(reload_directory, ignore_errors=True)
    return rows


def _files(pipeline: dlt.Pipeline, load_id: str) -> list[tuple[str, Path]]:
    """Return the tables and files of a package's rows, loaded or not, without dlt's own tables."""
    return [
        (job.job_file_info.table_name, Path(job.file_path))
        for jobs in pipeline.get_load_package_info(load_id).jobs.values()
        for job in jobs
        if job.job_file_info.file_format in ROW_FORMATS and job.job_file_info.table_name in TABLES
    ]


def _source(files: list[tuple[str, Path]]) -> DltSource:
    """Return a source with one resource per table of a package."""
    paths_by_table: defaultdict[str, list[Path]] = defaultdict(list)
    for table, path in files:
        paths_by_table[table].append(path)
    return DltSource(
        dlt.Schema("weather"), "weather", [_resource(table, paths) for table, paths in paths_by_table.items()]
    )


def _resource(table: str, paths: list[Path]) -> DltResource:
    def read() -> Iterator[object]:
        for path in paths:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(ROWS_AT_A_TIME):
                    rows = pa.Table.from_batches([batch])
                    yield as_table(TABLES[table], rename_conflicting_columns(TABLES[table], rows))

    resource: DltResource = dlt.resource(read, name=table)
    return resource


def _count_attempt(directory: Path, error: Exception) -> None:
    """Count a failed recovery, and quarantine the directory after the last one."""
    tries_file = directory / TRIES_FILE
    tries = int(tries_file.read_text()) + 1 if tries_file.exists() else 1
    if tries < TRIES:
        tries_file.write_text(str(tries))
        logger.error("The load of run %s failed again, try %d of %d: %s", directory.name, tries, TRIES, words(error))
        return
    tries_file.unlink(missing_ok=True)
    quarantine = set_aside(directory, words(error))
    logger.error(
        "The load of run %s failed %d times and is set aside, with its data, in %s: %s. `weather packages` lists what "
        "is set aside; `weather packages --retry` brings it back for the next load.",
        directory.name,
        tries,
        quarantine,
        words(error),
    )

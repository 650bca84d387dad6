"""Load packages that a killed or failed run left behind: they are loaded before anything new, and never dropped.

A package that the destination refuses again and again is set aside with its data, so that it does not hold up the
hours after it.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_sources.weather.connection import is_down
from dlt_sources.weather.errors import DestinationError, reason
from dlt_sources.weather.target import Target

logger = logging.getLogger(__name__)
TRIES = 3
ASIDE = "set_aside"


def finish_pending(target: Target) -> int:
    """Load what earlier runs left in the target's working directories; the caller holds the writer's lock.

    Returns:
        How many runs left something that is loaded now.

    Raises:
        DestinationError: the destination is down; everything is kept.
    """
    finished = 0
    for directory in sorted(path for path in target.root.iterdir() if path.is_dir() and path.name != ASIDE):
        try:
            finished += _finish(target, directory)
        except DestinationError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one old package must not stop new loads
            _failed_again(target, directory, error)
        else:
            shutil.rmtree(directory)
    return finished


def _finish(target: Target, directory: Path) -> int:
    pipeline = target.pipeline(directory)
    if not pipeline.has_pending_data:
        if list(directory.glob("*/load/loaded/*/failed_jobs/*")):
            raise RuntimeError("the destination refused some of its rows")
        return 0
    logger.info("Finishing the load that run %s left behind", directory.name)
    try:
        pipeline.normalize()
        pipeline.load()
    except PipelineStepFailed as error:
        if is_down(error):
            raise DestinationError(f"The destination cannot be reached: {reason(error)}") from None
        raise
    return 1


def _failed_again(target: Target, directory: Path, error: Exception) -> None:
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
